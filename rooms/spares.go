package rooms

import (
	"fmt"
	"slices"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/packetizer"
)

// spares are streams that nobody hears. Only who hears something that nobody else does has a stream: an encoder of Opus has some 40 kB. Those who begin to are
// given one in the tick, which may not make any, so there are as many as can begin at once: those who find a place in the mix.
type spares struct {
	each []spare // of one profile, which is that of a group
}

type spare struct {
	profile codec.Profile
	streams []*packetizer.Stream // with room for as many as are kept
	idle    int                  // members without a stream of their own, who may want one
	missed  int                  // who wanted one since the last tick, and there was none
	taken   bool                 // something has been since
}

// of finds the spares of a profile; nil: there are none.
func (p *spares) of(profile codec.Profile) *spare {
	for i := range p.each {
		if p.each[i].profile == profile {
			return &p.each[i]
		}
	}
	return nil
}

// take returns a stream that nobody hears; nil: there is none. It may be part of the tick.
func (p *spares) take(profile codec.Profile) *packetizer.Stream {
	s := p.of(profile)
	if s == nil {
		return nil
	}
	s.taken = true
	n := len(s.streams)
	if n == 0 {
		s.missed++
		return nil
	}
	out := s.streams[n-1]
	s.streams[n-1] = nil
	s.streams = s.streams[:n-1]
	s.idle--
	return out
}

// put gives a stream back, which is forgotten where there are enough. It allocates nothing where streams of its profile have been spare.
func (p *spares) put(out *packetizer.Stream) {
	profile := out.Profile()
	s := p.of(profile)
	if s == nil {
		p.each = append(p.each, spare{profile: profile, streams: make([]*packetizer.Stream, 0, 1)})
		s = &p.each[len(p.each)-1]
	}
	s.idle++
	if len(s.streams) < cap(s.streams) {
		s.streams = append(s.streams, out)
	}
}

func (p *spares) tune(rateHz int) {
	for _, s := range p.each {
		for _, out := range s.streams {
			out.Tune(rateHz)
		}
	}
}

func (p *spares) setEffort(to codec.Effort) error {
	for _, s := range p.each {
		for _, out := range s.streams {
			if err := out.SetEffort(to); err != nil {
				return fmt.Errorf("set effort: %w", err)
			}
		}
	}
	return nil
}

// countSpares finds out of which profiles streams are to be spare, and makes them. It is called whenever groups have changed, between ticks.
func (s *state) countSpares() {
	p := &s.mix.spares
	for i := range p.each {
		p.each[i].idle = 0
	}
	for _, g := range s.mix.groups {
		if p.of(g.key.profile) == nil {
			p.each = append(p.each, spare{profile: g.key.profile})
		}
	}
	for _, m := range s.members {
		if m.down.own == nil && !m.elsewhere {
			p.of(m.down.profile).idle++
		}
	}
	p.each = slices.DeleteFunc(p.each, func(e spare) bool {
		return !slices.ContainsFunc(s.mix.groups, func(g *group) bool { return g.key.profile == e.profile })
	})
	for i := range p.each {
		p.each[i].taken = true
	}
	s.fillSpares()
}

// fillSpares makes streams in place of those that have been taken. It is called between ticks.
func (s *state) fillSpares() {
	for i := range s.mix.spares.each {
		if e := &s.mix.spares.each[i]; e.taken {
			e.fill(&s.mix, s.seatsOnFloor())
		}
	}
}

// fill makes as many streams as can be wanted at once.
func (e *spare) fill(x *mixdown, seats int) {
	want := min(seats+e.missed, e.idle)
	if len(e.streams) > want {
		clear(e.streams[want:])
		e.streams = e.streams[:want]
	}
	if cap(e.streams) < seats+e.missed { // for those that come back, too
		e.streams = slices.Grow(e.streams, seats+e.missed-len(e.streams))
	}
	for len(e.streams) < want {
		e.streams = append(e.streams, x.mustStream(e.profile))
	}
	e.missed, e.taken = 0, false
}

// seatsOnFloor is how many can find a place in the mix at once, as far as streams are kept for them. Where it has no limit, who finds none spare
// hears everybody, themselves too, for one frame.
func (s *state) seatsOnFloor() int {
	if n := s.set.talkers(); n != mixer.AllTalkers {
		return n
	}
	return mixer.MaxTalkers
}
