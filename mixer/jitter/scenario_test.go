package jitter_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/jitter"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const ms = time.Millisecond

// path is one sender, one network and one room's tick in virtual time.
type path struct {
	rate  int           // clock units a second; 0 means 8000
	ptime time.Duration // 0 means 20 ms
	phase time.Duration // of the first packet against the tick's grid
	skew  float64       // by how much the sender's clock is fast
	max   time.Duration
	seq   uint16
	ts    uint32
	// arrives tells when packet i, sent at t after the first, comes; more than one time means duplicates, none loss.
	arrives func(i int, t time.Duration) []time.Duration
	silent  func(t time.Duration) bool // the sender sends nothing then
	tardy   func() time.Duration       // how late a tick is; nil means never
}

// played is one packet that came out.
type played struct {
	at, delay time.Duration // since the epoch; since it was sent
	slack     time.Duration // from its arrival to its being heard
	index     int
}

type result struct {
	played []played
	lost   time.Duration // concealed
	silent time.Duration // after the first packet
	stats  jitter.Stats
	ticks  int

	stretched, cut time.Duration
}

func (p path) run(t *testing.T, d time.Duration) result {
	t.Helper()
	if p.rate == 0 {
		p.rate = 8000
	}
	if p.ptime == 0 {
		p.ptime = 20 * ms
	}
	type arrival struct {
		at  time.Duration
		pkt jitter.Packet
	}
	units := func(d time.Duration) int { return int(int64(d) * int64(p.rate) / int64(time.Second)) }
	var in []arrival
	sent := map[uint16]time.Duration{}
	index := map[uint16]int{}
	seq := p.seq
	for i := 0; ; i++ {
		media := time.Duration(i) * p.ptime
		at := p.phase + time.Duration(float64(media)/(1+p.skew))
		if at >= d {
			break
		}
		if p.silent != nil && p.silent(at) {
			continue
		}
		come := []time.Duration{at}
		if p.arrives != nil {
			come = p.arrives(i, at)
		}
		for _, c := range come {
			in = append(in, arrival{c, jitter.Packet{
				Sequence: seq, Timestamp: p.ts + uint32(i*units(p.ptime)), Samples: units(p.ptime),
				Arrival: epoch.Add(c), Payload: []byte{byte(i), byte(i >> 8)},
			}})
		}
		sent[seq], index[seq] = at, i
		seq++
	}
	slices.SortStableFunc(in, func(a, b arrival) int { return int(a.at - b.at) })

	b := jitter.New(jitter.Config{ClockRateHz: p.rate, Max: p.max})
	var r result
	fifo := 0
	last := func(units int) time.Duration { return time.Duration(units) * time.Second / time.Duration(p.rate) }
	fill := func(now time.Duration) {
		for fifo < units(20*ms) {
			pkt, what := b.Next(last(fifo))
			switch what {
			case jitter.Play:
				at := sent[pkt.Sequence]
				heard := now + last(fifo)
				r.played = append(r.played, played{now, heard - at, heard - pkt.Arrival.Sub(epoch), index[pkt.Sequence]})
				if i := index[pkt.Sequence]; pkt.Payload[0] != byte(i) || pkt.Payload[1] != byte(i>>8) {
					t.Fatalf("packet %d came out with the payload %v", i, pkt.Payload)
				}
			case jitter.Lost:
				r.lost += last(pkt.Samples)
			case jitter.Empty:
				if len(r.played) > 0 {
					r.silent += last(pkt.Samples)
				}
			}
			fifo += pkt.Samples
		}
	}
	for due := time.Duration(0); due < d; due += 20 * ms {
		now := due
		if p.tardy != nil {
			now += p.tardy()
		}
		for len(in) > 0 && in[0].at <= now {
			b.Put(in[0].pkt)
			in = in[1:]
		}
		r.ticks++
		b.Tick(epoch.Add(now))
		fill(now)
		// As playout does with the sound, but there is always a piece that fits.
		switch off := b.Surplus(last(fifo)); {
		case off < -ms:
			n := units(min(-off, 10*ms))
			fifo += n
			r.stretched += last(n)
		case off > 0:
			n := units(min(off, 10*ms))
			fifo -= n
			r.cut += last(n)
			fill(now)
		}
		fifo -= units(20 * ms)
	}
	r.stats = b.Stats()
	return r
}

