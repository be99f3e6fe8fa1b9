package multicast

import (
	"time"

	"github.com/confbridge/confbridge/media/internal/control"
)

// Rest says BYE (RFC 3550 §6.6): nothing is sent and nothing looked at until the next Tick. Then the stream goes on under its SSRC and with its
// sequence, and its timestamp is as far on as the rest was long.
func (s *Sender) Rest(now time.Time) {
	if s.closed || !s.rested.IsZero() {
		return
	}
	s.flush()
	s.rested = now
	s.sayBye(now)
	if s.out != nil {
		s.keeper.parked.Store(s.out)
		s.out = nil
	}
}

// unpark takes the sockets back that a rest has left with the keeper, unless their path has gone.
func (s *Sender) unpark() {
	if parked := s.keeper.parked.Swap(nil); parked != nil {
		s.out = parked
	}
}

// wake ends a rest. Reports begin anew, as those of one who joins.
func (s *Sender) wake(now time.Time) {
	if s.rested.IsZero() {
		return
	}
	s.unpark()
	s.next += uint32(int64(max(now.Sub(s.rested), 0)) / int64(time.Microsecond) * int64(s.cfg.Profile.ClockRateHz) / 1e6)
	s.rested, s.talking, s.silence, s.heard = time.Time{}, false, 0, 0
	s.pairing.known = false
	s.report.timer = control.Timer{}
	s.report.sentNow, s.report.sentBefore = false, false
}
