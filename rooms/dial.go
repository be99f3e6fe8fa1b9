package rooms

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// DialState is how far a call has come that is placed from a room.
type DialState uint8

// The states of a dial, in their order. What follows is the join, or KindDialFailed.
const (
	DialDialing DialState = iota
	DialRinging
	DialAnswered // and on its way into the mix
)

// Dial is somebody who is being called, at one moment. The ID is that of the participant to come.
type Dial struct {
	ID   string
	Room string
	Caller
	State   DialState
	Started time.Time
}

// dial is what a room knows of a seat that is kept for somebody who is being called. Only the room's goroutine touches it.
type dial struct {
	state   DialState
	started time.Time
	reason  Reason // why it has failed, where that is not the reason of the leaving
	code    int
}

// Dial keeps a seat for somebody who is called, and tells of it (KindDialing). It fails as Admit does. Progress and FailDial tell what comes of it,
// Join ends it well, and Leave in any case. Where c.Origin has a Confirm, Join leads into a reception, as after AdmitToReception: who has called asks there (package
// rooms/entry), Participant.MoveTo the same room is what ends the dial well, and without it nobody comes in. The room lets go (Participant.Left) when a moderator removes the participant to come, and when the
// conference or the bridge ends.
func (g *Registry) Dial(ctx context.Context, number string, c Caller) (*Participant, error) {
	asked := c.Origin != nil && c.Origin.Confirm > 0
	p, err := g.seat(ctx, number, c, func(s *state, p *Participant) {
		p.dial = &dial{started: time.Now()}
		if asked {
			p.keeper = s.room
		}
		s.raise(Event{Kind: KindDialing, Participant: s.describeDial(p)})
	})
	if err != nil || !asked {
		return p, err
	}
	if err := g.toReception(ctx, p); err != nil {
		p.Leave(ReasonDraining)
		return nil, wrap("dial from room", number, err)
	}
	return p, nil
}

// Dials lists who is being called, in order of calling (ErrNoRoom).
func (g *Registry) Dials(ctx context.Context, number string) ([]Dial, error) {
	var list []Dial
	err := g.do(ctx, number, func(s *state) error {
		for _, p := range s.seats {
			if d := s.dialOf(p); d != nil {
				list = append(list, Dial{ID: p.id, Room: number, Caller: p.caller, State: d.state, Started: d.started})
			}
		}
		return nil
	})
	return list, err
}

// Progress tells that it rings there, or has been answered. What has been told, or is over, is not told again. The error is ErrClosed where the
// room has let go, or the context's.
func (p *Participant) Progress(ctx context.Context, to DialState) error {
	return p.doDial(ctx, func(s *state) error {
		switch {
		case !slices.Contains(s.seats, p):
			return ErrClosed
		case p.dial == nil || to <= p.dial.state:
			return nil
		}
		p.dial.state = to
		kind := KindRinging
		if to == DialAnswered {
			kind = KindAnswered
		}
		s.raise(Event{Kind: kind, Participant: s.describeDial(p)})
		return nil
	})
}

// FailDial is Leave for a call that was not answered. code is the number by which the other side has refused, in the words of whatever it speaks; 0:
// it said nothing.
func (p *Participant) FailDial(why Reason, code int) {
	p.turn <- struct{}{}
	fail := func(s *state) error {
		if d := s.dialOf(p); d != nil {
			d.reason, d.code = why, code
		}
		s.letGo(p, why)
		return nil
	}
	if p.keeper != nil {
		_ = p.keeper.doAlways(fail) // ErrClosed: the room has let go already
	}
	_ = p.room.Load().doAlways(fail) // likewise
	p.endTurn()
	<-p.left
}

// failDial tells that nothing has come of a dial; it does nothing to other seats.
func (s *state) failDial(p *Participant, why Reason) {
	if s.dialOf(p) == nil {
		return
	}
	if p.dial.reason != ReasonUnspecified {
		why = p.dial.reason
	}
	s.raise(Event{Kind: KindDialFailed, Reason: why, Code: p.dial.code, Participant: s.describeDial(p)})
	p.dial = nil
}

// cancelDials lets go of everybody who is being called, because the conference that they were to join is over.
func (s *state) cancelDials(why Reason) {
	for _, p := range slices.Clone(s.seats) {
		if s.dialOf(p) != nil {
			s.letGo(p, why)
		}
	}
}

// dialled finds who is being called, by the id to come; nil where nobody is.
func (s *state) dialled(id string) *Participant {
	for _, p := range s.seats {
		if p.id == id && s.dialOf(p) != nil {
			return p
		}
	}
	return nil
}

func (s *state) describeDial(p *Participant) ParticipantInfo {
	return ParticipantInfo{ID: p.id, Room: s.room.number, Caller: p.caller}
}

// Presser is a leg that can press keys: what Registry.PressKeys asks for. A leg without it cannot.
type Presser interface {
	// Press queues keys to be sent to the peer, in their order, each held for that time and with that pause behind it; all of them or none. It
	// is called on the room's goroutine and does not wait. Errors: ErrNoKeys, ErrKeyQueue.
	Press(keys string, held, pause time.Duration) error
}

// What can be pressed at once, and for how long.
const (
	MaxKeys     = 32
	MinKeyTime  = 40 * time.Millisecond // ITU-T Q.24: shorter ones need not be heard
	MaxKeyHeld  = time.Second           // of a clock of 48 kHz a packet's duration holds little more (RFC 4733 §2.3.5)
	MaxKeyPause = 2 * time.Second
)

// PressKeys presses keys at a participant's telephone, as its user would at ours: '0' to '9', '*', '#', 'A' to 'D', 1 to MaxKeys of them. Each is held
// for MinKeyTime to MaxKeyHeld, with MinKeyTime to MaxKeyPause before the next; 0 means 100 ms. It returns when they are queued. Errors: ErrNoRoom,
// ErrNoParticipant, ErrInvalid, ErrNoKeys, ErrKeyQueue.
func (g *Registry) PressKeys(ctx context.Context, number, id, keys string, held, pause time.Duration) error {
	if held == 0 {
		held = usualKeyTime
	}
	if pause == 0 {
		pause = usualKeyTime
	}
	if err := checkKeys(keys, held, pause); err != nil {
		return err
	}
	return g.withMember(ctx, number, id, func(_ *state, m *member) error {
		if leg, ok := m.leg.(Presser); ok {
			return leg.Press(keys, held, pause)
		}
		return ErrNoKeys
	})
}

const usualKeyTime = 100 * time.Millisecond

func checkKeys(keys string, held, pause time.Duration) error {
	switch {
	case keys == "" || len(keys) > MaxKeys:
		return fmt.Errorf("%d keys, want 1 to %d: %w", len(keys), MaxKeys, ErrInvalid)
	case held < MinKeyTime || held > MaxKeyHeld:
		return fmt.Errorf("keys held for %v, want %v to %v: %w", held, MinKeyTime, MaxKeyHeld, ErrInvalid)
	case pause < MinKeyTime || pause > MaxKeyPause:
		return fmt.Errorf("%v between keys, want %v to %v: %w", pause, MinKeyTime, MaxKeyPause, ErrInvalid)
	}
	for i := range len(keys) {
		if !isKey(keys[i]) {
			return fmt.Errorf("key %q, want 0 to 9, *, #, A to D: %w", keys[i], ErrInvalid)
		}
	}
	return nil
}
