package rooms

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// ReceptionNumber is what rooms of the reception are called; nobody can dial it (checkNumber).
const ReceptionNumber = "(reception)"

// receptions are the rooms of the registry's own in which callers stand who are asked something before they come into one that people dial: one for each
// processor, in turn, so that those who dial PINs do not share a goroutine with a conference. None is listed, watched or counted.
type receptions struct {
	open []*room // nil where nobody is
	next int
}

func newReceptions() receptions { return receptions{open: make([]*room, runtime.GOMAXPROCS(0))} }

// AdmitToReception lets a caller in as far as a place where nobody else is heard, in no room that can be dialled (ErrDraining). Once they have joined, they are
// in PlaceAsked; Participant.MoveTo takes them on. The participant must be ended by Leave, as with Admit.
func (g *Registry) AdmitToReception(ctx context.Context, c Caller) (*Participant, error) {
	for {
		r, err := g.openReception()
		if err != nil {
			return nil, fmt.Errorf("admit to reception: %w", err)
		}
		p := newParticipant(r, c)
		err = r.do(ctx, func(s *state) error { return s.admit(p, c.Role) })
		if errors.Is(err, ErrClosed) {
			continue // it closed under our hands
		}
		if err != nil {
			return nil, fmt.Errorf("admit to reception: %w", err)
		}
		return p, nil
	}
}

// toReception gives somebody who is called a seat in a reception too.
func (g *Registry) toReception(ctx context.Context, p *Participant) error {
	for {
		r, err := g.openReception()
		if err != nil {
			return err
		}
		err = r.do(ctx, func(s *state) error { return s.admit(p, p.caller.Role) })
		if errors.Is(err, ErrClosed) {
			continue // it closed under our hands
		}
		if err == nil {
			p.room.Store(r)
		}
		return err
	}
}

// openReception is the reception whose turn it is.
func (g *Registry) openReception() (*room, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.done || g.draining.Load() {
		return nil, ErrDraining
	}
	all := &g.receptions
	i := all.next
	all.next = (i + 1) % len(all.open)
	if r := all.open[i]; r != nil {
		return r, nil
	}
	r := newRoom(g, ReceptionNumber, newEventLog(ReceptionNumber, 1, nil, 0))
	r.reception = true
	all.open[i] = r
	set := Settings{MaxTalkers: g.cfg.Defaults.MaxTalkers, Recording: g.cfg.Defaults.Recording}
	k := Kept{Number: ReceptionNumber, Settings: set, Created: time.Now()}
	g.running.Go(func() { r.run(k, true) })
	return r, nil
}

// forgetReception takes one away that is about to end; g.mu is held.
func (g *Registry) forgetReception(r *room) {
	for i, o := range g.receptions.open {
		if o == r {
			g.receptions.open[i] = nil
		}
	}
}
