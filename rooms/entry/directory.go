package entry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

// NumberKeeper remembers where numbers lead (package rooms/store), as rooms.Keeper does rooms: its methods wait for the disk.
type NumberKeeper interface {
	// PutNumber keeps a number, in place of the one of its key.
	PutNumber(ctx context.Context, n dialplan.Number) error
	// RemoveNumber forgets a number. One that is not there is no error.
	RemoveNumber(ctx context.Context, k dialplan.Key) error
}

// NumberMemory is what a Directory begins with beside the file's numbers, and who remembers what comes.
type NumberMemory struct {
	// Keeper is who remembers; nil: nobody does.
	Keeper NumberKeeper
	// Numbers are those that were kept.
	Numbers []dialplan.Number
	// Blocked are those that were kept and cannot be read. Calls to them are refused (rooms.ErrStorage) until Create or Delete: anything else would lead them
	// somewhere else.
	Blocked []dialplan.Key
}

// Directory is which numbers lead where: those that the file declares, and those that were made since. Its methods are safe for concurrent use. Errors wrap a
// sentinel of this package or of rooms, or are the context's.
type Directory struct {
	log    *slog.Logger
	keeper NumberKeeper  // nil: nobody remembers; written by Restore alone
	turn   chan struct{} // whoever changes a number holds this, so that they are kept in the order in which they are made
	doubts doubts        // whoever has the turn's

	mu   sync.RWMutex // guards plan, never held across a call out
	plan *dialplan.Plan
}

// newDirectory has the numbers of the file (ErrInvalid).
func newDirectory(declared []dialplan.Number, log *slog.Logger) (*Directory, error) {
	all := make([]dialplan.Number, len(declared))
	var faults []error
	for i, n := range declared {
		n.Declared = true
		all[i] = n
		faults = append(faults, checkNumber(n))
	}
	plan, err := dialplan.New(all)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return &Directory{log: log, plan: plan, turn: make(chan struct{}, 1)}, nil
}

// checkNumber says what is wrong with a number (ErrInvalid).
func checkNumber(n dialplan.Number) error {
	if err := n.Key().Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	switch {
	case n.Room != "" && !rooms.IsNumber(n.Room):
		return fmt.Errorf("number %v: %q is not 1 to 64 letters, digits and -_.+*#: %w", n.Key(), n.Room, ErrInvalid)
	case !rooms.IsVoice(n.Voice):
		return fmt.Errorf("number %v: %q is no voice, like en or de-anna: %w", n.Key(), n.Voice, ErrInvalid)
	}
	return nil
}

// Restore puts those numbers there that have been kept, and keeps what is made from then on. It is called once, before all other methods. What the file declares
// is as the file says.
func (d *Directory) Restore(from NumberMemory) {
	d.keeper = from.Keeper
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range from.Blocked {
		d.restore(dialplan.Number{Dialled: k.Dialled, Trunk: k.Trunk, Unreadable: true})
	}
	for _, n := range from.Numbers {
		if err := checkNumber(n); err != nil {
			d.log.Error("a number is left out that cannot be", "number", n.Key().ID(), "err", err)
			n.Unreadable = true
		}
		d.restore(n)
	}
}

// restore puts one of them there; d.mu is held.
func (d *Directory) restore(n dialplan.Number) {
	id := n.Key().ID()
	switch old, there := d.plan.Number(n.Key()); {
	case n.Key().Check() != nil:
		return // no call can have dialled it
	case there && old.Declared:
		d.log.Warn("a number that was made is now declared: the file says where it leads", "number", id)
		return
	case n.Unreadable:
		d.log.Error("calls to a number that cannot be read are refused, until it is created anew or deleted", "number", id)
	}
	d.plan.Put(n)
}

// find is where a call leads.
func (d *Directory) find(dialled, trunk string) dialplan.Number {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.plan.Find(dialled, trunk)
}

// leads are all places that a number leads to, by whatever trunk.
func (d *Directory) leads(dialled string) []dialplan.Number {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.plan.Leads(dialled)
}

// known is the number of a key as it stands, readable or not.
func (d *Directory) known(k dialplan.Key) (dialplan.Number, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.plan.Number(k)
}

