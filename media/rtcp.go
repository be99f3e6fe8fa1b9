package media

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

// What is sent is written here and not by pion/rtcp, because that makes each packet in a slice of its own: at 5 s a
// report, a room of 50 legs would allocate twice a tick. The tests read it back with pion/rtcp.

const (
	rtcpHeaderSize = 4
	blockWords     = 6 // a reception report block
)

// appendRTCPHeader begins a packet of words 32-bit words behind the header (RFC 3550 §6.4.1).
func appendRTCPHeader(b []byte, count int, kind rtcp.PacketType, words int) []byte {
	return append(b, rtpVersion<<6|byte(count), byte(kind), byte(words>>8), byte(words))
}

// appendReport writes a sender report if RTP was sent in this interval or the one before, else a receiver report
// (RFC 3550 §6.4).
func (r *reporter) appendReport(b []byte, l *Leg, now time.Time) []byte {
	s := &l.sender
	block, blocks := r.block(&l.source, now)
	if r.sentNow || r.sentBefore {
		b = appendRTCPHeader(b, blocks, rtcp.TypeSenderReport, 6+blockWords*blocks)
		b = binary.BigEndian.AppendUint32(b, s.ssrc)
		b = binary.BigEndian.AppendUint64(b, ntpTime(now))
		b = binary.BigEndian.AppendUint32(b, s.clockAt(now, l.Format().ClockRateHz))
		b = binary.BigEndian.AppendUint32(b, s.packets)
		b = binary.BigEndian.AppendUint32(b, s.octets)
	} else {
		b = appendRTCPHeader(b, blocks, rtcp.TypeReceiverReport, 1+blockWords*blocks)
		b = binary.BigEndian.AppendUint32(b, s.ssrc)
	}
	if blocks > 0 {
		for _, word := range block {
			b = binary.BigEndian.AppendUint32(b, word)
		}
	}
	return b
}

// block is the reception report of a source that was heard since the last one (RFC 3550 §6.4.1): 0 or 1 of them.
func (r *reporter) block(src *source, now time.Time) (b [blockWords]uint32, blocks int) {
	if !src.known || src.received == r.reported {
		return b, 0
	}
	r.reported = src.received
	lost := uint32(min(max(src.lost(), -0x800000), 0x7fffff)) & 0xffffff // a signed number of 24 bits
	delay := uint32(0)
	if r.senderReport != 0 {
		delay = delaySince(r.reportAt, now)
	}
	return [blockWords]uint32{
		src.ssrc, uint32(src.fraction())<<24 | lost, src.highest(), src.jitter >> 4, r.senderReport, delay,
	}, 1
}

// appendCNAME writes a source description of one CNAME (RFC 3550 §6.5.1), closed by at least one zero octet.
func (r *reporter) appendCNAME(b []byte, ssrc uint32) []byte {
	words := 1 + (2+len(r.cname))/4 + 1
	end := len(b) + rtcpHeaderSize + 4*words
	b = appendRTCPHeader(b, 1, rtcp.TypeSourceDescription, words)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = append(b, byte(rtcp.SDESCNAME), byte(len(r.cname)))
	b = append(b, r.cname...)
	for len(b) < end {
		b = append(b, 0)
	}
	return b
}

// ntpTime is t in the 64 bits of RFC 3550 §4.
func ntpTime(t time.Time) uint64 {
	const from1900to1970 = 2208988800
	ns := t.UnixNano()
	return uint64(ns/1e9+from1900to1970)<<32 | uint64(ns%1e9)<<32/1e9
}

// ntpMiddle is the middle 32 bits, units of 1/65536 s.
func ntpMiddle(ntp uint64) uint32 { return uint32(ntp >> 16) }