// delays returns the least and greatest delay of what was played from..to.
func (r result) delays(from, to time.Duration) (least, most time.Duration) {
	least = time.Hour
	for _, p := range r.played {
		if p.at >= from && p.at < to {
			least, most = min(least, p.delay), max(most, p.delay)
		}
	}
	return least, most
}

func jittered(seed uint64, most time.Duration) func(int, time.Duration) []time.Duration {
	rnd := rand.New(rand.NewPCG(seed, 1))
	return func(_ int, t time.Duration) []time.Duration {
		return []time.Duration{t + time.Duration(rnd.Int64N(int64(most)+1))}
	}
}

func TestACleanPathAddsLessThanATickAndTheMargin(t *testing.T) {
	var all []time.Duration
	for phase := time.Duration(0); phase < 20*ms; phase += ms / 4 {
		for _, noise := range []time.Duration{0, ms / 2, ms * 3 / 2} {
			r := path{phase: phase, arrives: jittered(uint64(phase), noise)}.run(t, 20*time.Second)
			if r.lost != 0 || r.silent > 0 || r.stats.Late != 0 || r.stats.Overflow > 1 || r.cut > 0 {
				t.Errorf("phase %v, noise %v: concealed %v, %v silent, %+v", phase, noise, r.lost, r.silent, r.stats)
			}
			for _, p := range r.played {
				all = append(all, p.slack)
			}
		}
	}
	slices.Sort(all)
	p50, p95 := all[len(all)/2], all[len(all)*95/100]
	t.Logf("p50 %v, p95 %v, most %v", p50, p95, all[len(all)-1])
	if p50 > 13*ms || p95 > 23*ms || all[len(all)-1] > 26*ms {
		t.Errorf("got p50 %v, p95 %v, most %v", p50, p95, all[len(all)-1])
	}
}

func TestLateTicksAreNotTakenForDelay(t *testing.T) {
	for phase := time.Duration(0); phase < 20*ms; phase += ms / 2 {
		rnd := rand.New(rand.NewPCG(uint64(phase), 1))
		r := path{phase: 200*ms + phase, tardy: func() time.Duration { return time.Duration(rnd.IntN(int(6 * ms))) }}.run(t, 10*time.Second)
		if r.lost > 0 || r.stretched > 0 || r.cut > 20*ms {
			t.Errorf("phase %v: concealed %v, %+v", phase, r.lost, r.stats)
		}
		if _, most := r.delays(0, time.Hour); most > 31*ms {
			t.Errorf("phase %v: delay %v", phase, most)
		}
	}
}

func TestTenSecondsOfJitterLeaveNoDelay(t *testing.T) {
	for seed := range uint64(20) {
		noise := jittered(seed, 40*ms)
		r := path{phase: 7 * ms, arrives: func(i int, t time.Duration) []time.Duration {
			if t < 5*time.Second || t > 15*time.Second {
				return []time.Duration{t}
			}
			return noise(i, t)
		}}.run(t, 25*time.Second)
		if _, most := r.delays(0, 5*time.Second); most > 22*ms {
			t.Errorf("seed %d: delay %v before", seed, most)
		}
		if _, most := r.delays(20*time.Second, time.Hour); most > 24*ms {
			t.Errorf("seed %d: delay %v five seconds after", seed, most)
		}
		if _, most := r.delays(5*time.Second, 15*time.Second); most > 85*ms {
			t.Errorf("seed %d: delay %v during", seed, most)
		}
		if r.lost > 300*ms {
			t.Errorf("seed %d: concealed %v, %+v", seed, r.lost, r.stats)
		}
	}
}

