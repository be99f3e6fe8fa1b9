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
	sideOf   *room // the room that this is a side room of; nil: it is none
	log      *eventLog
	ops      chan func(*state) // unbuffered: a sent op runs
	done     chan struct{}     // closed when run has ended
	// reception says that callers are asked something here, and go on elsewhere.
	reception bool
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

// run owns the room from its opening to its end, which comes when nobody has been there for a while: a lasting room is then asleep, without a
// goroutine, and another run takes it up. One with opening hours stays awake, and tells of them.
func (r *room) run(k Kept, onDemand bool) {
	s := newState(r, k, onDemand)
	s.armGrace()
	for !s.closed {
		select {
		case op := <-r.ops:
			op(s)
		case <-s.timers.clock.timer.C:
			s.runDue()
		case <-s.timers.grace.C:
			people := s.used()
			if !people {
				s.lastNumber = 0
				s.forgetLock() // of those who went to a side room and did not come back
			}
			used := people || len(s.feeds) > 0
			if s.closed = !used && (s.onDemand || s.set.Schedule == nil); used {
				s.armGrace()
			}
		case <-s.timers.limit.C:
			if s.begun() { // else it is counted from the opening on
				_ = s.sayGoodbye(ReasonMaxDuration) // nobody waits for it
			}
		case <-s.hours.timer.C:
			s.turnHours(time.Now())
		case <-s.alarm.timer.C:
			s.ring()
		}
		s.obey()
		s.keepRule()
		s.publish()
	}
	s.unfeedAll()
	s.publish()
	s.speaker.end()
	s.stopTimers()
	r.registry.forget(s)
	close(r.done)
}

// clock counts the frames that are due since it was started, on the monotonic clock.
type clock struct {
	timer  *time.Timer
	start  time.Time
	frames int64  // ticked or skipped since start
	phase  *phase // nil: it need not wake exactly
	awake  int    // frames for which it wakes by its timer alone
	runs   bool
}

// maxCatchUp is how many overdue frames a room makes up for; the rest is skipped and counted.
const maxCatchUp = 3

func newStoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// restart begins counting at now, or at the last instant of its phase; the first frame is due one frame later.
func (c *clock) restart(now time.Time, in *phase) {
	c.start, c.frames, c.phase = now, 0, in
	if in != nil {
		c.start = in.before(now)
	}
	c.rearm(now)
}

// move goes over to a phase that comes earlier: the next frame is due by what is returned sooner than it would have been.
func (c *clock) move(to *phase) (earlier time.Duration) {
	start := to.before(c.start)
	earlier = c.start.Sub(start)
	c.start, c.phase = start, to
	return earlier
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
func (c *clock) rearm(now time.Time) {
	left := c.next().Sub(now)
	if c.phase != nil && c.awake == 0 {
		left -= wakeEarly
	}
	c.timer.Reset(max(left, 0))
}

// approach sleeps until early before the next frame, if it is to wake exactly and there is as long.
func (c *clock) approach(now time.Time, early time.Duration) {
	next := c.next()
	if left := next.Sub(now); c.phase != nil && left > early && left <= wakeEarly {
		c.phase.sleep(next.Add(-early))
	}
}

// wait sleeps what an early timer has left until the next frame, and returns what time it is then.
func (c *clock) wait(now time.Time) time.Time {
	next := c.next()
	switch left := next.Sub(now); {
	case c.phase == nil || left > wakeEarly:
	case left > 0:
		c.phase.sleep(next)
		if now = time.Now(); now.Before(next) {
			now = next
		}
	case left < -tooLate:
		c.awake = awake
	default:
		c.awake = max(c.awake-1, 0)
	}
	return now
}
