package main

import (
	"fmt"
	"math"
	"time"

	talk "github.com/confbridge/confbridge/bench/load/speech"
	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/page"
	"github.com/confbridge/confbridge/bench/sound/voices"
)

// parties are the scenes with more than two.
func parties() []scene {
	return []scene{fiveLoud(), manyNoisy(-55), manyNoisy(-40), newcomer(), muting(), comingAndGoing(), changing(), keys(), mixed()}
}

const rate8 = 8000

// markers are the tones that tell one talker from the others, in Hz. No sum or difference of three or five of them, as a limiter
// makes of loud ones, comes within 39 Hz of another.
var markers = [...]float64{1117, 1416, 1929, 2621, 3095}

func marker(i int) float64 { return markers[i] }

const (
	// notchHz is what is taken out of speech around each of them: a limiter that follows speech smears it by some tens of Hz.
	notchHz = 160
	// toneRamp is in what time a tone comes and goes within a word, along a cosine. What a limiter makes of tones that come and go faster is as wide as
	// the markers are apart, and louder than what is looked for there.
	toneRamp = 20 * time.Millisecond
)

// marked is speech without the tones of all talkers, and with the talker's own while there is a word.
func marked(speaker int, length time.Duration, peak, toneDBFS float64) func(int) ([]float64, error) {
	return func(rateHz int) ([]float64, error) {
		pcm, err := speech(speaker, length, voices.ActiveDBFS)(rateHz)
		if err != nil {
			return nil, err
		}
		for i := range len(markers) {
			pcm = talk.Notch(talk.Notch(pcm, marker(i), notchHz, rateHz), marker(i), notchHz, rateHz)
		}
		tone, silent := voices.Tone(marker(speaker), toneDBFS, rateHz, len(pcm)), 0
		for _, word := range spans(pcm, rateHz) {
			clear(tone[silent:word[0]])
			for i := word[0]; i < word[1]; i++ {
				inside := float64(min(i-word[0], word[1]-1-i)) / (toneRamp.Seconds() * float64(rateHz))
				tone[i] *= (1 - math.Cos(math.Pi*min(inside, 1))) / 2
			}
			silent = word[1]
		}
		clear(tone[silent:])
		voices.Add(pcm, tone, 0)
		most := 0.0
		for _, x := range pcm {
			most = max(most, math.Abs(x))
		}
		return voices.Scale(pcm, 20*math.Log10(peak/most)), nil
	}
}

// wordPause is the silence that tells a word from the next.
const wordPause = 120 * time.Millisecond

// words says of each sample of speech whether it is in a word, the pauses within it included.
func words(pcm []float64, rateHz int) func(i int) bool {
	active := metric.Active(pcm, rateHz)
	frames := int(wordPause / (20 * time.Millisecond))
	last := -frames - 1
	for i := range active {
		if !active[i] {
			continue
		}
		for j := last + 1; j < i && i-last <= frames; j++ {
			active[j] = true
		}
		last = i
	}
	return func(i int) bool { k := i * 50 / rateHz; return k < len(active) && active[k] }
}

// spans are the words, by their first sample and the one behind the last.
func spans(pcm []float64, rateHz int) [][2]int {
	in := words(pcm, rateHz)
	var out [][2]int
	for i := 0; i < len(pcm); i++ {
		from := i
		for i < len(pcm) && in(i) {
			i++
		}
		if i > from {
			out = append(out, [2]int{from, i})
		}
	}
	return out
}

// fiveLoud has five who all talk at once, each as loud as may be, and one who listens. Their tones sound while they say something: one that went on in
// a pause would be faded out and in by the bridge, as noise in pauses is to be, and a fade within 40 ms is nothing that gains make of what was said.
func fiveLoud() scene {
	const length = 16 * time.Second
	p := &party{name: "5 talkers at −6 dBFS peaks", at: partyTime, length: length, leveled: true, talkers: 16, judged: judgeFive}
	for i := range voices.Speakers {
		p.guests = append(p.guests, &guest{name: fmt.Sprint("talker ", i), codec: "PCMU", pcm: marked(i, length, 0.5, -18)})
	}
	p.guests = append(p.guests, &guest{name: "listener", codec: "PCMU"})
	return p
}

