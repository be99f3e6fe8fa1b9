package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"time"

	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/network"
	"github.com/confbridge/confbridge/bench/sound/page"
)

// codecs are those that all is measured with.
var codecs = []string{"PCMU", "PCMA", "G722", "opus"}

// When the scenes begin.
const (
	skewTime   = 0 * time.Second
	cleanTime  = 2 * time.Second
	cleanEvery = 11 * time.Second // one codec after the other: on a path that is clean, a busy machine would be heard
	swingTime  = 49 * time.Second
	lossTime   = 79 * time.Second
	partyTime  = 101 * time.Second
	cleanLast  = 10 * time.Second
	lossLast   = 18 * time.Second
	skewLast   = 110 * time.Second
	stallAt    = 6 * time.Second
	stallFor   = 300 * time.Millisecond
	stallLast  = 15 * time.Second
	jitterFrom = 5 * time.Second
	jitterTo   = 15 * time.Second
	jitterLast = 28 * time.Second
	jitterMost = 100 * time.Millisecond
)

// pairs are all scenes of one talker and one listener. A twin stands before those that are compared with it.
func pairs() []scene {
	var all []scene
	add := func(p *pair) *pair {
		if p.phase == 0 {
			p.phase = 10 * time.Millisecond
		}
		p.path.Seed = seedOf(p.name)
		all = append(all, p)
		return p
	}
	for _, hz := range []float64{0, 1000} {
		for _, ppm := range []float64{200, -200} {
			add(&pair{
				name: fmt.Sprintf("skew %+.0f ppm", ppm) + map[bool]string{true: ", 1 kHz tone"}[hz > 0], codec: "PCMU", at: skewTime, length: skewLast, toneHz: hz,
				path: network.Path{SkewPPM: ppm}, judged: judgeSkew,
			})
		}
	}
	for k, c := range codecs {
		group := &cleanGroup{}
		for i := range cleanPhases {
			phase := time.Duration(2*i+1) * 20 * time.Millisecond / (2 * cleanPhases)
			p := add(&pair{name: "clean", codec: c, at: cleanTime + time.Duration(k)*cleanEvery, length: cleanLast, phase: phase, speaker: i, judged: group.judge})
			group.pairs = append(group.pairs, p)
		}
		add(&pair{name: "stall of 300 ms", codec: c, at: swingTime, length: stallLast, path: network.Path{Stall: network.Stall{At: stallAt, For: stallFor}}, judged: judgeStall})
		add(&pair{
			name: "jitter 0 to 100 ms", codec: c, at: swingTime, length: jitterLast, speaker: 1,
			path: network.Path{From: jitterFrom, To: jitterTo, Jitter: network.Jitter{Most: jitterMost}}, judged: judgeJitter,
		})
	}
	for _, c := range []string{"PCMU", "opus"} {
		add(&pair{
			name: "jitter of Pareto", codec: c, at: swingTime, length: jitterLast, speaker: 2, judged: judgeOther,
			path: network.Path{From: jitterFrom, To: jitterTo, Jitter: network.Jitter{Scale: 10 * time.Millisecond, Shape: 1.5, Cap: 300 * time.Millisecond}},
		})
		for _, loss := range []float64{0.01, 0.05, 0.15} {
			judge := judgeOther
			if loss == 0.05 {
				judge = judgeLoss
			}
			add(&pair{name: fmt.Sprintf("loss %.0f %%", 100*loss), codec: c, at: lossTime, length: lossLast, path: network.Path{Loss: loss}, judged: judge})
		}
		add(&pair{name: "loss 5 % by Gilbert and Elliott", codec: c, at: lossTime, length: lossLast, path: network.Path{Burst: network.Burst{Loss: 0.05, Length: 3}}, judged: judgeOther})
		const way = 60 * time.Millisecond
		var near, far twins
		for _, twin := range []string{"clean twin", "other clean twin"} {
			near = append(near, add(&pair{name: twin, codec: c, at: lossTime, length: lossLast, judged: judgeOther}))
			far = append(far, add(&pair{name: twin + ", 60 ms away", codec: c, at: lossTime, length: lossLast, path: network.Path{Base: way}, judged: judgeOther}))
		}
		add(&pair{name: "10 % duplicates", codec: c, at: lossTime, length: lossLast, path: network.Path{Duplicate: 0.1}, judged: asClean(near)})
		add(&pair{name: "5 % overtake by 1 to 2", codec: c, at: lossTime, length: lossLast, path: network.Path{Base: way, Overtake: 0.05}, judged: asClean(far)})
		add(&pair{name: "5 % held back by 1 to 2", codec: c, at: lossTime, length: lossLast, path: network.Path{Held: 0.05}, judged: asCleanLater(near)})
		add(&pair{
			name: "5 % in bursts of 3, spikes to 250 ms", codec: c, at: lossTime, length: lossLast, judged: judgeBursts(near),
			path: network.Path{
				Burst:  network.Burst{Loss: 0.05, Length: 3},
				Spikes: network.Spikes{Every: 3 * time.Second, Least: 100 * time.Millisecond, Most: 250 * time.Millisecond},
			},
		})
	}
	return all
}

