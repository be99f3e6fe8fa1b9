package media

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/pion/rtcp"

	"github.com/confbridge/confbridge/media/internal/control"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/quality"
)

// Extended reports (RFC 3611) are sent to who has asked for them, in SDP or by sending some: to all others they would be
// octets for nothing. They are written and read here by us, because pion/rtcp allocates for each block.

const (
	// metricsEvery is how many reports there are to one with VoIP metrics: they change slowly.
	metricsEvery = 3

	blockReferenceTime = 4 // RFC 3611 §4.4
	blockDelay         = 5 // §4.5
	blockMetrics       = 7 // §4.7

	referenceTimeSize = 12 // bytes, with the block's header
	metricsSize       = 36
	metricsWords      = metricsSize / 4
	delayWords        = 4

	unavailable = 127 // what stands for no value (RFC 3611 §4.7.4, §4.7.5)
	// receiver is the RX config of RFC 3611 §4.7.6: losses are concealed by more than repetition, the jitter buffer adapts,
	// how fast is not said.
	receiver = 0b10<<6 | 0b11<<4
	// fullScaleDBm0 is the level of a full-scale sine, which is 0 dBFS here (ITU-T G.711: 3.14 or 3.17 dBm0).
	fullScaleDBm0 = 3
)

var errBlocks = errors.New("media: the blocks of an extended report do not fill it")

// extended is what a leg has for the peer's extended reports, and from them.
type extended struct {
	asked    bool // the peer's SDP has asked for metrics
	heard    bool // the peer sends extended reports itself
	observed bool
	local    quality.Local
	reports  int // since the last one with metrics

	reference   uint32 // the middle of the NTP time in the peer's last reference time block; 0: none to be answered
	referenceAt time.Time
}

// Observe takes what is known of how the leg's sound comes in, for the reports to the peer.
func (l *Leg) Observe(q quality.Local) {
	x := &l.report.extended
	x.observed, x.local = true, q
}

// appendExtended writes what the peer wants to be told by this report, if anything. last says that it is the final one.
func (r *reporter) appendExtended(b []byte, l *Leg, now time.Time, last bool) []byte {
	x := &r.extended
	x.reports++
	metrics := (x.asked || x.heard) && x.observed && l.source.known && (last || x.reports >= metricsEvery)
	delay := x.reference != 0 && l.source.known
	if !metrics && !delay {
		return b
	}
	words := 1
	if delay {
		words += delayWords
	}
	if metrics {
		words += metricsWords
	}
	b = control.AppendHeader(b, 0, rtcp.TypeExtendedReport, words)
	b = binary.BigEndian.AppendUint32(b, l.sender.ssrc)
	if delay {
		b = append(b, blockDelay, 0, 0, delayWords-1)
		b = binary.BigEndian.AppendUint32(b, l.source.ssrc)
		b = binary.BigEndian.AppendUint32(b, x.reference)
		b = binary.BigEndian.AppendUint32(b, control.DelaySince(x.referenceAt, now))
		x.reference = 0
	}
	if metrics {
		b = l.appendMetrics(b)
		x.reports = 0
	}
	return b
}

// appendMetrics writes a VoIP metrics block about what comes in (RFC 3611 §4.7).
func (l *Leg) appendMetrics(b []byte) []byte {
	q := &l.report.extended.local
	runs := l.source.bursts.runs()
	b = append(b, blockMetrics, 0, 0, metricsWords-1)
	b = binary.BigEndian.AppendUint32(b, l.source.ssrc)
	b = append(b, in256ths(q.Unrepaired()), in256ths(q.Discard), in256ths(runs.burstDensity), in256ths(runs.gapDensity))
	b = appendMilliseconds(b, l.lasting(runs.burstPackets))
	b = appendMilliseconds(b, l.lasting(runs.gapPackets))
	b = appendMilliseconds(b, l.report.peer.RoundTrip)
	b = appendMilliseconds(b, q.BufferNominal+mixer.FrameDuration+l.Profile().PacketTime())
	b = append(b, inDBm0(q.SignalDBFS), inDBm0(q.NoiseDBFS), unavailable, gapMinimum)
	b = append(b, inWhole(q.RFactor, q.MOS > 0), unavailable, l.listening(q), inWhole(10*q.MOS, q.MOS > 0))
	b = append(b, receiver, 0)
	b = appendMilliseconds(b, q.BufferNominal)
	b = appendMilliseconds(b, q.BufferMax)
	return appendMilliseconds(b, q.BufferLimit)
}

