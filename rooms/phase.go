package rooms

import (
	"runtime"
	"sync"
	"sync/atomic"
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

// phases are the instants at which the rooms of a bridge tick, spread evenly over a frame; rooms get them in turn, and keep them as long as
// somebody is there.
type phases struct {
	each  []phase
	given atomic.Uint32
}

// phase is one of them. Whoever is there first sleeps until it is due, and the others wait for the lock.
type phase struct {
	origin time.Time // one instant of it; the others are whole frames away
	mu     sync.Mutex
}

func newPhases(now time.Time) *phases {
	ps := &phases{each: make([]phase, perProcessor*runtime.GOMAXPROCS(0))}
	for i := range ps.each {
		ps.each[i].origin = now.Add(time.Duration(i) * frameDuration / time.Duration(len(ps.each)))
	}
	return ps
}

// take returns the next room's phase: of nil none.
func (ps *phases) take() *phase {
	if ps == nil {
		return nil
	}
	return &ps.each[(ps.given.Add(1)-1)%uint32(len(ps.each))]
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
