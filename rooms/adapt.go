package rooms

import (
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// calmTime is how long a receiver must have reported next to no loss until it gets no copies for repair any more: at the usual
// pace of RTCP four reports, so that luck in one of them is not taken for a better network.
const calmTime = 15 * time.Second

// adapt goes over to what suits the members by what their peers speak and report. It is called between ticks, gets round to everybody in a
// second, and changes one member at a time: each costs a new encoder, and the next tick is due.
func (s *state) adapt() {
	looks := (len(s.members) + framesPerSecond - 1) / framesPerSecond
	for range looks {
		s.turn = (s.turn + 1) % len(s.members)
		m := s.members[s.turn]
		if m.heard.fresh {
			m.heard.fresh = false
			m.suppressNoise()
		}
		if m.adapt() {
			s.regroup()
			return
		}
	}
}

// adapt goes over to the profile that suits the peer, and says whether that is another one.
func (m *member) adapt() bool {
	had := m.down.profile
	want := m.suiting(had)
	if want == had {
		m.calmFrom = time.Time{}
		return false
	}
	if want.Opus.Clean {
		if m.calmFrom.IsZero() {
			m.calmFrom = m.peer.At
		}
		if m.peer.At.Sub(m.calmFrom) < calmTime {
			return false
		}
	}
	out, err := m.state.mix.stream(want)
	if err != nil {
		m.state.room.registry.cfg.Log.Error("no encoder for what the telephone loses", "room", m.state.room.number,
			"participant", m.p.id, "err", err)
		return false
	}
	m.calmFrom = time.Time{}
	m.down.change(out, &m.state.mix)
	out.Tune(m.state.mix.rateHz) // what it has adopted comes at another rate
	return true
}

// suiting is p for what the peer has reported, if it has reported anything.
func (m *member) suiting(p codec.Profile) codec.Profile {
	if m.peer.At.IsZero() {
		return p
	}
	return p.After(m.peer.Loss)
}
