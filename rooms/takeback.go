package rooms

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxDoubts bounds the rooms of which it is tried again what the store did not answer for.
const maxDoubts = 1024

// endTime is how long the store may take at the end for what it did not answer for before: recordings are still to be closed then.
const endTime = time.Second

// doubt is a room that the store may keep in another way than it is in force.
type doubt struct {
	number string
	is     *Kept // nil: there is no lasting room of that number
}

// doubts are all of them, the oldest first.
type doubts struct {
	mu  sync.Mutex // never held across a call out
	all []doubt
}

// add notes a room, and says which one is noted no longer, where there are too many.
func (d *doubts) add(number string, is *Kept) (lost string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropLocked(number)
	if d.all = append(d.all, doubt{number, is}); len(d.all) > maxDoubts {
		lost = d.all[0].number
		d.all = slices.Delete(d.all, 0, 1)
	}
	return lost
}

func (d *doubts) drop(number string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropLocked(number)
}

func (d *doubts) dropLocked(number string) {
	d.all = slices.DeleteFunc(d.all, func(o doubt) bool { return o.number == number })
}

// of is the doubt about a room.
func (d *doubts) of(number string) (doubt, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.all, func(o doubt) bool { return o.number == number })
	if i < 0 {
		return doubt{}, false
	}
	return d.all[i], true
}

// numbers are those of all rooms that there is doubt of.
func (d *doubts) numbers() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, o := range d.all {
		all = append(all, o.number)
	}
	return all
}

// takeBack has the store keep a room as it is in force, or, with none, forget it, where it did not answer for a change: that may be kept all the same, and would be in
// force at the next start, though whoever made it was told that it is not. Where this fails too, it is tried again: with the next change of a room, and at the end. It is
// called in the room's turn.
func (g *Registry) takeBack(ctx context.Context, number string, is *Kept) {
	if g.isBlocked(number) {
		return // what was there cannot be kept again: nobody knows it
	}
	g.doubt(number, is)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), disownTime)
	defer cancel()
	if err := g.setRight(ctx, number); err != nil {
		g.cfg.Log.Warn("a room may be kept otherwise than it is, until the store answers", "room", number, "err", err)
	}
}

// doubt notes that the store may keep a room otherwise than it is. It is called in the room's turn.
func (g *Registry) doubt(number string, is *Kept) {
	if lost := g.doubts.add(number, is); lost != "" {
		g.cfg.Log.Error("a room may be kept otherwise than it is, and this is not tried again: there are too many", "room", lost)
	}
}

// setRight has the store keep a room as it is in force, where there is doubt of that. It is called in the room's turn.
func (g *Registry) setRight(ctx context.Context, number string) error {
	d, there := g.doubts.of(number)
	switch {
	case !there:
		return nil
	case d.is == nil:
		return g.unput(ctx, number)
	}
	return g.put(ctx, *d.is)
}

// settle does that for all rooms, each in its turn, until the store fails to. One whose turn somebody has is left for later. It is called in nobody's turn.
func (g *Registry) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, disownTime)
	defer cancel()
	for _, number := range g.doubts.numbers() {
		if err := g.turns.try(number, func() error { return g.setRight(ctx, number) }); err != nil {
			return
		}
	}
}

// settled passes on the error of a change, and settles where there is none: the store has answered.
func (g *Registry) settled(ctx context.Context, err error) error {
	if err == nil {
		g.settle(ctx)
	}
	return err
}

// nameDoubts logs which rooms may be otherwise at the next start.
func (g *Registry) nameDoubts() {
	for _, number := range g.doubts.numbers() {
		g.cfg.Log.Error("a room may be another one after the next start: the store did not answer for a change that was refused", "room", number)
	}
}
