package schedule

import (
	"iter"
	"slices"
	"time"

	"github.com/teambition/rrule-go"
)

// span is one opening.
type span struct{ start, end time.Time }

// movedYears is how far times on the wall are moved into the future before rules see them. The calendar repeats every 400 years, days of the week
// included, and the rules' library gives up behind the year 9999: so it gives up within 400 years and not after 8,000 on a rule that
// nothing matches.
const movedYears = 7600

func moved(t time.Time) time.Time { return t.AddDate(movedYears, 0, 0) }

func unmoved(t time.Time) time.Time { return t.AddDate(-movedYears, 0, 0) }

// onWall is what the clock on a wall shows, as if it were UTC.
func onWall(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// instant is when the clock on a wall shows that (RFC 5545 §3.3.5): the first time where it does so twice, and where it never does, when it would if
// it had not been moved.
func instant(wall time.Time, zone *time.Location) time.Time {
	// The offsets a good day before and behind are all that can hold: zones do not change twice in so short a time.
	_, before := wall.Add(-26 * time.Hour).In(zone).Zone()
	_, after := wall.Add(26 * time.Hour).In(zone).Zone()
	early, late := wall.Add(-time.Duration(before)*time.Second), wall.Add(-time.Duration(after)*time.Second)
	if onWall(early, zone).Equal(wall) {
		return early // of a time that is there twice the first: the offset before was the greater
	}
	if onWall(late, zone).Equal(wall) {
		return late
	}
	return early
}

// lookahead is how many hours of openings on the wall are put into order by their moments: no clock was ever set by more.
const lookahead = 26 * time.Hour

// stream hands out a window's openings in the order of their moments.
type stream struct {
	window *compiled
	pull   func() (wall time.Time, ok bool) // moved
	ready  []span
	walls  []time.Time // of ready, as pulled
	dry    bool
}

// spans are the openings that end after a moment, and maybe some before; zero: all.
func (c *compiled) spans(after time.Time) *stream {
	s := &stream{window: c}
	if c.rule == nil {
		done := false
		s.pull = func() (time.Time, bool) {
			wall := c.start
			ok := !done
			done = true
			return wall, ok
		}
		return s
	}
	o := *c.rule
	if !after.IsZero() {
		o.Dtstart = nearer(o, moved(onWall(after.Add(-c.duration), time.UTC)).Add(-2*lookahead))
	}
	r, err := rrule.NewRRule(o)
	if err != nil { // it was checked in compile, with another start
		s.dry = true
		return s
	}
	s.pull = r.Iterator()
	return s
}

// nearer is a later start from which a rule gives the same openings from a moment on: a whole number of its periods away, and one of them to
// spare, for the first week may not be a whole one. Of rules that count, and of long periods, it is the start itself.
func nearer(o rrule.ROption, from time.Time) time.Time {
	days := max(o.Interval, 1)
	switch {
	case o.Count > 0 || o.Freq < rrule.WEEKLY:
		return o.Dtstart
	case o.Freq == rrule.WEEKLY:
		days *= 7
	}
	periods := int(from.Sub(o.Dtstart).Hours()/24)/days - 1
	if periods <= 0 {
		return o.Dtstart
	}
	return o.Dtstart.Add(time.Duration(periods*days) * 24 * time.Hour)
}

// next is the next opening; false behind the last.
func (s *stream) next() (span, bool) {
	for !s.dry && (len(s.walls) < 2 || s.walls[len(s.walls)-1].Sub(s.walls[0]) <= lookahead) {
		wall, ok := s.pull()
		if !ok {
			s.dry = true
			break
		}
		if s.window.excepted(wall) {
			continue
		}
		start := instant(unmoved(wall), s.window.zone).In(s.window.zone)
		s.walls = append(s.walls, wall)
		s.ready = append(s.ready, span{start: start, end: start.Add(s.window.duration)})
	}
	if len(s.ready) == 0 {
		return span{}, false
	}
	first := 0
	for i := range s.ready {
		if s.ready[i].start.Before(s.ready[first].start) {
			first = i
		}
	}
	sp := s.ready[first]
	s.ready, s.walls = slices.Delete(s.ready, first, first+1), slices.Delete(s.walls, first, first+1)
	return sp, true
}

// merged are the openings of all windows that end after a moment, and maybe some before, in the order of their beginning.
func (s *Schedule) merged(after time.Time) iter.Seq[span] {
	return func(yield func(span) bool) {
		var streams []*stream
		var heads []span
		advance := func(i int) bool {
			head, ok := streams[i].next()
			heads[i] = head
			return ok
		}
		for _, c := range s.compiled {
			streams, heads = append(streams, c.spans(after)), append(heads, span{})
			if last := len(streams) - 1; !advance(last) {
				streams, heads = streams[:last], heads[:last]
			}
		}
		for len(streams) > 0 {
			first := 0
			for i := range heads {
				if heads[i].start.Before(heads[first].start) {
					first = i
				}
			}
			if !yield(heads[first]) {
				return
			}
			if !advance(first) {
				streams, heads = slices.Delete(streams, first, first+1), slices.Delete(heads, first, first+1)
			}
		}
	}
}
