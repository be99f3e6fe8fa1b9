package receiver

import (
	"context"
	"errors"
	"slices"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// Change changes a source that a room keeps by change, which gets it as it is and may change neither ID nor Created. It leaves and is taken in anew, as by Create; where nothing is
// another, it stays (ErrNoSource, and as Create). What cannot be taken in leaves it as it was.
func (r *Receiver) Change(ctx context.Context, room, id string, change func(*Source) error) (View, error) {
	n := name{room, id}
	var s Source
	err := r.inTurn(ctx, func() error {
		v, err := r.Get(ctx, room, id)
		if err != nil {
			return err
		}
		s = v.Source
		s.Sources = slices.Clone(s.Sources)
		if err := change(&s); err != nil {
			return err
		}
		if s.Equal(v.Source) {
			return nil
		}
		return r.replace(ctx, n, v.Source, s)
	})
	if err != nil {
		return View{}, err
	}
	return r.view(n, s), nil
}

// replace has a room keep a source in place of another one.
func (r *Receiver) replace(ctx context.Context, n name, before, s Source) error {
	if err := r.fit(ctx, n, s, true); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	r.end(n) // both at once would be one too many where seats are few
	err := r.settle(ctx, n, s)
	if err != nil {
		r.begin(ctx, n, before)
	}
	return err
}

// settle has a room take in a source, if it lets anybody in, and keep it.
func (r *Receiver) settle(ctx context.Context, n name, s Source) error {
	p, err := r.take(ctx, n.room, s)
	if err != nil && !notNow(err) {
		return err
	}
	if err := r.keep(ctx, n.room, func(now *distribution.SourceSet) (*distribution.SourceSet, error) { return now.With(s) }); err != nil {
		if p != nil {
			p.Leave(rooms.ReasonFailed)
		}
		return err
	}
	r.goOn(ctx, n, s, p)
	return nil
}

// notNow says whether a room lets nobody in at the moment, and may do so later.
func notNow(err error) bool {
	return errors.Is(err, rooms.ErrLocked) || errors.Is(err, rooms.ErrFull) || errors.Is(err, rooms.ErrNotOpen) || errors.Is(err, rooms.ErrOverloaded)
}
