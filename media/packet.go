package media

import (
	"encoding/binary"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	rtpVersion   = 2
	headerSize   = 12
	extensionBit = 0x10
)

// parsed is what pion reads packets into, again and again: the slices in it have room for all that a header can
// count, so that reading does not allocate.
type parsed struct {
	header   rtp.Header
	sender   rtcp.SenderReport
	receiver rtcp.ReceiverReport
}

func (p *parsed) init() {
	p.header.CSRC = make([]uint32, 0, 15)
	p.sender.Reports = make([]rtcp.ReceptionReport, 0, 31)
	p.receiver.Reports = make([]rtcp.ReceptionReport, 0, 31)
}

// parse checks a packet by RFC 3550 §A.1, reads its header into h and returns its payload, without padding.
//
// The header extension, if any, is stepped over and not read: nothing here wants one yet, RFC 3550 §5.3.1 lets a
// receiver ignore it, and pion's Unmarshal would allocate for it and refuse the packet for an element that is
// malformed. The X bit is therefore cleared in packet before Unmarshal sees it.
func parse(packet []byte, h *rtp.Header) ([]byte, reason) {
	if len(packet) < headerSize {
		return nil, reasonShort
	}
	if packet[0]>>6 != rtpVersion {
		return nil, reasonVersion
	}
	start := headerSize + 4*int(packet[0]&0x0f)
	if packet[0]&extensionBit != 0 {
		if len(packet) < start+4 {
			return nil, reasonShort
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(packet[start+2:]))
		packet[0] &^= extensionBit
	}
	if len(packet) < start {
		return nil, reasonShort
	}
	if _, err := h.Unmarshal(packet); err != nil {
		return nil, reasonShort
	}
	end := len(packet)
	if h.Padding {
		padding := int(packet[end-1])
		if padding == 0 || padding > end-start {
			return nil, reasonPadding
		}
		end -= padding
	}
	return packet[start:end], accepted
}

// isRTCP tells RTCP from RTP on one port by the second byte (RFC 5761 §4).
func isRTCP(packet []byte) bool { return len(packet) >= 2 && packet[1] >= 192 && packet[1] <= 223 }
