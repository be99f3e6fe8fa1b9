package media

import "time"

// The limits of RFC 3550 §A.1.
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// source is what is known of one SSRC that has passed its probation: sequence, loss and jitter (RFC 3550 §6.4.1).
type source struct {
	known    bool
	ssrc     uint32
	base     uint16
	max      uint16
	cycles   uint32 // shifted count of sequence number cycles
	bad      uint32 // the sequence number that would make a jump believed; above 65535: none
	received uint32

	expectedPrior uint32
	receivedPrior uint32

	timed   bool // transit is of this source and clock
	transit uint32
	jitter  uint32 // 16 times the interarrival jitter (RFC 3550 §A.8)

	bursts bursts
}

const noBad = 1 << 16

// start begins with packet sequence as the first of ssrc.
func (s *source) start(ssrc uint32, sequence uint16) {
	*s = source{known: true, ssrc: ssrc, base: sequence, max: sequence, bad: noBad, received: 1}
	s.bursts.advance(1)
}

// step says what a packet of the source is.
type step uint8

const (
	stepNext    step = iota // newer than all before
	stepOld                 // late or again: still taken, the jitter buffer knows
	stepRestart             // the source has begun anew under its SSRC
	stepBad                 // not to be taken
)

// update is update_seq of RFC 3550 §A.1.
func (s *source) update(sequence uint16) step {
	delta := sequence - s.max
	switch {
	case delta == 0:
		s.received++
		return stepOld
	case delta < maxDropout:
		if sequence < s.max {
			s.cycles += 1 << 16
		}
		s.max = sequence
		s.received++
		s.bad = noBad
		s.bursts.advance(delta)
		return stepNext
	case delta > 0xffff-maxMisorder+1:
		s.received++
		s.bursts.late(-delta)
		return stepOld
	case uint32(sequence) == s.bad:
		// Two in sequence behind a jump: the other side restarted without telling us.
		jitter := s.jitter
		s.start(s.ssrc, sequence)
		s.jitter = jitter
		return stepRestart
	default:
		s.bad = uint32(sequence + 1)
		return stepBad
	}
}

// discard says that the packet of that sequence number, which update has taken, was of no use any more. Where there were too
// many it may have been its neighbour.
func (s *source) discard(sequence uint16) { s.bursts.discard(s.max - sequence) }

// clock measures the interarrival jitter (RFC 3550 §A.8).
func (s *source) clock(timestamp uint32, arrival time.Time, clockRateHz int) {
	ns := arrival.UnixNano()
	seconds, rest := uint64(ns/1e9), uint64(ns%1e9)
	units := uint32(seconds*uint64(clockRateHz) + rest*uint64(clockRateHz)/1e9)
	transit := units - timestamp
	if s.timed {
		d := int32(transit - s.transit)
		if d < 0 {
			d = -d
		}
		s.jitter += uint32(d) - ((s.jitter + 8) >> 4)
	}
	s.transit, s.timed = transit, true
}

// highest is the extended highest sequence number received.
func (s *source) highest() uint32 { return s.cycles + uint32(s.max) }

// lost is how many packets never came; duplicates make it smaller (RFC 3550 §6.4.1).
func (s *source) lost() int64 {
	if !s.known {
		return 0
	}
	return int64(s.highest()) - int64(s.base) + 1 - int64(s.received)
}

// fraction is the share of packets lost since the last call in 256ths (RFC 3550 §A.3).
func (s *source) fraction() uint8 {
	expected := s.highest() - uint32(s.base) + 1
	expectedInterval := expected - s.expectedPrior
	receivedInterval := s.received - s.receivedPrior
	s.expectedPrior, s.receivedPrior = expected, s.received
	lost := int64(expectedInterval) - int64(receivedInterval)
	if expectedInterval == 0 || lost <= 0 {
		return 0
	}
	return uint8(min(lost<<8/int64(expectedInterval), 255))
}
