package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

// Move takes a participant from one room to another, with the same ID, role and leg, and whether it is muted and deaf; its recorded
// sound, jitter buffer and codecs go with it, so that nothing clicks or begins anew. Both rooms tell of it: Left with ReasonMoved
// here, Joined there. Who was inside here has not to wait in the lobby there. A locked or full room takes nobody (ErrLocked, ErrFull), nor does one that the caller is banned from (ErrBanned), and who is gone meanwhile is ErrNoParticipant; then nothing has
// changed. ErrNoRoom says which one.
func (g *Registry) Move(ctx context.Context, number, id, to string) (ParticipantInfo, error) {
	var p *Participant
	var role Role
	err := g.withMember(ctx, number, id, func(_ *state, m *member) error { p, role = m.p, m.caller.Role; return nil })
	if err != nil {
		return ParticipantInfo{}, err
	}
	select {
	case p.turn <- struct{}{}:
		defer p.endTurn()
	case <-ctx.Done():
		return ParticipantInfo{}, context.Cause(ctx)
	}
	if p.Room() != number {
		return ParticipantInfo{}, fmt.Errorf("room %q: participant %q: %w", number, id, ErrNoParticipant)
	}
	info, err := g.move(ctx, p, role, to, nil)
	return info, wrap("move to room", to, err)
}

// Pass is what somebody comes into a room with who has been asked.
type Pass struct {
	Role Role
	// DisplayName is what they are called from then on; empty: as they gave it.
	DisplayName string
	// Name is what they have said that they are called (mixer.Spoken); nil: nothing. It is said of them where comings and goings are told in words, and goes where they go.
	Name *mixer.Clip
	// KeepKeys has their keys go on to whom TakeKeys has given them.
	KeepKeys bool
}

