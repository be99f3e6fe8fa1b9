package rooms

import (
	"fmt"
	"slices"

	"github.com/confbridge/confbridge/mixer"
)

// whisper is that a member is heard by one other alone: a coach by whom they help, an assistant by the host.
type whisper struct {
	to   *member    // who hears it; nil: it is heard as others are
	gain mixer.Gain // what it is heard with
	over bool       // it fades out, and to is nil after that
}

// setWhisper has the member of the given ID, and nobody else, hear m from now on; "" has everybody hear it again (ErrNoParticipant; ErrInvalid; ErrElsewhere;
// ErrNotAllowed, where one of them is not inside, or the other hears nobody). It is not for the tick.
func (s *state) setWhisper(m *member, id string) error {
	if id == "" {
		m.whisper.over = m.whisper.to != nil
		return nil
	}
	to := s.member(id)
	switch {
	case to == nil:
		return fmt.Errorf("whisper to participant %q: %w", id, ErrNoParticipant)
	case to == m:
		return fmt.Errorf("participant %q whispers to itself: %w", id, ErrInvalid)
	case m.elsewhere || to.elsewhere:
		return fmt.Errorf("whisper to participant %q: %w", id, ErrElsewhere)
	case to.caller.Way == WaySession:
		return fmt.Errorf("whisper to participant %q: a session hears nobody: %w", id, ErrNotAllowed)
	case m.place != PlaceInside || to.place != PlaceInside:
		return fmt.Errorf("whisper to participant %q: one of the two waits: %w", id, ErrNotAllowed)
	case to == m.whisper.to:
		m.whisper.over = false
		return nil
	}
	m.forgetWhisper()
	m.whisper.to, m.whisper.over = to, false
	m.whisper.gain.Jump(0)
	to.down.coaches = append(to.down.coaches, m)
	return nil
}

// forgetWhisper ends it at once.
func (m *member) forgetWhisper() {
	if to := m.whisper.to; to != nil {
		to.down.coaches = slices.DeleteFunc(to.down.coaches, func(o *member) bool { return o == m })
		m.whisper.to, m.whisper.over = nil, false
	}
}

// leaveWhispers ends all that m has to do with when it leaves the room. Who has whispered is muted, here or where it goes: what was for one is not for
// all.
func (s *state) leaveWhispers(m *member) {
	if m.whisper.to != nil {
		m.mute.self = true
	}
	m.forgetWhisper()
	s.muteCoaches(m)
}

// muteCoaches ends all whispers to m.
func (s *state) muteCoaches(m *member) {
	for len(m.down.coaches) > 0 {
		coach := m.down.coaches[0]
		coach.forgetWhisper()
		coach.mute.self = true
		coach.settle()
	}
}

// endWhispers lets those be heard by all again who have faded out. It is called between ticks.
func (s *state) endWhispers() {
	for _, m := range s.members {
		if m.whisper.over && m.whisper.gain.Silent() {
			m.forgetWhisper()
			m.rearrange()
			s.raise(Event{Kind: KindUpdated, Participant: s.describe(m)})
		}
	}
}

// whispered says whether anybody's whisper is to be heard in this tick. It is part of it.
func (d *downlink) whispered() bool {
	for _, c := range d.coaches {
		if c.voice.sounding || !c.whisper.gain.Silent() {
			return true
		}
	}
	return false
}

// layWhispers puts what the coaches say over what is heard. It is part of the tick, and called once in it.
func (d *downlink) layWhispers(heard []int16, rateHz int) {
	for _, c := range d.coaches {
		v := &c.voice
		if v.contributes { // it is still on its way out of the mix
			continue
		}
		if c.whisper.over || c.mute.self || c.mute.moderator || c.caller.Role == RoleListener || c.place != PlaceInside || c.moving != nil {
			c.whisper.gain.Set(0)
		} else {
			c.whisper.gain.Set(v.level.at(c.mixedGainDB()))
		}
		c.whisper.gain.Apply(v.frame, rateHz)
		if v.sounding {
			mixer.Overlay(heard, v.frame)
		}
	}
}

// whispersTo is the ID of who alone hears the member; empty: nobody in particular.
func (m *member) whispersTo() string {
	if m.whisper.to == nil || m.whisper.over {
		return ""
	}
	return m.whisper.to.p.id
}
