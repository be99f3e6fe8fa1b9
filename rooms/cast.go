package rooms

import (
	"math"

	"github.com/confbridge/confbridge/mixer"
)

// cast is who is heard in a tick, the loudest first: what listeners are told, and talkers without themselves.
type cast struct {
	sources [mixer.MaxSources + 1]mixer.Source // one more than is told, for a talker who is among them
	count   int
	changed bool // since the last tick
	before  [mixer.MaxSources + 1]mixer.Source
	had     int // count of before
}

// begin empties the cast for a tick.
func (c *cast) begin() {
	c.before, c.had = c.sources, c.count
	c.count = 0
}

// add takes in one who is in the mix, if it is loud enough to be among those who are told.
func (c *cast) add(source uint32, levelDBFS float64) {
	s := mixer.Source{ID: source, Level: below(levelDBFS)}
	if c.count == len(c.sources) {
		if c.sources[c.count-1].Level <= s.Level {
			return
		}
		c.count--
	}
	at := c.count
	for at > 0 && c.sources[at-1].Level > s.Level {
		c.sources[at] = c.sources[at-1]
		at--
	}
	c.sources[at] = s
	c.count++
}

// finish notes whether anything is new in this tick.
func (c *cast) finish() {
	c.changed = c.count != c.had || c.sources != c.before
}

// heard is who a listener hears.
func (c *cast) heard() []mixer.Source { return c.sources[:min(c.count, mixer.MaxSources)] }

// heardBy is who a talker hears: all but itself, written into scratch.
func (c *cast) heardBy(source uint32, scratch []mixer.Source) []mixer.Source {
	n := 0
	for _, s := range c.sources[:c.count] {
		if s.ID != source && n < len(scratch) {
			scratch[n] = s
			n++
		}
	}
	return scratch[:n]
}

// overloadDB is how far a sine that just reaches full scale is below the overload point, which RFC 6465 §3 counts from (dBov).
const overloadDB = 3.01

// below is a level in dBFS as RFC 6465 has it: in whole dB below the overload point, 127 for silence.
func below(levelDBFS float64) uint8 {
	return uint8(min(max(math.Round(overloadDB-levelDBFS), 0), 127))
}

// tell tells m's leg who is heard in what it is sent in this tick. scratch has room for mixer.MaxSources.
func (c *cast) tell(m *member, scratch []mixer.Source) {
	d := &m.down
	switch {
	case d.group.key.ear != earMix:
		if d.told != toldNobody {
			m.leg.Mixed(nil)
		}
		d.told = toldNobody
	case m.voice.contributes:
		if c.changed || d.told != toldOthers {
			m.leg.Mixed(c.heardBy(m.source, scratch))
		}
		d.told = toldOthers
	default:
		if c.changed || d.told != toldAll {
			m.leg.Mixed(c.heard())
		}
		d.told = toldAll
	}
}

// told is what a leg was told last; what is told again is left out.
type told uint8

const (
	toldNothing told = iota
	toldNobody       // it does not hear the mix
	toldOthers       // all but itself
	toldAll
)