// seedOf is of the network of a case: the same one whatever the codec, and whatever other cases there are.
func seedOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// cleanPhases is how many calls there are of each codec. A packet that comes less than 2 ms before its tick is at times late for it,
// and its call is heard a tick later from then on; among few calls that one would decide what the median is.
const cleanPhases = 21

// exactFrom is the second of a call from which on its delay is what it will be.
const exactFrom = 5.0

// cleanGroup is the clean calls of one codec, each at another phase to the bridge's tick.
type cleanGroup struct {
	pairs  []*pair
	judged int
}

func (g *cleanGroup) judge(p *pair, f *page.File) {
	if p.failed == nil {
		f.Calls = append(f.Calls, p.call)
	}
	if g.judged++; g.judged < len(g.pairs) {
		return
	}
	var delays, levels []float64
	gaps, clicks, lost := 0, 0, 0
	for _, q := range g.pairs {
		if q.failed != nil {
			f.Rows = append(f.Rows, missed("clean path", p.codec, q.failed))
			return
		}
		delays = append(delays, q.since(settled, q.seconds())...)
		levels = append(levels, math.Abs(q.call.LevelDB))
		gaps, clicks, lost = gaps+q.call.Gaps, clicks+q.call.Clicks, lost+q.call.PacketsLost
	}
	p50, level := metric.Quantile(delays, 0.5), metric.Quantile(levels, 1)
	p95, most := metric.Quantile(delays, 0.95), metric.Quantile(delays, 1)
	f.Rows = append(f.Rows, page.Row{
		Case: "clean path", What: p.codec, Wanted: "delay p50 ≤ 12 ms, p95 ≤ 40; level ±0.5 dB; 0 gaps, 0 clicks",
		Got: fmt.Sprintf("p50 %.1f, p95 %.1f, max %.1f ms; level off by %.2f dB; %d gaps, %d clicks", p50, p95, most, level, gaps, clicks),
		OK:  len(delays) > 0 && p50 <= 12 && p95 <= 40 && level <= 0.5 && gaps == 0 && clicks == 0 && lost == 0,
	})
	if p.codec == "PCMU" || p.codec == "PCMA" {
		f.Rows = append(f.Rows, exactRow(g.pairs))
	}
}

// exactRow says of calls of G.711 how many samples are not those that the codec makes of what was said. Where the bridge says that a
// packet was late and it has made something up, or has changed the delay, there are some by intent: those calls do not count, if they are few.
func exactRow(pairs []*pair) page.Row {
	different, silent, calls, all := 0, 0, 0, 0
	first := 0.0
	for _, p := range pairs {
		if p.moved(exactFrom, p.seconds()) {
			continue
		}
		calls++
		a, b := p.part(p.clean, exactFrom, p.seconds()-settled), p.part(p.aligned, exactFrom, p.seconds()-settled)
		for i := range a {
			all++
			if math.Abs(a[i]) <= inaudible && math.Abs(b[i]) <= inaudible {
				silent += countIf(a[i] != b[i])
				continue
			}
			if a[i] != b[i] {
				if different == 0 {
					first = exactFrom + float64(i)/float64(p.profile.SampleRateHz)
				}
				different++
			}
		}
	}
	row := page.Row{
		Case: "G.711 to G.711, one talker, AGC off", What: pairs[0].codec, Wanted: "bit-exact but for the tandem",
		Got: fmt.Sprintf("%d of %d samples differ, and %d next to silence", different, all, silent),
		OK:  all > 0 && different == 0 && 4*calls >= 3*len(pairs),
	}
	if calls < len(pairs) {
		row.Got += fmt.Sprintf("; %d of %d calls are left out, in which a packet was late or the buffer moved", len(pairs)-calls, len(pairs))
	}
	if different > 0 {
		row.Got += fmt.Sprintf("; in one from %.2f s on", first)
	}
	return row
}

// inaudible is the codes of G.711 next to silence: a bridge that mixes nothing where nobody speaks makes zeros of them, which A-law
// does not have.
const inaudible = 8.0 / 32768

func countIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// missed is the row of what could not be measured.
func missed(name, what string, err error) page.Row {
	return page.Row{Case: name, What: what, Wanted: "to be heard", Got: strings.ReplaceAll(err.Error(), "\n", "; ")}
}