func TestAStallIsPlayedAndCutBack(t *testing.T) {
	for _, stall := range []time.Duration{40 * ms, 70 * ms, 100 * ms, 300 * ms, 380 * ms} {
		from, to := 5*time.Second, 5*time.Second+stall
		r := path{phase: 7 * ms, arrives: func(_ int, t time.Duration) []time.Duration {
			if t > from && t < to {
				return []time.Duration{to}
			}
			return []time.Duration{t}
		}}.run(t, 15*time.Second)
		back := time.Duration(0)
		for _, p := range r.played {
			if p.delay > 24*ms {
				back = p.at - to
			}
		}
		t.Logf("stall %v: back after %v, concealed %v, %v silent, %+v", stall, back, r.lost, r.silent, r.stats)
		if back > 2*time.Second {
			t.Errorf("stall %v: delay stayed for %v", stall, back)
		}
		if r.stats.Overflow > 0 || r.stats.Lost > 0 || r.stats.Late > 0 {
			t.Errorf("stall %v: %+v", stall, r.stats)
		}
		if got := len(r.played); got != 750 && got != 749 {
			t.Errorf("stall %v: got %d packets", stall, got)
		}
	}
}

func TestALoneOutlierLeavesNoDelay(t *testing.T) {
	r := path{phase: 7 * ms, arrives: func(i int, t time.Duration) []time.Duration {
		if i == 250 {
			return []time.Duration{t + 19*ms}
		}
		return []time.Duration{t}
	}}.run(t, 10*time.Second)
	if _, most := r.delays(6600*ms, time.Hour); most > 24*ms {
		t.Errorf("got delay %v, %+v", most, r.stats)
	}
	if r.lost != 20*ms || len(r.played) < 499 {
		t.Errorf("concealed %v, played %d, %+v", r.lost, len(r.played), r.stats)
	}
}

func TestRepeatedOutliersAreNotChasedForEver(t *testing.T) {
	r := path{phase: 7 * ms, arrives: func(i int, t time.Duration) []time.Duration {
		if i%200 == 100 { // one each 4 s
			return []time.Duration{t + 19*ms}
		}
		return []time.Duration{t}
	}}.run(t, 2*time.Minute)
	if r.lost > 12*20*ms {
		t.Errorf("30 outliers: concealed %v, put in %v", r.lost, r.stretched)
	}
}

func TestDuplicatesAddNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	r := path{phase: 7 * ms, arrives: func(_ int, t time.Duration) []time.Duration {
		if rnd.IntN(10) == 0 {
			return []time.Duration{t, t + time.Duration(rnd.IntN(100))*ms}
		}
		return []time.Duration{t}
	}}.run(t, 20*time.Second)
	if _, most := r.delays(0, time.Hour); most > 22*ms || r.lost != 0 || r.stats.Duplicate < 50 || r.stats.Late != 0 {
		t.Errorf("delay %v, concealed %v, %+v", most, r.lost, r.stats)
	}
}

func TestSwappedPacketsAreWaitedForOnceTheyAreSeenToRepeat(t *testing.T) {
	r := path{phase: 7 * ms, arrives: func(i int, t time.Duration) []time.Duration {
		if i%10 == 5 { // comes right after its successor
			return []time.Duration{t + 20*ms + ms/2}
		}
		return []time.Duration{t}
	}}.run(t, 20*time.Second)
	t.Logf("concealed %v, %+v", r.lost, r.stats)
	if r.stats.Late > 3 || r.lost > 100*ms {
		t.Errorf("concealed %v, %+v", r.lost, r.stats)
	}
	if _, most := r.delays(0, time.Hour); most > 45*ms {
		t.Errorf("delay %v", most)
	}
}

func TestLossIsConcealedWithoutDelay(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	dropped := 0
	r := path{phase: 7 * ms, arrives: func(i int, t time.Duration) []time.Duration {
		if i > 0 && rnd.IntN(20) == 0 {
			dropped++
			return nil
		}
		return []time.Duration{t}
	}}.run(t, 60*time.Second)
	if d := dropped - int(r.stats.Lost); d < 0 || d > 1 {
		t.Errorf("dropped %d, %+v", dropped, r.stats)
	}
	if d := r.lost - time.Duration(dropped)*20*ms; d < -20*ms || d > 20*ms {
		t.Errorf("dropped %d packets, concealed %v", dropped, r.lost)
	}
	if _, most := r.delays(0, time.Hour); most > 22*ms || r.stretched > 0 || r.cut > 0 {
		t.Errorf("delay %v, %+v", most, r.stats)
	}
}

