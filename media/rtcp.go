package media

import (
	"encoding/binary"
	"time"

	"github.com/confbridge/confbridge/media/internal/control"
)

// appendReport writes a sender report if RTP was sent in this interval or the one before, else a receiver report
// (RFC 3550 §6.4).
func (r *reporter) appendReport(b []byte, l *Leg, now time.Time) []byte {
	s := &l.sender
	block, blocks := r.block(&l.source, now)
	if r.sentNow || r.sentBefore {
		b = control.AppendSenderReport(b, blocks, control.Sender{
			SSRC: s.ssrc, At: now, Timestamp: s.clockAt(now, l.Format().ClockRateHz), Packets: s.packets, Octets: s.octets,
		})
	} else {
		b = control.AppendReceiverReport(b, blocks, s.ssrc)
	}
	if blocks > 0 {
		for _, word := range block {
			b = binary.BigEndian.AppendUint32(b, word)
		}
	}
	return b
}

// block is the reception report of a source that was heard since the last one (RFC 3550 §6.4.1): 0 or 1 of them.
func (r *reporter) block(src *source, now time.Time) (b [control.BlockWords]uint32, blocks int) {
	if !src.known || src.received == r.reported {
		return b, 0
	}
	r.reported = src.received
	lost := uint32(min(max(src.lost(), -0x800000), 0x7fffff)) & 0xffffff // a signed number of 24 bits
	delay := uint32(0)
	if r.senderReport != 0 {
		delay = control.DelaySince(r.reportAt, now)
	}
	return [control.BlockWords]uint32{
		src.ssrc, uint32(src.fraction())<<24 | lost, src.highest(), src.jitter >> 4, r.senderReport, delay,
	}, 1
}