const wrapStep = 1.2 // of full scale: no telephone sound moves so far in one sample

func judgeFive(p *party, f *page.File) {
	const name = "5 talkers at −6 dBFS peaks"
	if p.failed != nil {
		f.Rows = append(f.Rows, missed(name, "PCMU", p.failed))
		return
	}
	listener := p.guests[voices.Speakers]
	wrapped, own := 0, metric.Silence
	for i, g := range p.guests {
		for k := 1; k < len(g.heard.PCM); k++ {
			if math.Abs(g.heard.PCM[k]-g.heard.PCM[k-1]) > wrapStep {
				wrapped++
			}
		}
		if i < voices.Speakers {
			own = max(own, p.tone(g, i)-p.tone(listener, i))
		}
	}
	distortions := p.distortions(listener)
	distortion, worst := metric.Quantile(distortions, 0.5), metric.Quantile(distortions, 1)
	f.Rows = append(f.Rows, page.Row{
		Case: name, What: "PCMU", Wanted: "0 wrapped samples, own voice ≤ −60 dB, total distortion ≤ −25 dB",
		Got: fmt.Sprintf("%d wrapped, own voice %.1f dB, distortion %.1f dB (the worst of %d s %.1f)", wrapped, own, distortion, len(distortions), worst),
		OK:  wrapped == 0 && own <= -60 && len(distortions) >= 8 && distortion <= -25,
	})
}

// tone is the level of talker i's tone in what a guest heard in the middle of the talk.
func (p *party) tone(g *guest, i int) float64 {
	return metric.ToneDBFS(p.middle(g, 4, 12), marker(i), g.heard.RateHz)
}

// middle is what a guest heard from one second of the talk to another.
func (p *party) middle(g *guest, from, to float64) []float64 {
	at := g.heard.HeardAt(g.heard.RateHz)
	first, last := 0, len(g.heard.PCM)
	for first < last && at(first) < p.start+from {
		first += g.heard.RateHz / 100
	}
	end := min(first+int((to-from)*float64(g.heard.RateHz)), last)
	return g.heard.PCM[min(first, end):end]
}

// distortions are, for each second, what a listener hears besides the talkers, against all it hears, in dB: of each 40 ms, what no
// gains of the talkers make of what they said, and of what is slow in it. A second in which the bridge moves a talker in time, as
// it may, is not one to judge by; there are few. None are returned where the talkers are not there to be compared with.
func (p *party) distortions(listener *guest) (db []float64) {
	const frame = 40 * rate8 / 1000
	heard := listener.heard.PCM
	at := listener.heard.HeardAt(rate8)
	var said [][]float64
	var clocks []func(int) float64
	for _, g := range p.guests {
		if g.track != nil {
			said = append(said, g.clean(rate8))
			clocks = append(clocks, g.track.SaidAt(rate8))
		}
	}
	for from := 3 * rate8; from+2*rate8 < min(len(heard), 14*rate8); from += rate8 {
		parts, slow := make([][]float64, len(said)), make([][]float64, len(said))
		for k := range said {
			start := startOf(said[k], clocks[k], at(from))
			lag, sure := lagOf(said[k], heard, start, from, rate8)
			if sure < 0.1 {
				return nil
			}
			parts[k] = said[k][from-lag : from-lag+rate8]
			slow[k] = leaky(said[k][:from-lag+rate8])[from-lag:]
		}
		var rest, all float64
		for i := 0; i+frame <= rate8; i += frame {
			var columns [][]float64
			for _, part := range parts {
				columns = append(columns, part[i:i+frame])
			}
			for _, part := range slow {
				columns = append(columns, part[i:i+frame])
			}
			r, e := metric.Unexplained(columns, heard[from+i:from+i+frame])
			rest, all = rest+r, all+e
		}
		db = append(db, 10*math.Log10(rest/(all+1e-15)+1e-15))
	}
	return db
}

// leaky is what is below 50 Hz and behind in pcm: what a filter against DC takes away, by which it turns the phase of deep voices.
// That is no distortion.
func leaky(pcm []float64) []float64 {
	const forget = 1 - 2*math.Pi*50/rate8
	out, sum := make([]float64, len(pcm)), 0.0
	for i, x := range pcm {
		sum = forget*sum + (1-forget)*x
		out[i] = sum
	}
	return out
}

