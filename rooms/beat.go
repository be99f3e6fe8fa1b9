package rooms

import (
	"time"

	"github.com/confbridge/confbridge/mixer/jitter"
)

// A packet waits for the tick after it: half a frame on average, which is most of what the bridge adds to the delay of a path that is clean. A room whose
// tick comes soon after its talker's packets adds less. So when the first in a room begins to send, it is seen when the packets come within the 20 ms,
// and the room moves to an earlier phase, once, by which one interval between two ticks is shorter. From then on it stays where it is until it is
// empty: it moves for no second sender, to whom it could bring as much delay as it saves.
const (
	// So long, and so many at least, are looked at: where one in twenty is held up by others, it is seen.
	beatTime    = time.Second
	beatPackets = 10
	beatTries   = 2 // before a room stays where it is
	// The latest of the packets that were seen comes so long before the tick, and as long again as they are spread. The jitter buffer needs 1 ms; the
	// rest is for drift, and for what is later than any of them: a packet that misses its tick costs a frame of delay, for seconds.
	beatMargin = 6 * time.Millisecond
	// Where packets are spread by more than beatSpread there is little to be had.
	beatSpread = 3 * time.Millisecond
	// Packets of less are some in each tick, and it hardly matters when it is.
	shortestBeat = 10 * time.Millisecond
)

// beat is when the packets of a room's first sender come.
type beat struct {
	known bool    // or not to be known any more
	of    *member // nil: nobody has sent anything
	tries int

	// Of the packets that are looked at.
	packets          int
	span             time.Duration // from the first to the last of them
	every            time.Duration // the times at which they come, modulo 20 ms, are so far apart
	first            time.Time     // the first one's arrival
	earliest, latest time.Duration // after first, modulo every
}

// note takes a packet of sound in that m has sent in time. It is part of the tick.
func (b *beat) note(m *member, p *jitter.Packet) {
	switch {
	case p.Samples == 0:
		return
	case b.of == nil:
		b.of = m
	case b.of != m:
		b.known = true
		return
	}
	if every := divisor(m.packetTime(), frameDuration); b.packets == 0 || every != b.every {
		b.every, b.first, b.packets = every, p.Arrival, 0
		b.earliest, b.latest = 0, 0
	}
	after := p.Arrival.Sub(b.first) % b.every
	switch {
	case after >= b.every/2:
		after -= b.every
	case after < -b.every/2:
		after += b.every
	}
	b.earliest, b.latest = min(b.earliest, after), max(b.latest, after)
	b.packets++
	b.span = p.Arrival.Sub(b.first)
}

// spare is by how much earlier a tick that is due then can be, and the packets are in time for it as they were; below 0 it had better be later. delay is
// what they are heard after now.
func (b *beat) spare(due time.Time, delay time.Duration) time.Duration {
	wait := due.Sub(b.first.Add(b.latest)) % b.every
	if wait < 0 {
		wait += b.every
	}
	margin := beatMargin + b.latest - b.earliest
	if least := wait + frameDuration - b.every; wait < margin && delay > least+b.every*3/4 {
		wait += b.every // each is late for the tick after it, and heard at the next one
	}
	return wait - margin
}

// keepBeat moves the room to another phase when it is known when packets come. A recording goes by the clock, and is never shorter or longer
// than that. It is called between ticks.
func (s *state) keepBeat() {
	b, c := &s.timers.beat, &s.timers.clock
	if b.known || b.packets < beatPackets || b.span < beatTime {
		return
	}
	b.packets = 0
	b.tries++
	b.known = b.tries == beatTries || b.every < shortestBeat || s.taping.tape != nil
	if b.known || b.latest-b.earliest > beatSpread {
		return
	}
	spare := b.spare(c.next(), b.of.voice.stream.Stats().BufferDelay)
	if spare < 0 {
		return
	}
	b.known = true
	earlier := c.move(s.room.registry.phases.move(c.phase, spare))
	for _, m := range s.members {
		m.voice.stream.Earlier(earlier)
	}
}

// divisor is the greatest common one.
func divisor(a, b time.Duration) time.Duration {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
