package rooms

import (
	"log/slog"
	"sync"
	"time"
)

// A room is late when its frames are sent later than nearlyFrame after they were due: little is left then until the next ones are. Once may be an accident of
// the machine; from the second turn in a row on it is told, counted for who lets callers in (Registry.Overruns), and logged. Where it stays so, nobody is let in: one
// more would cost those who are there their sound.
const (
	nearlyFrame = 15 * time.Millisecond
	// ownFrame is what the ticks of a room take that is late by its own doing: its size, and not what else the machine is busy with.
	ownFrame = 10 * time.Millisecond
	// lateEvery is the shortest time between two events that tell of one room's lateness.
	lateEvery = 5 * time.Second
	// lateLogEvery is how long what is logged is added up.
	lateLogEvery = time.Minute
	// lateTurns is 2 s of turns: so many more must be late than are not until a room counts as one that stays so, and the other way round.
	lateTurns = 100
	// manyRooms is from how many on their being late says that the bridge has too much to do.
	manyRooms = 16
)

// Lateness is how late a room's ticks were within some time.
type Lateness struct {
	Skipped int64         // frames that were left out, as it was too late for them
	Late    int64         // turns of the clock whose last frame was sent more than 15 ms after its first one was due, each the second in a row or later
	Worst   time.Duration // the longest that a frame was sent after it was due
}

// add takes in what follows.
func (l *Lateness) add(o Lateness) {
	l.Skipped += o.Skipped
	l.Late += o.Late
	l.Worst = max(l.Worst, o.Worst)
}

// lasting is a state that begins and ends slowly.
type lasting struct {
	level int
	on    bool
}

// step takes what one turn was like.
func (l *lasting) step(up bool) {
	if up {
		l.level = min(l.level+1, lateTurns)
	} else {
		l.level = max(l.level-1, 0)
	}
	l.on = l.level == lateTurns || l.on && l.level > 0
}

// punctuality is how a room keeps to its clock.
type punctuality struct {
	untold Lateness  // since the last event
	told   time.Time // when that was
	row    int       // turns in a row that were late
	late   lasting
	large  lasting // late by its own doing
}

// note takes a turn of the clock whose first frame was sent that long after it was due, and whose ticks took worked each. It returns what there is to tell of it.
func (p *punctuality) note(after, worked time.Duration, skipped int64) (l Lateness, some bool) {
	late := skipped > 0 || after > nearlyFrame
	p.late.step(late)
	p.large.step(late && worked > ownFrame)
	if !late {
		p.row = 0
		return Lateness{}, false
	}
	p.row++
	if p.row < 2 && skipped == 0 {
		return Lateness{}, false
	}
	l = Lateness{Skipped: skipped, Late: 1, Worst: after}
	p.untold.add(l)
	return l, true
}

// watchLateness notes how a turn of the clock went that has ended. It is called between ticks.
func (s *state) watchLateness(after, worked time.Duration, skipped int64, now time.Time) {
	p, g := &s.punctual, s.room.registry
	if after > nearlyFrame || skipped > 0 {
		s.metrics.longTurns.Add(1)
	}
	before := p.late.on
	l, some := p.note(after, worked, skipped)
	if some {
		s.metrics.overruns.Add(1)
		g.tally.add(s.room, l)
	}
	switch {
	case p.late.on == before:
	case before:
		g.lateRooms.Add(-1)
	default:
		g.lateRooms.Add(1)
	}
	if p.untold != (Lateness{}) && now.Sub(p.told) >= lateEvery {
		s.tellLateness(now)
	}
}

// forgetLateness tells what is left to be told by a room that ticks no more.
func (s *state) forgetLateness() {
	s.tellLateness(time.Now())
	if s.punctual.late.on {
		s.room.registry.lateRooms.Add(-1)
	}
	s.punctual = punctuality{}
}

// overloaded says that the room, or the bridge, can take nobody in any more.
func (s *state) overloaded() bool {
	return s.punctual.large.on || s.room.registry.swamped()
}

// swamped says that most of many rooms stay late.
func (g *Registry) swamped() bool {
	ticking := g.tickingRooms.Load()
	return ticking >= manyRooms && 2*g.lateRooms.Load() > ticking
}

// tellLateness tells what has not been told yet of how late the room was.
func (s *state) tellLateness(now time.Time) {
	p := &s.punctual
	if p.untold == (Lateness{}) {
		return
	}
	s.raise(Event{Kind: KindLate, Lateness: p.untold})
	p.untold, p.told = Lateness{}, now
}

// tally adds up how late the rooms of a bridge are, and logs it once a minute as long as there is something to log. Its methods are safe for concurrent use; none
// is called in a tick.
type tally struct {
	log  *slog.Logger
	ends sync.WaitGroup // what the timer runs

	mu     sync.Mutex // guards what follows
	sum    Lateness
	rooms  map[*room]struct{} // that were late
	timer  *time.Timer        // nil: there is nothing to log
	closed bool
}

func (t *tally) add(r *room, l Lateness) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	if t.timer == nil {
		t.rooms = map[*room]struct{}{}
		t.ends.Add(1)
		t.timer = time.AfterFunc(lateLogEvery, func() {
			defer t.ends.Done()
			t.tell()
		})
	}
	t.sum.add(l)
	t.rooms[r] = struct{}{}
}

// tell logs what was added up, and begins anew.
func (t *tally) tell() {
	t.mu.Lock()
	sum, rooms := t.sum, len(t.rooms)
	t.sum, t.rooms, t.timer = Lateness{}, nil, nil
	t.mu.Unlock()
	t.log.Warn("rooms were late", "rooms", rooms, "turns", sum.Late, "skipped_frames", sum.Skipped, "worst_ms", milliseconds(sum.Worst))
}

// close logs what is left. Nothing is logged after it.
func (t *tally) close() {
	t.mu.Lock()
	t.closed = true
	timer := t.timer
	t.mu.Unlock()
	if timer != nil && timer.Stop() {
		t.tell()
		t.ends.Done()
	}
	t.ends.Wait()
}