// startOf is the sample of said that was sent at a time.
func startOf(said []float64, clock func(int) float64, seconds float64) int {
	low, high := 0, len(said)
	for low < high {
		if m := (low + high) / 2; clock(m) < seconds {
			low = m + 1
		} else {
			high = m
		}
	}
	return low
}

// lagOf is by how many samples a second of said lies later in heard than in said, where sample start of said was sent when
// sample from of heard came.
func lagOf(said, heard []float64, start, from, n int) (lag int, sure float64) {
	// What came at from was sent up to 120 ms before.
	first := max(start-n*120/1000, 0)
	last := min(start+n/100, len(said)-n)
	best, at := -1.0, first
	for s := first; s <= last; s++ {
		var cross, a, b float64
		for i := 0; i < n; i++ {
			x, y := said[s+i], heard[from+i]
			cross, a, b = cross+x*y, a+x*x, b+y*y
		}
		if r := cross / math.Sqrt(a*b+1e-12); r > best {
			best, at = r, s
		}
	}
	return from - at, best
}

// manyNoisy has twenty who say nothing but have noise around them, one who talks, and one who listens.
func manyNoisy(dbfs float64) scene {
	const length = 24 * time.Second
	p := &party{name: fmt.Sprintf("noise of 20 legs at %.0f dBFS", dbfs), at: partyTime, length: length, leveled: true}
	p.judged = func(p *party, f *page.File) { judgeNoisy(p, f, dbfs) }
	p.guests = append(p.guests,
		&guest{name: "listener", codec: "PCMU"},
		&guest{name: "talker", codec: "PCMU", pcm: func(rateHz int) ([]float64, error) {
			pcm, err := voices.Speech(0, rateHz)
			if err != nil {
				return nil, err
			}
			pcm = append(pcm, make([]float64, 2*rateHz)...) // a pause for the noise to be heard in
			return voices.Repeat(pcm, samplesOf(length, rateHz)), nil
		}})
	for i := range 20 {
		p.guests = append(p.guests, &guest{name: fmt.Sprint("noisy ", i), codec: "PCMU", pcm: func(rateHz int) ([]float64, error) {
			return voices.Pink(dbfs, rateHz, samplesOf(length, rateHz), uint64(i)), nil
		}})
	}
	return p
}

// onsetTime is the part of a word in which it must be there already.
const onsetTime = 80 * time.Millisecond

func judgeNoisy(p *party, f *page.File, dbfs float64) {
	const name = "noise of 20 legs plus one talker"
	what := fmt.Sprintf("%.0f dBFS", dbfs)
	if p.failed != nil {
		f.Rows = append(f.Rows, missed(name, what, p.failed))
		return
	}
	h := p.guests[0].of(p.guests[1], rate8)
	// The noise of the first seconds is not yet known as such.
	from := min(6*rate8, len(h.said))
	one := metric.RMSDBFS(p.guests[2].clean(rate8))
	pauses := pauseLevel(h.said[from:], h.aligned[from:], rate8)
	gated, all := h.onsets(from)
	f.Rows = append(f.Rows, page.Row{
		Case: name, What: what, Wanted: "in the pauses ≤ 3 dB over one leg's; no onset gated away",
		Got: fmt.Sprintf("%.1f dBFS in the pauses, one leg %.1f; %d of %d onsets gated", pauses, one, gated, all),
		OK:  len(h.delays) > 20 && pauses <= one+3 && gated == 0 && all > 5,
	})
}

// onsets counts the words from a sample on whose beginning is not there: less than half of it, by amplitude, of what there is of
// all.
func (h hearing) onsets(from int) (gated, all int) {
	gain := math.Pow(10, metric.Gain(h.said, h.aligned, h.rateHz)/20)
	n := samplesOf(onsetTime, h.rateHz)
	for _, w := range spans(h.said, h.rateHz) {
		if w[0] < from || w[0]+n > len(h.said) || w[1]-w[0] < 2*n {
			continue
		}
		all++
		if metric.Share(h.said[w[0]:w[0]+n], h.aligned[w[0]:w[0]+n]) < gain/2 {
			gated++
		}
	}
	return gated, all
}
