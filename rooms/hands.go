package rooms

import (
	"context"
	"fmt"
	"slices"
)

// maxHands is how many hands can be up in a room at once.
const maxHands = 1000

// raiseHand puts a member at the end of the queue, if it is not in it already. A listener has nothing to raise it for (ErrNotAllowed), and who
// is not inside nobody to see it.
func (s *state) raiseHand(m *member) error {
	switch {
	case slices.Contains(s.hands, m):
		return nil
	case m.caller.Role == RoleListener || m.place != PlaceInside || s.called == m:
		return ErrNotAllowed
	case len(s.hands) == maxHands:
		return fmt.Errorf("%d hands are up: %w", maxHands, ErrBusy)
	}
	s.hands = append(s.hands, m)
	s.raise(Event{Kind: KindHandRaised, Participant: s.describe(m)})
	return nil
}

// lowerHand takes a member out of the queue, if it is in it.
func (s *state) lowerHand(m *member) {
	i := slices.Index(s.hands, m)
	if i < 0 {
		return
	}
	s.hands = slices.Delete(s.hands, i, i+1)
	s.raise(Event{Kind: KindHandLowered, Participant: s.describe(m)})
}

// handPosition is a member's place in the queue, from 1; 0: its hand is not up.
func (s *state) handPosition(m *member) int { return slices.Index(s.hands, m) + 1 }

// nextHand gives the floor to the first of the queue, and takes it back where nobody waits; nil then.
func (s *state) nextHand() *member {
	if len(s.hands) == 0 {
		s.takeFloor()
		return nil
	}
	m := s.hands[0]
	s.giveFloor(m)
	return m
}

// giveFloor lets a member speak, whoever has muted it but itself, until the floor is another one's.
func (s *state) giveFloor(m *member) {
	if s.called == m {
		return
	}
	s.takeFloor()
	s.lowerHand(m)
	s.called = m
	s.raise(Event{Kind: KindFloorGiven, Participant: s.describe(m)})
	m.settle()
}

// takeFloor takes the floor back from whoever has it.
func (s *state) takeFloor() {
	m := s.called
	if m == nil {
		return
	}
	s.called = nil
	s.raise(Event{Kind: KindFloorReturned, Participant: s.describe(m)})
	m.settle()
}

// noHand forgets the hand and the floor of a member that leaves, or goes where they are of no use. Where it stays, settle is to follow.
func (s *state) noHand(m *member) {
	s.lowerHand(m)
	if s.called == m {
		s.called = nil
		s.raise(Event{Kind: KindFloorReturned, Participant: s.describe(m)})
	}
}

// RaiseHand puts a participant at the end of the queue of those who want to speak; one who is in it stays where it is (ErrNoRoom,
// ErrNoParticipant; ErrNotAllowed for listeners, those who wait, and who has the floor; ErrBusy).
func (g *Registry) RaiseHand(ctx context.Context, number, id string) (ParticipantInfo, error) {
	return g.withShown(ctx, number, id, func(s *state, m *member) error { return s.raiseHand(m) })
}

// LowerHand takes a participant out of that queue, if it is in it (ErrNoRoom, ErrNoParticipant).
func (g *Registry) LowerHand(ctx context.Context, number, id string) (ParticipantInfo, error) {
	return g.withShown(ctx, number, id, func(s *state, m *member) error { s.lowerHand(m); return nil })
}

// NextHand gives the floor to the first of the queue: nobody but itself mutes that one until the floor goes to the next, is given back
// or its owner leaves. Where nobody is in the queue the floor is nobody's, and the participant's ID is empty (ErrNoRoom).
func (g *Registry) NextHand(ctx context.Context, number string) (ParticipantInfo, error) {
	var info ParticipantInfo
	err := g.do(ctx, number, func(s *state) error {
		if m := s.nextHand(); m != nil {
			info = s.show(m)
		}
		return nil
	})
	return info, err
}

// YieldFloor takes the floor back from a participant (ErrNoRoom, ErrNoParticipant; ErrNoFloor, where it has not got it).
func (g *Registry) YieldFloor(ctx context.Context, number, id string) (ParticipantInfo, error) {
	return g.withShown(ctx, number, id, func(s *state, m *member) error {
		if s.called != m {
			return fmt.Errorf("participant %q: %w", id, ErrNoFloor)
		}
		s.takeFloor()
		return nil
	})
}

// withShown runs op on the room's goroutine with the member of that id, and describes it after that.
func (g *Registry) withShown(ctx context.Context, number, id string, op func(*state, *member) error) (ParticipantInfo, error) {
	var info ParticipantInfo
	err := g.withMember(ctx, number, id, func(s *state, m *member) error {
		if err := op(s, m); err != nil {
			return err
		}
		info = s.show(m)
		return nil
	})
	return info, err
}