func TestAnHourOfSkewStaysBounded(t *testing.T) {
	for _, skew := range []float64{-500e-6, -200e-6, 200e-6, 500e-6} {
		r := path{phase: 7 * ms, skew: skew, arrives: jittered(1, 2*ms)}.run(t, time.Hour)
		_, most := r.delays(0, 2*time.Hour)
		t.Logf("skew %v: delay up to %v, concealed %v, %+v", skew, most, r.lost, r.stats)
		apart := time.Duration(float64(time.Hour) * max(skew, -skew))
		if most > 50*ms || r.lost > 0 || r.stretched+r.cut > apart+40*ms || r.stats.Late+r.stats.Lost+r.stats.Overflow > 0 {
			t.Errorf("skew %v: delay up to %v, %+v", skew, most, r.stats)
		}
	}
}

func TestSilenceOfTheSenderIsNotLoss(t *testing.T) {
	r := path{
		phase: 7 * ms, arrives: jittered(3, 15*ms),
		silent: func(t time.Duration) bool { return t%(2*time.Second) > 1200*ms },
	}.run(t, 60*time.Second)
	if r.stats.Lost != 0 || r.stats.Late != 0 || r.stats.Overflow != 0 {
		t.Errorf("%+v", r.stats)
	}
	if r.lost > 30*100*ms { // 80 ms of fading at the end of each talkspurt, and a little for the jitter
		t.Errorf("concealed %v", r.lost)
	}
	if _, most := r.delays(0, time.Hour); most > 45*ms {
		t.Errorf("delay %v", most)
	}
}

func TestOtherPacketLengths(t *testing.T) {
	for _, ptime := range []time.Duration{10 * ms, 30 * ms, 40 * ms, 60 * ms, 120 * ms} {
		for _, rate := range []int{8000, 48000} {
			r := path{ptime: ptime, rate: rate, phase: 7 * ms, arrives: jittered(1, ms)}.run(t, 20*time.Second)
			if r.lost > 0 || r.silent > 20*ms || r.stats.Late+r.stats.Lost > 0 || r.stats.Overflow > 1 {
				t.Errorf("ptime %v: concealed %v, %v silent, %+v", ptime, r.lost, r.silent, r.stats)
			}
			if _, most := r.delays(0, time.Hour); most > 45*ms {
				t.Errorf("ptime %v: delay %v", ptime, most)
			}
			rnd := rand.New(rand.NewPCG(1, 1))
			dropped := 0
			r = path{ptime: ptime, rate: rate, phase: 7 * ms, arrives: func(i int, t time.Duration) []time.Duration {
				if i > 0 && rnd.IntN(20) == 0 {
					dropped++
					return nil
				}
				return []time.Duration{t}
			}}.run(t, 60*time.Second)
			if d := dropped - int(r.stats.Lost); d < 0 || d > 2 {
				t.Errorf("ptime %v: dropped %d, %+v", ptime, dropped, r.stats)
			}
		}
	}
}

func TestNumbersWrap(t *testing.T) {
	r := path{phase: 7 * ms, seq: 65530, ts: 1<<32 - 1000}.run(t, 10*time.Second)
	if r.lost != 0 || r.stats != (jitter.Stats{Delay: r.stats.Delay, MaxDelay: r.stats.MaxDelay}) || len(r.played) != 499 {
		t.Errorf("played %d, concealed %v, %+v", len(r.played), r.lost, r.stats)
	}
}

func TestADelayThatVanishesComesBackDown(t *testing.T) {
	r := path{phase: 7 * ms, arrives: func(_ int, t time.Duration) []time.Duration {
		if t < 5*time.Second {
			return []time.Duration{t + 150*ms}
		}
		return []time.Duration{t + 10*ms}
	}}.run(t, 15*time.Second)
	if _, most := r.delays(10*time.Second, time.Hour); most > 35*ms {
		t.Errorf("delay %v, %+v", most, r.stats)
	}
}
