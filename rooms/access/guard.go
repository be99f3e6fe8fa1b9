package access

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// Config is how a Guard behaves. The zero value works.
type Config struct {
	// AtOnce is how many hashes are computed at a time; 0 means 2, and 1 where there are no more than two processors: a computation keeps its
	// processor for up to 10 ms at a stretch, and one is left for the rooms' ticks. Each needs 19 MiB (DefaultCost).
	AtOnce int
	// Queue is how many checks wait for their turn; 0 means 256. Those beyond fail with ErrBusy.
	Queue int
	// Cost is that of new rings; the zero value is DefaultCost.
	Cost Cost
}

const (
	mostAtOnce   = 2
	defaultQueue = 256
)

// Guard checks PINs, for all rooms of a bridge. Its methods are safe for concurrent use; they wait, and are not for a room's goroutine.
// Errors are those named, or the context's.
type Guard struct {
	turns   chan struct{} // one for each hash that may be computed
	waiting atomic.Int64
	queue   int64
	cost    Cost
	lockout *lockout
	known   *known
}

// NewGuard returns a guard that knows of nobody.
func NewGuard(cfg Config) *Guard {
	if cfg.AtOnce <= 0 {
		cfg.AtOnce = max(min(mostAtOnce, runtime.GOMAXPROCS(0)-1), 1)
	}
	if cfg.Queue <= 0 {
		cfg.Queue = defaultQueue
	}
	return &Guard{turns: make(chan struct{}, cfg.AtOnce), queue: int64(cfg.Queue), cost: cfg.Cost, lockout: newLockout(), known: newKnown()}
}

// turn waits for a turn, as one of those in the queue; done gives it back.
func (g *Guard) turn(ctx context.Context) (done func(), err error) {
	if g.waiting.Add(1) > g.queue+int64(cap(g.turns)) {
		g.waiting.Add(-1)
		return nil, ErrBusy
	}
	select {
	case g.turns <- struct{}{}:
		return func() { <-g.turns; g.waiting.Add(-1) }, nil
	case <-ctx.Done():
		g.waiting.Add(-1)
		return nil, context.Cause(ctx)
	}
}

// Check says what a caller's PIN opens in a ring. It fails with ErrWrongPIN, with a *LockedOutError (ErrLockedOut) where the PIN is not looked
// at, and with ErrBusy or the context's error, which count for nothing.
func (g *Guard) Check(ctx context.Context, c Caller, r *Ring, p PIN) (Grant, error) {
	if !p.Valid() {
		return Grant{}, fmt.Errorf("no PIN: %w", ErrInvalid)
	}
	for {
		settled, grant, err := g.check(ctx, c, r, p)
		if settled == nil {
			return grant, err
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return Grant{}, context.Cause(ctx)
		}
	}
}

// check is one round of Check. It returns a channel where the caller is to wait for the outcome of others.
func (g *Guard) check(ctx context.Context, c Caller, r *Ring, p PIN) (<-chan struct{}, Grant, error) {
	if found := g.known.find(g.known.tag(r.recipes(), p)); found != nil {
		if t, _, _ := g.lockout.begin(c, time.Now()); t != nil {
			grant, err := g.settle(t, r, func() keys { return found })
			return nil, grant, err
		}
		// Who is not let try waits as others do: a right PIN is not to be told from a wrong one by how soon it is refused.
	}
	done, err := g.turn(ctx)
	if err != nil {
		return nil, Grant{}, err
	}
	defer done()
	t, settled, err := g.lockout.begin(c, time.Now())
	if t == nil {
		return settled, Grant{}, err
	}
	recipes := r.recipes()
	tag, computed := g.known.tag(recipes, p), keys(nil)
	grant, err := g.settle(t, r, func() keys {
		if computed = g.known.find(tag); computed == nil { // of those who have waited together, the first computes
			computed = keysOf(recipes, p)
		}
		return computed
	})
	if err == nil && grant.Invitation == "" { // that of an invitation does not come again
		g.known.add(tag, computed)
	}
	return nil, grant, err
}

// settle ends a try with its outcome.
func (g *Guard) settle(t *try, r *Ring, compute func() keys) (Grant, error) {
	how := unknown
	defer func() { g.lockout.end(t, how, time.Now()) }()
	grant, ok := r.open(compute(), time.Now())
	if !ok {
		how = wrong
		return Grant{}, ErrWrongPIN
	}
	how = right
	return grant, nil
}

// SetPINs gives a room its PINs, in place of those that it had; the zero PIN is none. It fails with ErrTaken where two PINs of the room would be the same, and
// with ErrBusy.
func (g *Guard) SetPINs(ctx context.Context, r *Ring, participant, moderator PIN) error {
	done, err := g.turn(ctx)
	if err != nil {
		return fmt.Errorf("set PINs: %w", err)
	}
	defer done()
	if err := r.set(r.fresh(participant), r.fresh(moderator)); err != nil {
		return fmt.Errorf("set PINs: %w", err)
	}
	return nil
}

// Rekey returns a ring that has the invitations of r and other PINs, and shares nothing with it: nil leaves a PIN as it is, the zero PIN takes it away. A nil
// r is a ring without anything. Errors are those of SetPINs, and ErrInvalid for a cost that cannot be.
func (g *Guard) Rekey(ctx context.Context, r *Ring, participant, moderator *PIN) (*Ring, error) {
	if r == nil {
		var err error
		if r, err = NewRing(g.cost); err != nil {
			return nil, fmt.Errorf("set PINs: %w", err)
		}
	}
	done, err := g.turn(ctx)
	if err != nil {
		return nil, fmt.Errorf("set PINs: %w", err)
	}
	defer done()
	next, err := r.with(r.renewed(participant), r.renewed(moderator))
	if err != nil {
		return nil, fmt.Errorf("set PINs: %w", err)
	}
	return next, nil
}

// Invite adds an invitation with a PIN, whatever Hash it has. It fails with ErrInvalid, ErrTaken, ErrTooMany and ErrBusy.
func (g *Guard) Invite(ctx context.Context, r *Ring, i Invitation, p PIN) error {
	done, err := g.turn(ctx)
	if err != nil {
		return fmt.Errorf("invite: %w", err)
	}
	defer done()
	if err := r.invite(i, r.fresh(p)); err != nil {
		return fmt.Errorf("invite: %w", err)
	}
	return nil
}