// listening is MOS-LQ in tenths: as MOS, but for the delay, of which one who only listens knows nothing.
func (l *Leg) listening(q *quality.Local) byte {
	_, mos := quality.Estimate(quality.Call{Codec: string(l.format.Name), Loss: q.Unrepaired() + q.Discard})
	return inWhole(10*mos, q.MOS > 0)
}

// lasting is how long so many of the peer's packets are.
func (l *Leg) lasting(packets float64) time.Duration {
	if l.format.ClockRateHz == 0 {
		return 0
	}
	return time.Duration(packets * float64(l.packetUnits) / float64(l.format.ClockRateHz) * float64(time.Second))
}

// in256ths is a share as RFC 3611 §4.7.1 has it.
func in256ths(share float64) byte { return byte(min(max(256*share, 0), 255)) }

func appendMilliseconds(b []byte, d time.Duration) []byte {
	return binary.BigEndian.AppendUint16(b, uint16(min(max(d.Milliseconds(), 0), 0xffff)))
}

// inDBm0 is a level of RFC 3611 §4.7.4, a signed byte.
func inDBm0(dbfs float64) byte {
	if !(dbfs > -unavailable) { // NaN too
		return unavailable
	}
	return byte(int8(math.Round(min(dbfs, 0)) + fullScaleDBm0))
}

func inWhole(value float64, known bool) byte {
	if !known {
		return unavailable
	}
	return byte(math.Round(min(max(value, 0), 100)))
}

// readExtended reads the blocks of one extended report.
func (l *Leg) readExtended(b []byte, at time.Time) error {
	end := len(b)
	if b[0]&0x20 != 0 { // padding
		end -= int(b[len(b)-1])
	}
	if len(b) < 2*control.HeaderSize || end < 2*control.HeaderSize || end%4 != 0 {
		return errBlocks
	}
	ours := binary.BigEndian.Uint32(b[control.HeaderSize:]) == l.source.ssrc
	for rest := b[2*control.HeaderSize : end]; len(rest) > 0; {
		size := 4 * (int(binary.BigEndian.Uint16(rest[2:])) + 1)
		if size > len(rest) {
			return errBlocks
		}
		if ours {
			l.readBlock(rest[:size], at)
		}
		rest = rest[size:]
	}
	l.report.extended.heard = l.report.extended.heard || ours
	return nil
}

// readBlock reads one block of the source that is heard. Those of other kinds and lengths are passed over (RFC 3611 §3).
func (l *Leg) readBlock(b []byte, at time.Time) {
	r := &l.report
	switch {
	case b[0] == blockReferenceTime && len(b) == referenceTimeSize:
		r.extended.reference, r.extended.referenceAt = control.NTPMiddle(binary.BigEndian.Uint64(b[4:])), at
	case b[0] == blockMetrics && len(b) == metricsSize && binary.BigEndian.Uint32(b[4:]) == l.sender.ssrc:
		r.news = true
		p := &r.peer.Peer
		p.At, p.VoIP, p.RFactor, p.MOS = at, true, 0, 0
		if v := b[24]; v <= 100 {
			p.RFactor = float64(v)
		}
		for _, v := range b[26:28] { // of listening, or else of conversation
			if v >= 10 && v <= 50 && p.MOS == 0 {
				p.MOS = float64(v) / 10
			}
		}
		p.BufferNominal = time.Duration(binary.BigEndian.Uint16(b[30:])) * time.Millisecond
		if p.RoundTrip == 0 {
			p.RoundTrip = time.Duration(binary.BigEndian.Uint16(b[16:])) * time.Millisecond
		}
	}
}