// MoveTo is Registry.Move by whoever has the participant in hand: the way out of a reception. Unless with says otherwise, the participant's keys are the room's
// business from then on; what is played to it is heard to its end. Errors are those of Move; ErrNoParticipant, where it has left.
func (p *Participant) MoveTo(ctx context.Context, to string, with Pass) error {
	select {
	case p.turn <- struct{}{}:
		defer p.endTurn()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, err := p.room.Load().registry.move(ctx, p, with.Role, to, func(m *member) {
		m.caller.Role, m.name = with.Role, with.Name
		if !with.KeepKeys {
			m.aside.keys = nil
		}
		if with.DisplayName != "" {
			m.caller.DisplayName = with.DisplayName
		}
	})
	return wrap("move to room", to, err)
}

// move is Move with p.turn held. On the way the member is nobody's, and change may touch it; nil leaves it as it is.
func (g *Registry) move(ctx context.Context, p *Participant, role Role, to string, change func(*member)) (ParticipantInfo, error) {
	if to == p.Room() {
		return ParticipantInfo{}, fmt.Errorf("participant %q is there: %w", p.id, ErrInvalid)
	}
	next, own, err := g.seatMover(ctx, p, role, to)
	if err != nil {
		return ParticipantInfo{}, err
	}
	m, err := depart(ctx, p, next.sideOf != nil)
	if err != nil && p.hasSeatIn(next) {
		return ParticipantInfo{}, err // Leave gives the seat back, and tells of it
	}
	if err != nil {
		_ = next.doAlways(func(s *state) error { s.vacate(p); return nil }) // ErrClosed: it has let go
		return ParticipantInfo{}, err
	}
	if change != nil {
		change(m)
	}
	var info ParticipantInfo
	err = next.doAlways(func(s *state) error {
		if err := s.arrive(m, own); err != nil {
			return err
		}
		info = s.show(m)
		return nil
	})
	if err != nil { // the room that was to take them in has closed, and nobody has them any more
		m.voice.close()
		m.aside.end()
		g.metrics.participant(m.profile.Name, -1)
		p.gone(ReasonEnded)
		if err := m.leg.Close(); err != nil {
			g.cfg.Log.Warn("leg did not close", "room", to, "participant", p.id, "err", err)
		}
		return ParticipantInfo{}, err
	}
	p.room.Store(next)
	return info, nil
}

// address is what p is called from now; another call may have the seat than the one that it was taken for. p.turn is held.
func (p *Participant) address(ctx context.Context) (address string, err error) {
	err = p.room.Load().do(ctx, func(s *state) error {
		m := s.member(p.id)
		if m == nil {
			return fmt.Errorf("participant %q: %w", p.id, ErrNoParticipant)
		}
		address = m.caller.Address
		return nil
	})
	return address, err
}

// seatMover takes a seat for p in the room that it goes to, while it is in its own one still; own says that its lock is not for them.
func (g *Registry) seatMover(ctx context.Context, p *Participant, role Role, to string) (next *room, own bool, err error) {
	if p.keeper != nil && p.keeper.number == to && p.hasSeatIn(p.keeper) {
		next, err = p.takeKept(ctx)
		return next, false, err
	}
	address, err := p.address(ctx)
	if err != nil {
		return nil, false, err
	}
	for {
		if next, err = g.lookupOrOpen(ctx, to, true); err != nil {
			return nil, false, err
		}
		own = next.sideOf == p.room.Load() || p.room.Load().sideOf == next
		err = next.do(ctx, func(s *state) error { return s.admitAs(p, address, role, own) })
		if !errors.Is(err, ErrClosed) {
			return next, own, err
		}
		// It closed under our hands; the next look-up finds none, or wakes it.
	}
}

// depart waits until p's room has faded it out and given it away: two ticks at most.
func depart(ctx context.Context, p *Participant, aside bool) (*member, error) {
	given := make(chan *member, 1)
	err := p.room.Load().do(ctx, func(s *state) error {
		m := s.member(p.id)
		switch {
		case m == nil:
			return fmt.Errorf("participant %q: %w", p.id, ErrNoParticipant)
		case aside && m.place != PlaceInside: // nobody comes in by way of a side room
			return fmt.Errorf("participant %q waits: %w", p.id, ErrNotAllowed)
		case m.elsewhere:
			return fmt.Errorf("participant %q: %w", p.id, ErrElsewhere)
		case m.moving != nil:
			panic("a participant moves twice at once") // Participant.turn is held
		}
		m.moving = given
		m.rearrange()
		return nil
	})
	if err != nil {
		return nil, err
	}
	m, ok := <-given
	if !ok {
		return nil, fmt.Errorf("participant %q: %w", p.id, ErrNoParticipant)
	}
	return m, nil
}

// stay tells whoever waits for the member that it goes nowhere.
func (m *member) stay() {
	if m.moving != nil {
		close(m.moving)
		m.moving = nil
	}
}

// letMoversGo gives those away who go to another room and are not heard any more. It is called between ticks.
func (s *state) letMoversGo() {
	for i := 0; i < len(s.members); {
		m := s.members[i]
		if m.moving == nil || !m.voice.gain.Silent() {
			i++
			continue
		}
		if m.down.own == nil {
			m.down.mustLeaveGroup(&s.mix)
		}
		s.vacate(m.p)
		s.release(m, ReasonMoved) // takes it out of members
		to := m.moving
		m.moving = nil
		to <- m // the last that this room has to do with it
	}
}

// vacate takes p's seat back and leaves p alone otherwise.
func (s *state) vacate(p *Participant) {
	s.seats = slices.DeleteFunc(s.seats, func(o *Participant) bool { return o == p })
	if len(s.seats) == 0 {
		s.armGrace()
	}
}

// arrive takes in a member that another room has given away, and that has a seat here. One of the house has been let in before.
func (s *state) arrive(m *member, own bool) error {
	if !slices.Contains(s.seats, m.p) {
		return ErrClosed
	}
	now := time.Now()
	m.state, m.joined, m.dialled = s, now, dialled{}
	m.came = m.comesTo(own)
	if !own {
		m.number = 0
	}
	if m.place == PlaceInside {
		m.greetGuest(own)
	} else {
		m.greet()
	}
	m.voice.speaker, m.voice.contributes, m.voice.talking = mixer.Speaker{}, false, false
	m.down.own.Renumber(s.mix.ticks)
	if err := m.down.own.SetEffort(s.mix.effort); err != nil {
		return fmt.Errorf("participant %q: %w", m.p.id, err)
	}
	m.down.group, m.down.ownTicks, m.down.told = nil, ownEncodeTicks, toldNothing
	if ear := m.ear(); ear != earMix {
		m.down.ear = ear // nothing of the mix is for it
	}
	m.suppressNoise()
	s.enter(m, now)
	return nil
}

// comesTo is how a member comes from another room to that of its state. One of the house goes to a side room or comes back.
func (m *member) comesTo(own bool) came {
	switch {
	case own && m.state.room.sideOf != nil:
		return cameAside
	case own:
		return cameBack
	case m.place == PlaceInside:
		return cameMoved
	}
	return cameIn
}
