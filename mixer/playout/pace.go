package playout

import "time"

// How the delay is changed, by the piece of at most 15 ms.
const (
	hurry       = 40 * time.Millisecond  // of surplus from which on there is a piece each tick,
	slowTicks   = 5                      // and with less so many ticks from one to the next
	trifle      = 10 * time.Millisecond  // of surplus that nothing need be done about, but where it is easy,
	idleTicks   = 25                     // and looked for as seldom as this
	quietPieces = 4                      // a tick, in silence
	shortAlike  = 0.85                   // correlation without which nothing is taken out,
	longAlike   = 0.7                    // nor put in, where it would soon be missing,
	impatience  = 0.02                   // less by so much for each tick that it was wanted
	pressing    = 400 * time.Millisecond // of surplus, at which anything is taken out
	tolerance   = 10 * time.Microsecond  // that nothing is put in for: it is rounding
	generosity  = time.Millisecond       // by which more is put in than is missing, for each tick that it was wanted
)

// pace changes the delay of the sound in the queue so that it comes to what the jitter buffer aims at.
type pace struct {
	since    int // ticks since the last piece
	patience int // ticks for which nothing was alike enough
}

// adjust takes time out of the queue's first frame, or puts some in. It says whether the queue must be filled up again.
func (s *Stream) adjust() (short bool) {
	s.pace.since++
	surplus := s.jitter.Surplus(s.queued())
	switch {
	case surplus < -tolerance:
		s.stretch(-surplus)
	case surplus > 0:
		if s.pace.due(surplus) || s.isBelow(quietPeak) {
			return s.squeeze(surplus)
		}
	default:
		s.pace.patience = 0
	}
	return false
}

// due says whether it is time to take out another piece.
func (p *pace) due(surplus time.Duration) bool {
	switch {
	case surplus >= hurry:
		return true
	case surplus >= trifle:
		return p.since >= slowTicks
	}
	return p.since >= idleTicks
}

// stretch puts time in where what is needed would soon be missing.
func (s *Stream) stretch(missing time.Duration) {
	room := cap(s.queue) - len(s.queue)
	most := max(missing+time.Duration(s.pace.patience)*generosity, shortest)
	sp, ok := findSplice(s.queue, s.format.SampleRateHz, min(s.samples(most)+1, room))
	if !ok || sp.alike < longAlike-impatience*float64(s.pace.patience) {
		s.pace.patience++
		return
	}
	s.queue = lengthen(s.queue, sp)
	s.spare.spliced(len(s.queue), sp.lag)
	s.stretched += s.duration(sp.lag)
	s.pace = pace{}
}

// squeeze takes time out.
func (s *Stream) squeeze(surplus time.Duration) bool {
	sp, ok := findSplice(s.queue, s.format.SampleRateHz, s.samples(surplus))
	if !ok {
		return false
	}
	if sp.alike < shortAlike-impatience*float64(s.pace.patience)-float64(surplus)/float64(pressing) {
		s.pace.since = 0
		if surplus >= trifle {
			s.pace.patience++
		}
		return false
	}
	s.queue = shorten(s.queue, sp)
	s.spare.spliced(len(s.queue), -sp.lag)
	s.cut += s.duration(sp.lag)
	s.pace = pace{}
	return true
}
