package rooms

import "context"

// MutedBy says who has muted a participant.
type MutedBy uint8

// Who mutes. Where several do, the first that is true of moderator, lecture and self.
const (
	MutedByNobody MutedBy = iota
	MutedBySelf
	MutedByModerator // or on entry
	MutedByLecture
)

// muting is what keeps a member from being heard, but for the room's modes.
type muting struct {
	self      bool
	moderator bool // another one than itself
	held      bool // only a moderator can end that
}

// whoMutes is what mutedBy should be.
func (m *member) whoMutes() MutedBy {
	switch called := m.state.called == m; {
	case m.mute.moderator && !called:
		return MutedByModerator
	case m.state.set.Lecture && m.caller.Role != RoleModerator && !called:
		return MutedByLecture
	case m.mute.self:
		return MutedBySelf
	}
	return MutedByNobody
}

// settle is called when who mutes a member may have changed, and tells of it. It is not for the tick.
func (m *member) settle() {
	before := m.mutedBy
	if !m.resettle() && m.mutedBy != before {
		m.state.raise(Event{Kind: KindUpdated, Participant: m.state.describe(m)})
	}
}

// resettle is settle, but tells of nothing less than that the member is muted or unmuted, and says whether it is.
func (m *member) resettle() bool {
	before := m.mutedBy
	m.mutedBy = m.whoMutes()
	m.rearrange()
	muted := m.mutedBy != MutedByNobody
	if muted == (before != MutedByNobody) {
		return false
	}
	kind := KindUnmuted
	if muted {
		kind = KindMuted
	}
	m.state.raise(Event{Kind: kind, Participant: m.state.describe(m)})
	return true
}

// setMuted is what a moderator says of one member. Whom one mutes loses the floor, and whom one unmutes in a lecture gets it.
func (s *state) setMuted(m *member, muted bool) {
	if !muted {
		m.mute.self = false
		s.unmuteForOthers(m)
		return
	}
	m.mute.moderator, m.mute.held = true, !s.set.AllowSelfUnmute
	if s.called == m {
		s.takeFloor()
	}
}

// unmuteForOthers takes back what others have muted of one member, who stays muted where it has muted itself. In a lecture it gets the floor.
func (s *state) unmuteForOthers(m *member) {
	m.mute.moderator, m.mute.held = false, false
	if m.whoMutes() == MutedByLecture && m.caller.Role != RoleListener && m.place == PlaceInside {
		s.giveFloor(m)
	}
}

// toggleSelfMute mutes or unmutes a member as it wants itself; false: it may not unmute itself, which is told.
func (s *state) toggleSelfMute(m *member) bool {
	may := m.caller.Role == RoleModerator
	switch {
	case m.mutedBy == MutedByNobody:
		m.mute.self = true
	case m.mutedBy == MutedBySelf:
		m.mute.self = false
	case m.mutedBy == MutedByLecture,
		m.mute.held && !may,
		s.set.Lecture && !may:
		s.raise(Event{Kind: KindUnmuteRefused, Participant: s.describe(m)})
		return false
	default:
		m.mute = muting{}
	}
	m.settle()
	return true
}

// muteAll mutes everybody but moderators; who has the floor is heard until it is taken. It says how many there are of them.
func (s *state) muteAll(selfUnmute bool) int {
	s.raise(Event{Kind: KindAllMuted, Info: new(s.info())})
	n := 0
	for _, m := range s.members {
		if m.caller.Role == RoleModerator {
			continue
		}
		m.mute.moderator, m.mute.held = true, !selfUnmute
		m.settle()
		n++
	}
	return n
}

// unmuteAll takes back what others have muted; who has muted itself stays so. It says how many were muted by others.
func (s *state) unmuteAll() int {
	s.raise(Event{Kind: KindAllUnmuted, Info: new(s.info())})
	n := 0
	for _, m := range s.members {
		if m.mute.moderator {
			m.mute.moderator, m.mute.held = false, false
			m.settle()
			n++
		}
	}
	return n
}

// MuteAll mutes everybody in a room but its moderators, and says how many they are. Whether they may unmute themselves is said by
// selfUnmute, whatever the room's settings have; newcomers are not muted by it (ErrNoRoom).
func (g *Registry) MuteAll(ctx context.Context, number string, selfUnmute bool) (int, error) {
	n := 0
	err := g.do(ctx, number, func(s *state) error { n = s.muteAll(selfUnmute); return nil })
	return n, err
}

// UnmuteAll unmutes everybody whom somebody else has muted, and says how many they were. Who has muted itself stays so, and a lecture stays
// one (ErrNoRoom).
func (g *Registry) UnmuteAll(ctx context.Context, number string) (int, error) {
	n := 0
	err := g.do(ctx, number, func(s *state) error { n = s.unmuteAll(); return nil })
	return n, err
}

// ToggleSelfMute mutes or unmutes the participant as it wishes itself (ErrNotAllowed: a moderator has muted it, or a lecture; ErrClosed).
func (p *Participant) ToggleSelfMute(ctx context.Context) error {
	return p.withMember(ctx, func(s *state, m *member) error {
		if !s.toggleSelfMute(m) {
			return ErrNotAllowed
		}
		return nil
	})
}
