package overload

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// patience is how long a call may wait for its turn before the bridge counts as late.
const patience = 200 * time.Millisecond

// turns lets few calls be set up at once. Those that wait for theirs are not in the scheduler's queue, which serves in order of arrival: so the
// ticks of rooms, the sockets' readers and what calls that stand ask for do not wait behind them.
type turns struct {
	taken   chan struct{} // as many fit in as turns there are
	waiting atomic.Int64
	slow    atomic.Uint64 // those that were waited for too long
}

func newTurns(n int) turns {
	if n <= 0 {
		n = 2 * runtime.GOMAXPROCS(0)
	}
	return turns{taken: make(chan struct{}, n)}
}

// Begin waits for a turn at setting up a call that was admitted, in order of arrival, and fails with ctx's cause. End must be called for each
// that did not fail, before the setup waits for anybody outside, as a caller that it rings at. It is safe for concurrent use.
func (g *Gate) Begin(ctx context.Context) error {
	t := &g.turns
	select {
	case t.taken <- struct{}{}:
		return nil
	default:
	}
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	long := time.NewTimer(patience)
	defer long.Stop()
	for {
		select {
		case t.taken <- struct{}{}:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-long.C:
			t.slow.Add(1)
		}
	}
}

// End gives the turn to the next.
func (g *Gate) End() { <-g.turns.taken }
