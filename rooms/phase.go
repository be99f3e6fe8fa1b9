package rooms

import (
	"sync"
	"time"
)

// The runtime's timers wake a sleeping process by epoll, which counts in milliseconds: 0.6 ms late on average, and never the
// same. All that is heard in a room waits for that. So a room sets its timer early and sleeps the rest exactly, by a system call in which it
// keeps its processor. Of the rooms that tick at the same instant only the first does: the rooms of a bridge tick in a few phases of the
// 20 ms, so that there are never more such sleeps than the processors can spare, a tenth of their time.
const (
	wakeEarly = time.Millisecond
	// perProcessor is how many phases there are for each processor. More than wakeEarly lies between two where there are two processors, so that one of them
	// is always free.
	perProcessor = 4
	// A room whose tick came later than tooLate is on a bridge that has no need of sleep: timers fire in time where somebody is awake. It sleeps no more
	// for awake frames.
	tooLate = time.Millisecond
	awake   = 50
)

// phases are the instants at which the rooms of a bridge tick, spread evenly over a frame. A room gets one of those that the fewest rooms have, in turn,
// as long as somebody is there; it may move to another one, if that has place. All methods are safe for concurrent use, and those of nil do nothing.
type phases struct {
	each []phase

	mu    sync.Mutex // guards what follows, and is never taken in a tick
	rooms []int      // that have each
	used  int        // the sum of that
	turn  int        // where the next room begins to look
}

// phase is one of them. Whoever is there first sleeps until it is due, and the others wait for the lock.
type phase struct {
	index  int       // in phases
	origin time.Time // one instant of it; the others are whole frames away
	mu     sync.Mutex
}

// crowd is by how many rooms a phase may have more than its share, and others still move to it.
const crowd = 2

func newPhases(now time.Time, count int) *phases {
	ps := &phases{each: make([]phase, count), rooms: make([]int, count)}
	for i := range ps.each {
		ps.each[i].index = i
		ps.each[i].origin = now.Add(time.Duration(i) * frameDuration / time.Duration(count))
	}
	return ps
}

// take returns a phase for a room that begins to tick: of nil none.
func (ps *phases) take() *phase {
	if ps == nil {
		return nil
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	best := ps.turn
	for k := range ps.each {
		if i := (ps.turn + k) % len(ps.each); ps.rooms[i] < ps.rooms[best] {
			best = i
		}
	}
	ps.turn = (best + 1) % len(ps.each)
	ps.rooms[best]++
	ps.used++
	return &ps.each[best]
}

// leave gives back the phase of a room that ticks no more.
func (ps *phases) leave(p *phase) {
	if ps == nil || p == nil {
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.rooms[p.index]--
	ps.used--
}

// move takes a room from one phase to that which comes the earliest within most before it and has place, and returns which that is: from, where there
// is none.
func (ps *phases) move(from *phase, most time.Duration) *phase {
	if ps == nil {
		return from
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	count := len(ps.each)
	for back := min(int(most*time.Duration(count)/frameDuration), count-1); back > 0; back-- {
		to := (from.index + count - back) % count
		if ps.rooms[to] >= ps.used/count+crowd {
			continue
		}
		ps.rooms[from.index]--
		ps.rooms[to]++
		return &ps.each[to]
	}
	return from
}

// before is the last instant of the phase that is not after now.
func (p *phase) before(now time.Time) time.Time {
	since := now.Sub(p.origin) % frameDuration
	if since < 0 {
		since += frameDuration
	}
	return now.Add(-since)
}

// sleep returns at due, which is at most wakeEarly away.
func (p *phase) sleep(due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if left := time.Until(due); left > 0 {
		nap(left)
	}
}
