package playout

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/measure"
)

const ms = time.Millisecond

// network is a sender, a path and the tick that listens, in virtual time.
type network struct {
	format codec.Format
	ptime  time.Duration // 0 means 20 ms
	phase  time.Duration // when the first packet comes, against the grid of the ticks
	skew   float64       // by how much the sender's clock is fast
	say    func(i int) int16
	// arrives tells when packet i, sent at t, comes: more than one time means duplicates, none that it is lost.
	arrives func(i int, t time.Duration) []time.Duration
	// silent says that packet i, sent at t, is not even sent.
	silent func(i int, t time.Duration) bool
	tardy  func() time.Duration // how late a tick is; nil means never
	deaf   bool                 // what is heard is not kept, but for what watch sees
	watch  func(t time.Duration, frame []int16, s *Stream)
}

// hearing is what came of it.
type hearing struct {
	network
	rateHz  int
	heard   []int16
	said    []int16
	delay   []time.Duration // BufferDelay after each tick
	stats   Stats
	dropped int // packets that never arrive
	at      map[time.Duration]Stats
}

// at20 rounds down to a tick.
func at20(t time.Duration) time.Duration { return t / mixer.FrameDuration * mixer.FrameDuration }

// run listens for d.
func (n network) run(t testing.TB, d time.Duration) *hearing {
	t.Helper()
	if n.ptime == 0 {
		n.ptime = 20 * ms
	}
	if n.format == (codec.Format{}) {
		n.format = pcmu
	}
	enc, err := codec.NewEncoder(codec.Profile{Format: n.format, Packet: n.ptime})
	if err != nil {
		t.Fatal(err)
	}
	s := &Stream{}
	if err := s.Prepare(n.format); err != nil {
		t.Fatal(err)
	}
	s.Tune(n.format.SampleRateHz)
	r := &hearing{network: n, rateHz: n.format.SampleRateHz, at: map[time.Duration]Stats{}}
	type arrival struct {
		at time.Duration
		p  jitter.Packet
	}
	var flying []arrival
	start := time.Unix(1000, 0)
	samples := int(int64(n.ptime) * int64(r.rateHz) / int64(time.Second))
	units := int(int64(n.ptime) * int64(n.format.ClockRateHz) / int64(time.Second))
	pcm := make([]int16, samples)
	seq := uint16(65000)
	packet := func(i int, sent time.Duration) {
		for k := range pcm {
			pcm[k] = n.say(i*samples + k)
		}
		if !n.deaf {
			r.said = append(r.said, pcm...)
		}
		if n.silent != nil && n.silent(i, sent) {
			return
		}
		payload := make([]byte, codec.MaxPayloadBytes)
		size, err := enc.Encode(payload, pcm)
		if err != nil {
			t.Fatal(err)
		}
		come := []time.Duration{sent}
		if n.arrives != nil {
			come = n.arrives(i, sent)
		}
		if len(come) == 0 {
			r.dropped++
		}
		for _, at := range come {
			flying = append(flying, arrival{at, jitter.Packet{
				Sequence: seq, Timestamp: 1<<32 - 90000 + uint32(i*units), Samples: units, Arrival: start.Add(at), Payload: payload[:size],
			}})
		}
		seq++
	}
	i := 0
	for tick := time.Duration(0); tick < d; tick += mixer.FrameDuration {
		now := tick
		if n.tardy != nil {
			now += n.tardy()
		}
		for ; ; i++ {
			sent := n.phase + time.Duration(float64(time.Duration(i)*n.ptime)/(1+n.skew))
			if sent > now {
				break
			}
			packet(i, sent)
		}
		slices.SortStableFunc(flying, func(a, b arrival) int { return int(a.at - b.at) })
		for len(flying) > 0 && flying[0].at <= now {
			s.Put(flying[0].p)
			flying = flying[1:]
		}
		frame, _ := s.Pull(start.Add(now))
		if n.watch != nil {
			n.watch(tick, frame, s)
		}
		r.stats = s.Stats()
		r.delay = append(r.delay, r.stats.BufferDelay)
		if !n.deaf {
			r.heard = append(r.heard, frame...)
			r.at[tick] = r.stats
		}
	}
	return r
}

// most is the greatest BufferDelay from..to.
func (r *hearing) most(from, to time.Duration) time.Duration {
	first, last := int(from/mixer.FrameDuration), min(int(to/mixer.FrameDuration), len(r.delay))
	return slices.Max(r.delay[first:last])
}

