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

// parse checks a packet by RFC 3550 §A.1, reads its header into h and returns its payload, without padding, and the header
// extension, of which nothing is checked but that it is there. The X bit is cleared in packet before pion's Unmarshal sees
// it, which would read the extension as well.
func parse(packet []byte, h *rtp.Header) (payload []byte, x extension, why reason) {
	if len(packet) < headerSize {
		return nil, x, reasonShort
	}
	if packet[0]>>6 != rtpVersion {
		return nil, x, reasonVersion
	}
	start := headerSize + 4*int(packet[0]&0x0f)
	if packet[0]&extensionBit != 0 {
		if len(packet) < start+4 {
			return nil, x, reasonShort
		}
		x.profile = binary.BigEndian.Uint16(packet[start:])
		from := start + 4
		start = from + 4*int(binary.BigEndian.Uint16(packet[start+2:]))
		if len(packet) < start {
			return nil, x, reasonShort
		}
		x.data = packet[from:start]
		packet[0] &^= extensionBit
	}
	if len(packet) < start {
		return nil, x, reasonShort
	}
	if _, err := h.Unmarshal(packet); err != nil {
		return nil, x, reasonShort
	}
	end := len(packet)
	if h.Padding {
		padding := int(packet[end-1])
		if padding == 0 || padding > end-start {
			return nil, x, reasonPadding
		}
		end -= padding
	}
	return packet[start:end], x, accepted
}

// isRTCP tells RTCP from RTP on one port by the second byte (RFC 5761 §4).
func isRTCP(packet []byte) bool { return len(packet) >= 2 && packet[1] >= 192 && packet[1] <= 223 }
