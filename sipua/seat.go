package sipua

import (
	"context"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// Rooms is what the focus asks of the rooms; *rooms.Registry is one, and so is who stands in front of it and asks callers for PINs (package rooms/entry).
type Rooms interface {
	// Admit lets a caller who has dialled that number in as far as the door, or fails with a sentinel of package rooms. The caller has an Origin.
	Admit(ctx context.Context, number string, c rooms.Caller) (*rooms.Participant, error)
	// Reachable says whether Admit would find or make a room of that number, without doing either; it does not wait.
	Reachable(number string) error
	// Dial is Admit for somebody who is called, and tells of it. Where the caller's Origin has a Confirm, they are asked whether they want to come in.
	Dial(ctx context.Context, number string, c rooms.Caller) (*rooms.Participant, error)
}

// seat is the side of a call that came in, or was placed from a room: a participant of a room, and the leg that carries the sound. The call's
// goroutine owns it; the leg belongs to the room from Join on.
type seat struct {
	participant *rooms.Participant // nil before another's seat is taken
	caller      rooms.Caller
	line        *trunk.Call // the caller's: free again before the peer hears of the end
	leg         *media.Leg  // nil before it is open, and after it is closed
	elsewhere   *groupLeg   // in its place, of who hears the room by a session; nil mostly
	call        *call       // whose side it is
	joined      bool
	predecessor *call // whose seat is taken (RFC 3891); nil mostly
}

func (s *seat) apply(ctx context.Context, agreed media.Stream) error {
	if s.elsewhere != nil {
		return s.listen(ctx)
	}
	agreed.KeysInSound = s.line.KeysInSound(len(agreed.Events) > 0)
	if s.joined {
		return s.participant.Change(ctx, func() error { return s.leg.Configure(agreed) })
	}
	if err := s.leg.Configure(agreed); err != nil {
		return err
	}
	if s.predecessor != nil {
		p, err := s.predecessor.yield(ctx, roomLeg{s.leg, s.call}, s.caller)
		if err != nil {
			return err
		}
		s.participant, s.joined, s.predecessor = p, true, nil
		return nil
	}
	if err := s.participant.Join(ctx, roomLeg{s.leg, s.call}); err != nil {
		return err
	}
	s.joined = true
	return nil
}

// listen is apply for who hears the room by a session: the seat is all there is.
func (s *seat) listen(ctx context.Context) error {
	if s.joined {
		return nil
	}
	if err := s.participant.Join(ctx, s.elsewhere); err != nil {
		return err
	}
	s.joined = true
	return nil
}

func (s *seat) key(ctx context.Context, digit byte, held time.Duration) error {
	if s.participant == nil {
		return ErrCallOver
	}
	return s.participant.Key(ctx, digit, held)
}

func (s *seat) left() <-chan struct{} {
	if s.participant == nil {
		return nil
	}
	return s.participant.Left()
}

func (s *seat) leave(why rooms.Reason) rooms.Reason {
	if s.participant != nil {
		s.participant.Leave(why)
	}
	s.line.End()
	if !s.joined && s.leg != nil {
		_ = s.leg.Close() // nothing was ever sent on it; there is nobody to tell
		s.leg = nil
	}
	if s.participant == nil {
		return why
	}
	return s.participant.Reason()
}

// noSide is the side of a call that has none yet, or none that could be had.
type noSide struct{}

func (noSide) apply(context.Context, media.Stream) error      { return ErrCallOver }
func (noSide) key(context.Context, byte, time.Duration) error { return ErrCallOver }
func (noSide) left() <-chan struct{}                          { return nil }
func (noSide) leave(why rooms.Reason) rooms.Reason            { return why }
