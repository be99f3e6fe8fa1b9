package rooms

import "github.com/confbridge/confbridge/mixer"

// goneName is the name that somebody has spoken who has left in this turn.
type goneName struct {
	id   string
	name *mixer.Clip
}

// AsksNames says whether a newcomer to a room is to be asked to say a name: the room wants to have it, and with the newcomer still has no more people than it says
// names of.
func (g *Registry) AsksNames(set Settings, participants int) bool {
	v := set.speechOr(g.cfg.Defaults.Speech)
	return set.RecordNames && g.cfg.Sounds != nil && v.Announce == AnnounceWords && participants < v.AnnounceLimit
}

// nameOf is the name that somebody has spoken who is here or has left in this turn; nil: none.
func (s *state) nameOf(id string) *mixer.Clip {
	if m := s.member(id); m != nil {
		return m.name
	}
	for _, gone := range s.gone {
		if gone.id == id {
			return gone.name
		}
	}
	return nil
}

// rememberName keeps the name of somebody who leaves until the end of the turn, when it is told of.
func (s *state) rememberName(m *member) {
	if m.name != nil {
		s.gone = append(s.gone, goneName{m.p.id, m.name})
	}
}

// forgetNames is called when it has been told of all.
func (s *state) forgetNames() {
	clear(s.gone)
	s.gone = s.gone[:0]
}

// sayOf says what somebody has done: by the name that they have spoken, or where there is none in words without one.
func (s *state) sayOf(to audience, id, named, nameless string) {
	name := s.nameOf(id)
	if name == nil {
		s.say(to, words(nameless))
		return
	}
	s.sayParts(to, part{name: name, line: words(named)})
}