// ear is the delay from a sample's packet to its sounding, found in the sound itself: the second from at is looked for in
// what was heard.
func (r *hearing) ear(at time.Duration) time.Duration {
	first, n, reach := r.index(at), r.index(time.Second), r.index(500*ms)
	ref, rec := r.said[first:first+n], r.heard[first:min(first+n+reach, len(r.heard))]
	_, lag := measure.Correlation(ref, rec, reach)
	return time.Duration(lag)*time.Second/time.Duration(r.rateHz) - r.phase
}

func (r *hearing) index(d time.Duration) int {
	return int(int64(d) * int64(r.rateHz) / int64(time.Second))
}

// made is how much was made up from..to, without what FEC has recovered.
func (r *hearing) made(from, to time.Duration) time.Duration {
	return r.at[at20(to)-mixer.FrameDuration].Concealed - r.at[at20(from)].Concealed
}

// longestGap is the longest stretch of silence in what was heard from..to.
func (r *hearing) longestGap(from, to time.Duration) time.Duration {
	longest, now := 0, 0
	for _, v := range r.heard[r.index(from):min(r.index(to), len(r.heard))] {
		if now++; v > 4 || v < -4 {
			now = 0
		}
		longest = max(longest, now)
	}
	return time.Duration(longest) * time.Second / time.Duration(r.rateHz)
}

// tone says a sine.
func tone(hz float64, rateHz int) func(int) int16 {
	return func(i int) int16 {
		return int16(math.Round(8000 * math.Sin(2*math.Pi*hz*float64(i%rateHz)/float64(rateHz)))) // hz is whole
	}
}

// speech says something with the pitch, the syllables and the hiss of a voice. With pauses, it is silent for half of the
// time; the silence has some noise in it.
func speech(rateHz int, pauses bool) func(int) int16 {
	key := spoken{rateHz, pauses}
	if speeches[key] == nil {
		speeches[key] = speak(rateHz, pauses)
	}
	return speeches[key]
}

type spoken struct {
	rateHz int
	pauses bool
}

// speeches are made once: tests of this package do not run in parallel.
var speeches = map[spoken]func(int) int16{}

func speak(rateHz int, pauses bool) func(int) int16 {
	rnd := rand.New(rand.NewPCG(5, 5))
	var made []int16
	phase, hiss := 0.0, 0.0
	return func(i int) int16 {
		for len(made) <= i {
			t := float64(len(made)) / float64(rateHz)
			phase += (120 + 25*math.Sin(2*math.Pi*0.7*t) + 10*math.Sin(2*math.Pi*2.3*t)) / float64(rateHz)
			v := 0.0
			for h := 1.0; h <= 20; h++ {
				formant := 1/(1+math.Pow((h*120-500-200*math.Sin(2*math.Pi*1.1*t))/200, 2)) + 0.4/(1+math.Pow((h*120-1700)/300, 2))
				v += formant * math.Sin(2*math.Pi*h*phase+0.7*h*h) // no pulses: they would pass for clicks
			}
			hiss = 0.6*hiss + 0.4*rnd.NormFloat64()
			envelope := 0.55 + 0.45*math.Sin(2*math.Pi*3.1*t)
			v = envelope*2500*v + 150*hiss
			if pauses && math.Mod(t, 3) > 1.5 {
				v = 20 * rnd.NormFloat64()
			}
			made = append(made, int16(max(min(v, 32000), -32000)))
		}
		return made[i]
	}
}

// jittered brings packets up to most later, evenly spread.
func jittered(seed uint64, most time.Duration) func(int, time.Duration) []time.Duration {
	rnd := rand.New(rand.NewPCG(seed, 1))
	return func(_ int, t time.Duration) []time.Duration {
		return []time.Duration{t + time.Duration(rnd.Int64N(int64(most)+1))}
	}
}

// clicks counts the samples that are further from the one before than 8 times the steps around them.
func clicks(pcm []int16, rateHz int) int {
	count, window := 0, rateHz/100
	var sum float64
	step := func(i int) float64 { return float64(pcm[i]) - float64(pcm[i-1]) }
	for i := 1; i < len(pcm); i++ {
		sum += step(i) * step(i)
		if i > window {
			sum -= step(i-window) * step(i-window)
		}
		if i < window {
			continue
		}
		middle := i - window/2
		if size := math.Abs(step(middle)); size > 100 && size > 8*math.Sqrt((sum-size*size)/float64(window-1)) {
			count++
		}
	}
	return count
}
