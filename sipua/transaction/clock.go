package transaction

import "time"

// clock is a transaction's one timer with the two deadlines that any state has: when to repeat something, and when the
// state is over. The transaction's lock guards it.
type clock struct {
	timer    *time.Timer
	repeatAt time.Time // zero: nothing is repeated
	expireAt time.Time // zero: the state lasts
	interval time.Duration
	fire     func() // runs on the timer's goroutine
}

// repeat starts repeating after d.
func (c *clock) repeat(now time.Time, d time.Duration) {
	c.interval, c.repeatAt = d, now.Add(d)
}

// expire sets the end of the state.
func (c *clock) expire(now time.Time, d time.Duration) { c.expireAt = now.Add(d) }

// clear forgets both deadlines.
func (c *clock) clear() { c.repeatAt, c.expireAt = time.Time{}, time.Time{} }

// due says which deadlines have come. A timer that fires late or for a deadline that is gone finds neither.
func (c *clock) due(now time.Time) (repeat, expire bool) {
	return !c.repeatAt.IsZero() && !now.Before(c.repeatAt), !c.expireAt.IsZero() && !now.Before(c.expireAt)
}

// set makes the timer fire at the earlier deadline, or not at all.
func (c *clock) set(now time.Time) {
	next := c.repeatAt
	if next.IsZero() || !c.expireAt.IsZero() && c.expireAt.Before(next) {
		next = c.expireAt
	}
	switch {
	case next.IsZero():
		if c.timer != nil {
			c.timer.Stop()
		}
	case c.timer == nil:
		c.timer = time.AfterFunc(next.Sub(now), c.fire)
	default:
		c.timer.Reset(next.Sub(now))
	}
}
