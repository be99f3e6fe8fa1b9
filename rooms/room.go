package rooms

import (
	"context"
	"time"
)

// room is the outside of a room: what other goroutines may touch. Everything else is in the state, which only the
// room's goroutine, run, ever sees.
type room struct {
	number   string
	registry *Registry
	log      *eventLog
	ops      chan func(*state) // unbuffered: a sent op runs
	done     chan struct{}     // closed when run has ended
}

func newRoom(g *Registry, number string, log *eventLog) *room {
	return &room{number: number, registry: g, log: log, ops: make(chan func(*state)), done: make(chan struct{})}
}

// do runs op on the room's goroutine, between two ticks, and returns op's error after it. ErrClosed and the context's
// error mean that op never ran and never will. op must not block.
func (r *room) do(ctx context.Context, op func(*state) error) error {
	return r.send(ctx.Done(), func() error { return context.Cause(ctx) }, op)
}

// doAlways is do for what must happen whoever still waits for it: leaving. Only ErrClosed can keep op from running.
func (r *room) doAlways(op func(*state) error) error {
	return r.send(nil, nil, op)
}

func (r *room) send(cancelled <-chan struct{}, cause func() error, op func(*state) error) error {
	ran := make(chan error, 1)
	select {
	case r.ops <- func(s *state) { ran <- op(s) }:
		return <-ran
	case <-r.done:
		return ErrClosed
	case <-cancelled:
		return cause()
	}
}

// run owns the room from its opening to its end. With nobody there it sleeps until it is asked something.
func (r *room) run(set Settings, onDemand bool) {
	s := newState(r, set, onDemand)
	defer s.metrics.rooms.Add(-1)
	s.metrics.rooms.Add(1)
	s.armGrace()
	for !s.closed {
		select {
		case op := <-r.ops:
			op(s)
		case <-s.timers.clock.timer.C:
			s.runDue()
		case <-s.timers.grace.C:
			s.closed = len(s.seats) == 0 && s.onDemand
		case <-s.timers.limit.C:
			s.end(ReasonMaxDuration)
		}
		s.publish()
	}
	s.stopTimers()
	r.registry.forget(r)
	close(r.done)
}

// clock counts the frames that are due since it was started, on the monotonic clock.
type clock struct {
	timer  *time.Timer
	start  time.Time
	frames int64 // ticked or skipped since start
}

// maxCatchUp is how many overdue frames a room makes up for; the rest is skipped and counted.
const maxCatchUp = 3

func newStoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// restart begins counting at now; the first frame is due one frame later.
func (c *clock) restart(now time.Time) {
	c.start, c.frames = now, 0
	c.timer.Reset(frameDuration)
}

// due says how many frames are to be ticked at now, and how many are skipped for being too late.
func (c *clock) due(now time.Time) (ticks, skipped int64) {
	ticks = int64(now.Sub(c.start)/frameDuration) - c.frames
	if ticks > maxCatchUp {
		skipped = ticks - maxCatchUp
		ticks = maxCatchUp
	}
	c.frames += ticks + skipped
	return ticks, skipped
}

// next is when the next frame is due.
func (c *clock) next() time.Time { return c.start.Add(time.Duration(c.frames+1) * frameDuration) }

// rearm sets the timer for the next frame, and earlier where wait is to do the rest.
func (c *clock) rearm(now time.Time, early time.Duration) {
	c.timer.Reset(max(c.next().Sub(now)-early, 0))
}

// wait sleeps what an early timer has left until the next frame, and returns what time it is then.
func (c *clock) wait(now time.Time) time.Time {
	next := c.next()
	left := next.Sub(now)
	if left <= 0 || left > wakeEarly {
		return now
	}
	nap(left)
	if now = time.Now(); now.Before(next) {
		return next
	}
	return now
}

// The runtime's timers wake a sleeping process by epoll, which counts in milliseconds: 0.6 ms late on average, and never the
// same. All that is heard in a room waits for that. So a room sets its timer early and sleeps the rest exactly, for one system call
// more a tick, in which it keeps its processor: half a millisecond of the twenty. Where there are more rooms than the processors
// can spare that for, only large ones do.
const (
	wakeEarly    = time.Millisecond
	preciseFrom  = 64 // members
	preciseRooms = 4  // for each processor
)

// exact says whether a room with so many members is to wake exactly.
func (g *Registry) exact(members int) bool {
	return g.cfg.ExactTicks && (members >= preciseFrom || g.ticking.Load() <= g.few)
}
