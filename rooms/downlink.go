package rooms

import (
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/packetizer"
)

// maxPayload is the longest payload of one packet, in bytes.
const maxPayload = codec.MaxPayloadBytes

// ownEncodeTicks is how long a member keeps an encode of its own after it was last heard (5 s): changing over between
// two encoders of a codec with memory is audible, so it is not done in the pauses of speech.
const ownEncodeTicks = 250

// downlink is the way of the sound from the mix to one leg.
type downlink struct {
	own      *packetizer.Stream // for what only this member hears: everybody but itself
	limiter  mixer.Limiter
	ownTicks int     // how long it still has packets of its own; 0: it hears what its group hears
	group    *group  // of those who hear the same in the same profile
	told     told    // of who is in the mix
	said     []int16 // to it alone in this tick; nil: nothing
	ear      ear     // with which it listened in the last tick
	hearing  hearing
	coaches  []*member // who whisper to it
}

// hearing is a gain on what is heard.
type hearing struct {
	gain  mixer.Gain
	level level
}

// apply turns frame up or down in place.
func (h *hearing) apply(frame []int16, db float64, rateHz int) {
	h.gain.Set(h.level.at(db))
	h.gain.Apply(frame, rateHz)
}

// leaveGroup goes over to packets of its own, which go on where the group's are.
func (d *downlink) leaveGroup(mix *mixdown) {
	d.limiter = mix.limiter
	d.own.Follow(d.group.out)
}

// enterGroup ends the packets of its own. Where nobody else hears the group's, they become the group's: it has no sound to go on
// with, and what is on its way would be lost.
func (d *downlink) enterGroup(mix *mixdown) {
	if g := d.group; g.idle(mix.ticks) {
		g.out, d.own = d.own, g.out
	}
}

// change goes over to another profile, with packets of its own for a while: what was on its way is not lost, and nothing is heard
// twice.
func (d *downlink) change(to *packetizer.Stream, mix *mixdown) {
	switch {
	case d.own == nil, d.ownTicks == 0 && d.group == nil: // has only just come, or hears the room elsewhere
	case d.ownTicks > 0:
		to.Adopt(d.own)
	default:
		to.Adopt(d.group.out)
		d.limiter, d.ownTicks = mix.limiter, ownEncodeTicks
	}
	d.own = to
}

// group is all members and feeds that hear the same in the same profile. They share one encode a tick.
type group struct {
	key     groupKey
	out     *packetizer.Stream
	packets [maxTickPackets]packet // of this tick, once they are made
	count   int
	made    bool
	filled  uint64 // the newest tick that made packets
	members int
	hearing hearing
}

type groupKey struct {
	profile codec.Profile
	ear     ear
	gainDB  float64 // of what is heard
}

// maxTickPackets is how many packets one tick can bring: two of 10 ms.
const maxTickPackets = 2

// packet is one that is to be sent.
type packet struct {
	memory  [maxPayload]byte
	payload []byte // in memory
	units   int
}

// idle says that the group has made no packets in the tick before.
func (g *group) idle(tick uint64) bool { return !g.made && g.filled+1 != tick }

// fill makes the group's packets of one tick out of its mix.
func (g *group) fill(mix []int16, tick uint64) {
	g.out.Push(mix, tick)
	for g.count = 0; g.count < len(g.packets); g.count++ {
		p := &g.packets[g.count]
		var ok bool
		if p.payload, p.units, ok = g.out.Next(p.memory[:]); !ok {
			break
		}
	}
	g.made, g.filled = true, tick
}

// send gives the group's packets of this tick to a leg.
func (g *group) send(leg Leg, now time.Time) {
	for i := range g.packets[:g.count] {
		leg.Send(now, g.packets[i].payload, g.packets[i].units)
	}
}
