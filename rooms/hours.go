package rooms

import (
	"slices"
	"time"
)

// NotOpenError is ErrNotOpen with what an early caller wants to know.
type NotOpenError struct {
	// Opens is when the room opens next, in the zone of its window; zero: it will not.
	Opens time.Time
}

func (e *NotOpenError) Error() string {
	if e.Opens.IsZero() {
		return ErrNotOpen.Error() + ", and will not be again"
	}
	return ErrNotOpen.Error() + ", it opens at " + e.Opens.Format(time.RFC3339)
}

// Is says that it is an ErrNotOpen.
func (e *NotOpenError) Is(target error) bool { return target == ErrNotOpen }

// hours is whether a room is open.
type hours struct {
	open  bool
	until time.Time   // when that changes; zero: never
	timer *time.Timer // fires then
}

// maxNap is how long hours trust a timer: the clock on the wall may be set meanwhile.
const maxNap = time.Hour

// keepHours looks whether the room is open now, and sets the alarm for the next change.
func (s *state) keepHours(now time.Time) {
	s.hours.open, s.hours.until = s.set.Schedule.At(now)
	s.hours.timer.Stop()
	if !s.hours.until.IsZero() {
		s.hours.timer.Reset(min(max(s.hours.until.Sub(now), time.Millisecond), maxNap))
	}
}

// turnHours is keepHours for a room that is told of: who is in it when it closes is sent away, unless it outlasts its schedule.
func (s *state) turnHours(now time.Time) {
	before := s.hours.open
	s.keepHours(now)
	switch {
	case s.hours.open == before:
	case s.hours.open:
		s.raise(Event{Kind: KindOpened, Info: new(s.info())})
		s.letEarlyIn(now)
	default:
		s.raise(Event{Kind: KindClosed, Info: new(s.info())})
		if !s.set.OutlastsSchedule {
			s.end(ReasonClosed)
		}
	}
}

// openFor says whether a caller may come in now, if only to wait until the room opens (ErrNotOpen). The alarm may be a little late.
func (s *state) openFor(now time.Time) error {
	if !s.hours.until.IsZero() && !now.Before(s.hours.until) {
		s.turnHours(now)
	}
	if s.hours.open || s.opensSoon(now) {
		return nil
	}
	return &NotOpenError{Opens: s.hours.until}
}

// opensSoon says whether early callers may wait for the room to open.
func (s *state) opensSoon(now time.Time) bool {
	return !s.hours.open && !s.hours.until.IsZero() && s.hours.until.Sub(now) <= s.set.EarlyWait
}

// letEarlyIn lets those in who have waited for the room to open; in front of them may be the lobby, unless a moderator has sent them here, or no host. The
// conference begins now, if nobody was inside.
func (s *state) letEarlyIn(now time.Time) {
	begins := !s.begun() && len(s.members) > 0
	if begins {
		s.started = now
	}
	for _, m := range s.members {
		if m.place != PlaceEarly {
			continue
		}
		switch to := s.entranceOf(m); to {
		case PlaceInside:
			s.letIn(m)
		default:
			m.goTo(to)
			s.raise(Event{Kind: KindWaiting, Participant: s.describe(m)})
		}
	}
	if begins {
		s.armLimit()
		s.rewarn()
	}
}

// begun says whether anybody is there who does not wait for the room to open: the time of those who do is not the conference's.
func (s *state) begun() bool {
	return slices.ContainsFunc(s.members, func(m *member) bool { return m.place != PlaceEarly })
}

// sendEarlyAway sends those away who wait for the room to open when its schedule has become one by which it does not soon.
func (s *state) sendEarlyAway(now time.Time) {
	if s.hours.open || s.opensSoon(now) {
		return
	}
	for _, m := range slices.Clone(s.members) {
		if m.place == PlaceEarly {
			s.letGo(m.p, ReasonClosed)
		}
	}
}
