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
	profile  codec.Profile      // of what it hears
	own      *packetizer.Stream // for what only this member hears: everybody but itself; nil: it hears what its group hears
	limiter  mixer.Limiter
	ownTicks int     // how long it still has packets of its own
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

// leaveGroup goes over to packets of its own, which go on where the group's are. It may be part of the tick. False: no stream is spare, and there will be one
// in the next tick.
func (d *downlink) leaveGroup(x *mixdown) bool {
	own := x.spares.take(d.profile)
	if own == nil {
		return false
	}
	own.Follow(d.group.out)
	d.own, d.ownTicks, d.limiter = own, ownEncodeTicks, x.limiter
	return true
}

// mustLeaveGroup is leaveGroup between ticks, where a stream can be made.
func (d *downlink) mustLeaveGroup(x *mixdown) {
	if !d.leaveGroup(x) {
		x.spares.put(x.mustStream(d.profile))
		d.leaveGroup(x)
	}
}

// enterGroup ends the packets of its own. Where nobody else hears the group's, they become the group's: it has no sound to go on
// with, and what is on its way would be lost.
func (d *downlink) enterGroup(x *mixdown) {
	if g := d.group; g.idle(x.ticks) {
		g.out, d.own = d.own, g.out
	}
	d.dropOwn(x)
}

// dropOwn gives back the stream that it does not need any more.
func (d *downlink) dropOwn(x *mixdown) {
	if d.own != nil {
		x.spares.put(d.own)
	}
	d.own, d.ownTicks = nil, 0
}

// change goes over to another profile, with packets of its own for a while: what was on its way is not lost, and nothing is heard
// twice. to is a stream of that profile.
func (d *downlink) change(to *packetizer.Stream, x *mixdown) {
	d.profile = to.Profile()
	switch {
	case d.own != nil:
		to.Adopt(d.own)
	case d.group != nil:
		to.Adopt(d.group.out)
		d.limiter, d.ownTicks = x.limiter, ownEncodeTicks
	default: // it has only just come, or hears the room elsewhere
		x.spares.put(to)
		return
	}
	d.own = to
}

// group is all members and feeds that hear the same in the same profile. They share one encode a tick.
type group struct {
	key     groupKey
	out     *packetizer.Stream
	packets [maxTickPackets]packet // of this tick, once they are made
	count   int
	wanted  bool // somebody hears them in this tick
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

// idle says that the group has made no packets in the tick before, and that nobody has gone back to it in this one.
func (g *group) idle(tick uint64) bool { return !g.wanted && !g.made && g.filled+1 != tick }

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