// Number describes one (ErrNoNumber; rooms.ErrStorage where it cannot be read).
func (d *Directory) Number(k dialplan.Key) (dialplan.Number, error) {
	n, there := d.known(k)
	switch {
	case !there:
		return dialplan.Number{}, fmt.Errorf("number %v: %w", k, ErrNoNumber)
	case n.Unreadable:
		return dialplan.Number{}, fmt.Errorf("number %v: %w", k, errUnreadable)
	}
	return n, nil
}

// List is at most limit numbers whose IDs sort behind after, in order of those. Such as cannot be read are among them.
func (d *Directory) List(after string, limit int) []dialplan.Number {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.plan.List(after, limit)
}

// change runs op with the number of a key, in its turn. The context's error means that it never will.
func (d *Directory) change(ctx context.Context, k dialplan.Key, op func(n dialplan.Number, there bool) error) error {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-d.turn }()
	n, there := d.known(k)
	if err := op(n, there); err != nil {
		return fmt.Errorf("number %v: %w", k, err)
	}
	return nil
}

// put has a number kept, and then be there for the next call.
func (d *Directory) put(ctx context.Context, n dialplan.Number) error {
	if err := d.keep(ctx, n.Key(), func(k NumberKeeper) error { return k.PutNumber(ctx, n) }); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan.Put(n)
	return nil
}

// Create makes a number (ErrInvalid; ErrNumberExists, ErrNumberInFile; ErrTooManyNumbers). When it returns nil, the number is kept (rooms.ErrStorage), and the next
// call goes by it.
func (d *Directory) Create(ctx context.Context, n dialplan.Number) (dialplan.Number, error) {
	n.Declared, n.Unreadable = false, false
	if err := checkNumber(n); err != nil {
		return dialplan.Number{}, err
	}
	return n, d.change(ctx, n.Key(), func(old dialplan.Number, there bool) error {
		switch {
		case there && old.Declared:
			return ErrNumberInFile
		case there && !old.Unreadable:
			return ErrNumberExists
		case d.full():
			return ErrTooManyNumbers
		}
		return d.put(ctx, n)
	})
}

// full says whether there are as many as can be.
func (d *Directory) full() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.plan.Len() >= dialplan.MaxNumbers
}

// NumberPatch says what to change; nil fields stay as they are.
type NumberPatch struct{ Room, Voice *string }

// Update changes where a number leads (ErrNoNumber; ErrInvalid; ErrNumberDeclared where anything would change; rooms.ErrStorage), as Create.
func (d *Directory) Update(ctx context.Context, k dialplan.Key, p NumberPatch) (dialplan.Number, error) {
	var now dialplan.Number
	err := d.change(ctx, k, func(old dialplan.Number, there bool) error {
		switch {
		case !there:
			return ErrNoNumber
		case old.Unreadable:
			return errUnreadable
		}
		now = old
		now.Room, now.Voice = *cmp.Or(p.Room, &old.Room), *cmp.Or(p.Voice, &old.Voice)
		if err := checkNumber(now); err != nil || now == old {
			return err
		}
		if old.Declared {
			return ErrNumberDeclared
		}
		return d.put(ctx, now)
	})
	return now, err
}

// Delete takes a number away (ErrNoNumber, ErrNumberDeclared). When it returns nil, it does not come back (rooms.ErrStorage).
func (d *Directory) Delete(ctx context.Context, k dialplan.Key) error {
	return d.change(ctx, k, func(old dialplan.Number, there bool) error {
		switch {
		case !there:
			return ErrNoNumber
		case old.Declared:
			return ErrNumberDeclared
		}
		if err := d.keep(ctx, k, func(keeper NumberKeeper) error { return keeper.RemoveNumber(ctx, k) }); err != nil {
			return err
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.plan.Remove(k)
		return nil
	})
}

// errUnreadable is what callers of a number get that could not be read.
var errUnreadable = fmt.Errorf("%w: the number could not be read", rooms.ErrStorage)

// storage makes an error of the store a rooms.ErrStorage; the context's errors stay what they are.
func storage(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", rooms.ErrStorage, err)
}
