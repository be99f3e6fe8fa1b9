package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// sideMark stands between the number of a room and what makes that of its side room another one.
const sideMark = "-side-"

// OpenSideRoom takes at least two participants out of a room into one of their own, which nobody else gets into, with the room's settings of sound and
// recording. Who is left alone there comes back; CloseSideRoom brings all of them back, and with the end of the room theirs ends. Nobody goes where
// one of them cannot (ErrNoRoom, ErrNoParticipant, ErrInvalid of fewer than two, of one named twice, or of a side room's side room; ErrNotAllowed of who waits).
func (g *Registry) OpenSideRoom(ctx context.Context, number string, ids ...string) (Info, error) {
	if len(ids) < 2 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) < len(ids) {
		return Info{}, fmt.Errorf("side room of %q for %d participants, want two or more different ones: %w", number, len(ids), ErrInvalid)
	}
	of := g.room(number)
	if of == nil {
		return Info{}, fmt.Errorf("room %q: %w", number, ErrNoRoom)
	}
	if of.sideOf != nil {
		return Info{}, fmt.Errorf("side room of side room %q: %w", number, ErrInvalid)
	}
	var set Settings
	err := of.do(ctx, func(s *state) error {
		for _, id := range ids {
			m := s.member(id)
			switch {
			case m == nil:
				return fmt.Errorf("participant %q: %w", id, ErrNoParticipant)
			case m.place != PlaceInside: // nobody comes in by way of a side room
				return fmt.Errorf("participant %q waits: %w", id, ErrNotAllowed)
			}
		}
		set = s.set
		return nil
	})
	if err != nil {
		return Info{}, wrap("side room of", number, err)
	}
	set.Locked, set.MaxParticipants, set.MaxDuration = true, 0, 0
	set.Modes = Modes{AllowSelfUnmute: true} // nobody presides there
	side, err := g.openSide(ctx, of, set)
	if err != nil {
		return Info{}, wrap("side room of", number, err)
	}
	moved := 0
	for _, id := range ids {
		_, moving := g.Move(ctx, number, id, side.number)
		if moving == nil {
			moved++
		} else if !errors.Is(moving, ErrNoParticipant) { // who has hung up meanwhile keeps nobody
			err = errors.Join(err, moving)
		}
	}
	if err != nil || moved < 2 {
		_ = g.CloseSideRoom(context.WithoutCancel(ctx), side.number) // ErrNoRoom: all have left
		return Info{}, wrap("side room of", number, errors.Join(err, missing(moved)))
	}
	_ = side.doAlways(func(s *state) error { s.bringBack(); return nil }) // one may have hung up before the other was there
	return g.Info(ctx, side.number)
}

func missing(moved int) error {
	if moved >= 2 {
		return nil
	}
	return fmt.Errorf("%d of those named are there: %w", moved, ErrNoParticipant)
}

// openSide makes a room at a number that nobody has.
func (g *Registry) openSide(ctx context.Context, of *room, set Settings) (*room, error) {
	for {
		number := of.number + sideMark + newID()[:6]
		if err := checkNumber(number); err != nil {
			return nil, err
		}
		r, err := g.openAs(ctx, number, set, of)
		if !errors.Is(err, ErrRoomExists) {
			return r, err
		}
	}
}

// CloseSideRoom brings everybody in a side room back to where they came from (ErrNoRoom; ErrInvalid: the room is none; where the room that they
// came from is gone they stay).
func (g *Registry) CloseSideRoom(ctx context.Context, number string) error {
	side := g.room(number)
	switch {
	case side == nil:
		return fmt.Errorf("room %q: %w", number, ErrNoRoom)
	case side.sideOf == nil:
		return fmt.Errorf("room %q is no side room: %w", number, ErrInvalid)
	}
	all, err := g.Participants(ctx, number)
	for _, p := range all {
		_, moving := g.Move(ctx, number, p.ID, side.sideOf.number)
		if !errors.Is(moving, ErrNoParticipant) && !errors.Is(moving, ErrNoRoom) {
			err = errors.Join(err, moving)
		}
	}
	return err
}

// bringBack lets who is alone in a side room come back. It is called when somebody has left.
func (s *state) bringBack() {
	r := s.room
	if r.sideOf == nil || len(s.members) != 1 || s.members[0].moving != nil {
		return
	}
	id := s.members[0].p.id
	r.registry.running.Go(func() {
		_, err := r.registry.Move(r.registry.life, r.number, id, r.sideOf.number)
		if err != nil && r.registry.life.Err() == nil && !errors.Is(err, ErrNoParticipant) && !errors.Is(err, ErrNoRoom) {
			r.registry.cfg.Log.Warn("nobody brings back who is left in a side room", "room", r.number, "participant", id, "err", err)
		}
	})
}

// endSides ends the side rooms of a room that ends.
func (s *state) endSides(why Reason) {
	for _, side := range s.room.registry.sidesOf(s.room) {
		s.room.registry.running.Go(func() {
			_ = side.doAlways(func(s *state) error { s.end(why); return nil }) // ErrClosed: it has ended
		})
	}
}

func (g *Registry) sidesOf(of *room) []*room {
	g.mu.Lock()
	defer g.mu.Unlock()
	var sides []*room
	for _, r := range g.rooms {
		if r.sideOf == of {
			sides = append(sides, r)
		}
	}
	return sides
}
