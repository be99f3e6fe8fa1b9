package rooms

import (
	"context"
	"fmt"
	"time"
)

// entrance is where a newcomer stands first.
func (s *state) entrance(role Role) Place {
	switch {
	case !s.hours.open:
		return PlaceEarly
	case role == RoleModerator:
		return PlaceInside
	case s.set.Lobby:
		return PlaceLobby
	case s.set.WaitForHost && s.hosts == 0:
		return PlaceWaiting
	}
	return PlaceInside
}

// entranceOf is entrance for one who has waited for the room to open: a guest has been let in already, but not in place of a host.
func (s *state) entranceOf(m *member) Place {
	to := s.entrance(m.caller.Role)
	if to != PlaceLobby || !m.guest {
		return to
	}
	if s.hostless(m) {
		return PlaceWaiting
	}
	return PlaceInside
}

// greet has the room's modes take effect on a newcomer.
func (m *member) greet() {
	set := &m.state.set
	m.guest, m.place = false, m.state.entrance(m.caller.Role)
	if set.MuteOnEntry && m.caller.Role != RoleModerator {
		m.mute.moderator = true
	}
	m.mute.held = m.mute.moderator && !set.AllowSelfUnmute
	m.mutedBy = m.whoMutes()
}

// greetGuest is greet for one who comes from inside another room: whoever has sent it here has let it in, and it is muted as it was. One of the
// house, who goes to a side room or comes back, does not wait for a host either, and is muted by others again when it is back, whatever it has done there.
func (m *member) greetGuest(own bool) {
	s := m.state
	switch {
	case own:
	case !s.hours.open:
		m.guest, m.place = true, PlaceEarly
	case s.hostless(m):
		m.place = PlaceWaiting
	}
	switch {
	case s.room.sideOf != nil: // nobody presides there
		m.away = m.mute
		m.mute.held = false
	case own:
		m.mute.moderator, m.mute.held = m.away.moderator, m.away.held
	default:
		m.mute.held = m.mute.moderator && !s.set.AllowSelfUnmute
	}
	m.mutedBy = m.whoMutes()
}

// hostless says whether a member has to wait for a host.
func (s *state) hostless(m *member) bool {
	return s.set.WaitForHost && s.hosts == 0 && m.caller.Role != RoleModerator
}

// sendOut has those inside wait for a host. Nobody goes back to the lobby.
func (s *state) sendOut() {
	for _, m := range s.members {
		if m.place == PlaceInside && s.hostless(m) {
			s.awaitHost(m)
		}
	}
}

func (s *state) awaitHost(m *member) {
	m.goTo(PlaceWaiting)
	s.raise(Event{Kind: KindWaiting, Participant: s.describe(m)})
}

// unwait takes a member in who has nothing to wait for any more.
func (s *state) unwait(m *member) {
	lobby := m.place == PlaceLobby && (m.caller.Role == RoleModerator || !s.set.Lobby)
	if lobby || m.place == PlaceWaiting && !s.hostless(m) {
		s.letIn(m)
	}
}

// letIn takes a member in who waits; from the lobby it may have to wait for a host now.
func (s *state) letIn(m *member) {
	if m.place == PlaceLobby && s.hostless(m) {
		s.awaitHost(m)
		return
	}
	m.goTo(PlaceInside)
	s.raise(Event{Kind: KindLetIn, Participant: s.describe(m)})
	s.watchHosts(s.describe(m))
}

// watchHosts is called when a moderator may have come inside or gone; who is that one. It tells when the first has come, and lets those
// in who have waited for that; and when the last has gone.
func (s *state) watchHosts(who ParticipantInfo) {
	before := s.hosts
	s.hosts = 0
	for _, m := range s.members {
		if m.caller.Role == RoleModerator && m.place == PlaceInside {
			s.hosts++
		}
	}
	switch {
	case s.hosts > 0 && before == 0:
		s.alarm.hostLeft = time.Time{}
		s.raise(Event{Kind: KindHostArrived, Participant: who})
		for _, m := range s.members {
			s.unwait(m)
		}
		s.armAlarm()
	case s.hosts == 0 && before > 0 && !s.ending && len(s.members) > 0:
		s.alarm.hostLeft = time.Now()
		s.raise(Event{Kind: KindHostLeft, Participant: who})
		s.armAlarm()
	}
}

// LetIn takes somebody in who waits in a room's lobby, or for a host (ErrNoRoom, ErrNoParticipant; ErrNotWaiting).
func (g *Registry) LetIn(ctx context.Context, number, id string) (ParticipantInfo, error) {
	var info ParticipantInfo
	err := g.withMember(ctx, number, id, func(s *state, m *member) error {
		if m.place != PlaceLobby && m.place != PlaceWaiting {
			return fmt.Errorf("participant %q: %w", id, ErrNotWaiting)
		}
		s.letIn(m)
		info = s.show(m)
		return nil
	})
	return info, err
}

// LetAllIn takes everybody in who waits in a room's lobby, and says how many that were (ErrNoRoom).
func (g *Registry) LetAllIn(ctx context.Context, number string) (int, error) {
	n := 0
	err := g.do(ctx, number, func(s *state) error { n = s.letAllIn(); return nil })
	return n, err
}

func (s *state) letAllIn() int {
	n := 0
	for _, m := range s.members {
		if m.place == PlaceLobby {
			s.letIn(m)
			n++
		}
	}
	return n
}
