// Package network is an impaired network on paper: it says of each packet of a call when it comes out at the far end, if it
// does, and how often. Who has the times can send by them over a network that has no faults.
package network

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Path is one way through the network. The zero value changes nothing. Where a field speaks of shares, they are 0 to 1.
type Path struct {
	// Seed makes it repeatable: the same path does the same to the same packets.
	Seed uint64
	// From and To are between which times of the call the faults act; To 0 means to its end. Skew and Base act always.
	From, To time.Duration
	// SkewPPM is by how much the sender's clock is faster than ours, in millionths.
	SkewPPM float64
	// Base is what every packet takes.
	Base time.Duration
	// Loss is the share of packets that are lost, each on its own.
	Loss float64
	// Burst loses packets in bursts (Gilbert–Elliott).
	Burst Burst
	// Jitter is added to each packet on its own: packets overtake each other.
	Jitter Jitter
	// Stall holds everything back that is sent from Stall.At for Stall.For, and lets it go all at once.
	Stall Stall
	// Spikes are stalls at random, one in Every on average, of Least to Most.
	Spikes Spikes
	// Overtake is the share of packets that come one or two packets early, as on a faster way.
	Overtake float64
	// Held is the share of packets that come one or two packets late.
	Held float64
	// Duplicate is the share of packets that come twice, the second time at once or up to 20 ms later.
	Duplicate float64
}

// Burst is the model of Gilbert and Elliott with a good state that loses nothing and a bad one that loses everything.
type Burst struct {
	Loss   float64 // share of packets lost, over all
	Length float64 // packets lost in one burst, on average; 0: no bursts
}

// Jitter is delay at random.
type Jitter struct {
	Most time.Duration // uniform from 0 to this
	// Scale and Shape are those of a Pareto distribution less its scale: most packets take next to nothing, a few take long.
	Scale time.Duration
	Shape float64
	Cap   time.Duration // the most that Pareto's may be
}

// Stall is one time in which nothing comes through.
type Stall struct{ At, For time.Duration }

// Spikes are stalls at random times.
type Spikes struct{ Every, Least, Most time.Duration }

// Sending is one packet's coming out of the network.
type Sending struct {
	Packet int
	At     time.Duration // since the start of the call
	Delay  time.Duration // that the network has added; At−Delay is when it went in
}

// Schedule says when n packets come out, of which each goes in one packet time after the other, in order of time. Lost has
// the packets that never do.
func (p Path) Schedule(n int, packet time.Duration) (out []Sending, lost []int) {
	rnd := rand.New(rand.NewPCG(p.Seed, 0x736f756e64))
	stalls := p.stalls(time.Duration(n)*packet, rnd)
	bad := false
	for i := range n {
		in := time.Duration(float64(i) * float64(packet) / (1 + p.SkewPPM*1e-6))
		delay := p.Base
		hit := in >= p.From && (p.To == 0 || in < p.To)
		bad = p.Burst.next(bad, rnd)
		// All that is drawn at random is drawn for each packet, so that one fault does not change when another strikes.
		isLost := rnd.Float64() < p.Loss || bad
		jitter := p.Jitter.draw(rnd)
		early, late := rnd.Float64() < p.Overtake, rnd.Float64() < p.Held
		shift := time.Duration(1+rnd.IntN(2))*packet + packet/4
		again, after := rnd.Float64() < p.Duplicate, time.Duration(rnd.IntN(2))*time.Duration(rnd.Float64()*float64(20*time.Millisecond))
		if !hit {
			out = append(out, Sending{i, in + delay, delay})
			continue
		}
		if isLost {
			lost = append(lost, i)
			continue
		}
		delay += jitter
		switch {
		case early:
			delay = max(delay-shift, 0)
		case late:
			delay += shift
		}
		for _, s := range stalls {
			if at := in + delay; at >= s.At && at < s.At+s.For {
				delay = s.At + s.For - in
			}
		}
		out = append(out, Sending{i, in + delay, delay})
		if again {
			out = append(out, Sending{i, in + delay + after, delay + after})
		}
	}
	slices.SortStableFunc(out, func(a, b Sending) int { return int(a.At - b.At) })
	return out, lost
}

// stalls are all stalls of a call.
func (p Path) stalls(length time.Duration, rnd *rand.Rand) []Stall {
	var out []Stall
	if p.Stall.For > 0 {
		out = append(out, p.Stall)
	}
	if p.Spikes.Every <= 0 {
		return out
	}
	for at := time.Duration(0); ; {
		at += time.Duration((0.5 + rnd.Float64()) * float64(p.Spikes.Every))
		if at >= length {
			return out
		}
		out = append(out, Stall{at, p.Spikes.Least + time.Duration(rnd.Float64()*float64(p.Spikes.Most-p.Spikes.Least))})
	}
}

// next is whether the state is bad after one more packet.
func (b Burst) next(bad bool, rnd *rand.Rand) bool {
	u := rnd.Float64()
	if b.Length <= 0 {
		return false
	}
	if bad {
		return u >= 1/b.Length
	}
	return u < b.Loss/(1-b.Loss)/b.Length
}

func (j Jitter) draw(rnd *rand.Rand) time.Duration {
	u, v := rnd.Float64(), rnd.Float64()
	delay := time.Duration(u * float64(j.Most))
	if j.Shape > 0 {
		delay += min(time.Duration(float64(j.Scale)*(math.Pow(1-v, -1/j.Shape)-1)), j.Cap)
	}
	return delay
}
