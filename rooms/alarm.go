package rooms

import "time"

// alarm is what a conference is woken by beside its ticks: to be warned of its end, and to end without a host.
type alarm struct {
	timer    *time.Timer
	hostLeft time.Time // when the last host has gone; zero: one is there, or none has ever been
	warned   time.Time // what was to be told until then has been told
}

// sideLook is how long a conference that has side rooms and no host goes on, beyond the grace time, before it is looked at again.
const sideLook = time.Second

// armAlarm sets the alarm to what comes first.
func (s *state) armAlarm() {
	s.alarm.timer.Stop()
	var next time.Time
	earlier := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if at, ok := s.endsWithoutHost(); ok {
		earlier(at)
	}
	if s.warnable() {
		for _, before := range s.set.WarnBefore {
			if at := s.warnAt(before); before > 0 && at.After(s.alarm.warned) {
				earlier(at)
			}
		}
	}
	if !next.IsZero() {
		s.alarm.timer.Reset(max(time.Until(next), 0))
	}
}

// rewarn forgets warnings that would have been due before now: the conference begins, or its end is another one.
func (s *state) rewarn() {
	s.alarm.warned = time.Now()
	s.armAlarm()
}

// endsWithoutHost is when the conference ends because no host is there.
func (s *state) endsWithoutHost() (time.Time, bool) {
	return s.alarm.hostLeft.Add(s.set.HostGrace), s.set.EndWithoutHost && !s.alarm.hostLeft.IsZero()
}

// warnable says whether the conference has an end to warn of.
func (s *state) warnable() bool { return s.set.MaxDuration > 0 && s.begun() }

func (s *state) warnAt(before time.Duration) time.Time {
	return s.started.Add(s.set.MaxDuration - before)
}

// ring does what is due.
func (s *state) ring() {
	now := time.Now()
	if at, ok := s.endsWithoutHost(); ok && !at.After(now) {
		if len(s.room.registry.sidesOf(s.room)) == 0 {
			s.end(ReasonHostLeft)
			return
		}
		s.alarm.hostLeft = now.Add(sideLook) // the host may be in a side room
	}
	if s.warnable() {
		for _, before := range s.set.WarnBefore {
			if at := s.warnAt(before); before > 0 && at.After(s.alarm.warned) && !at.After(now) {
				s.raise(Event{Kind: KindTimeWarning, Remaining: before, Info: new(s.info())})
			}
		}
		s.alarm.warned = now
	}
	s.armAlarm()
}

// quiet ends the alarms of a conference that is over.
func (s *state) quiet() {
	s.alarm.timer.Stop()
	s.alarm.hostLeft, s.alarm.warned = time.Time{}, time.Time{}
}
