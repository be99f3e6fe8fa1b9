package rooms

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Who is called and has to say that they want to come in has two seats until then: one in the room that keeps it for them (Participant.keeper), where the dial
// is told of, and one in a reception, where their leg is. Only the keeper's goroutine touches the dial.

// dialOf is the dial of somebody who is called from this room; nil: nobody calls them, or not from here.
func (s *state) dialOf(p *Participant) *dial {
	if p.keeper != nil && p.keeper != s.room {
		return nil
	}
	return p.dial
}

// endDial is called when somebody has come in: where they were called into this room, that is over.
func (s *state) endDial(p *Participant) {
	if p.keeper == nil || p.keeper == s.room {
		p.dial = nil
	}
}

// doDial runs op on the goroutine of the room that the participant is called from.
func (p *Participant) doDial(ctx context.Context, op func(*state) error) error {
	if p.keeper == nil {
		return p.do(ctx, op)
	}
	return p.keeper.do(ctx, op)
}

// leaveKeeper gives the kept seat back of one who has left the reception. p.turn is held.
func (p *Participant) leaveKeeper(why Reason) {
	if p.keeper == nil {
		return
	}
	why = cmp.Or(p.Reason(), why)
	_ = p.keeper.doAlways(func(s *state) error { s.letGo(p, why); return nil }) // ErrClosed: the room has let go already
}

// hasSeatIn says whether a room keeps a seat for one who is in a reception still. p.turn is held.
func (p *Participant) hasSeatIn(r *room) bool { return p.keeper == r && p.room.Load().reception }

// takeKept finds the seat that is kept for p, who comes out of the reception (ErrNoParticipant: the room has let go).
func (p *Participant) takeKept(ctx context.Context) (*room, error) {
	return p.keeper, p.keeper.do(ctx, func(s *state) error {
		if !slices.Contains(s.seats, p) {
			return fmt.Errorf("participant %q: %w", p.id, ErrNoParticipant)
		}
		return nil
	})
}
