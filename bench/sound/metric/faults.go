package metric

import (
	"math"
	"slices"
)

const (
	clickTimes  = 8.0  // of the local RMS step
	clickNearly = 5.0  // what was said with such a step may be heard with one that counts
	clickLocal  = 20   // ms to either side that are local
	clickLeast  = 0.01 // a step below −40 dB of full scale is no click
	clickApart  = 5    // ms: what is closer is one click
	naturalNear = 15   // ms that a step of the same kind may be away in what was said
)

// Clicks are the samples of pcm that are reached by a step over eight times the local RMS step.
func Clicks(pcm []float64, rateHz int) []int { return steps(pcm, rateHz, clickTimes, clickLeast) }

// steps are those over so many times the local RMS step, and not below least.
func steps(pcm []float64, rateHz int, times, least float64) []int {
	local := clickLocal * rateHz / 1000
	sums := make([]float64, len(pcm)+1)
	step := func(i int) float64 {
		if i == 0 {
			return 0
		}
		return pcm[i] - pcm[i-1]
	}
	for i := range pcm {
		sums[i+1] = sums[i] + step(i)*step(i)
	}
	var out []int
	for i := range pcm {
		d := math.Abs(step(i))
		if d < least {
			continue
		}
		from, to := max(i-local, 0), min(i+local+1, len(pcm))
		others := (sums[to] - sums[from] - d*d) / float64(to-from-1)
		if d > times*math.Sqrt(max(others, 0)) && (len(out) == 0 || i-out[len(out)-1] > clickApart*rateHz/1000) {
			out = append(out, i)
		}
	}
	return out
}

// NewClicks are the clicks of heard near which said, its equal in time, does not have a step of over five times the local one, which
// may itself be smaller than a click in the same measure.
func NewClicks(said, heard []float64, rateHz int) []int {
	natural := steps(said, rateHz, clickNearly, clickLeast*clickNearly/clickTimes)
	near := naturalNear * rateHz / 1000
	return slices.DeleteFunc(Clicks(heard, rateHz), func(i int) bool {
		k, found := slices.BinarySearch(natural, i)
		return found || k < len(natural) && natural[k]-i <= near || k > 0 && i-natural[k-1] <= near
	})
}

// Gap is a stretch of silence where somebody speaks.
type Gap struct {
	At     int // the sample at which it begins
	Millis float64
}

const (
	gapFrame   = 5     // ms
	gapLeast   = 10    // ms
	gapSilence = -60.0 // dBFS
	gapSpeech  = -42.0
)

// Gaps are the stretches of 10 ms and more in which nothing is heard while in said, its equal in time, there is speech all
// around.
func Gaps(said, heard []float64, rateHz int) []Gap {
	size := rateHz * gapFrame / 1000
	n := min(len(said), len(heard)) / size
	missing := make([]bool, n)
	for i := range missing {
		spoken := RMSDBFS(said[i*size:(i+1)*size]) > gapSpeech
		for _, j := range []int{i - 2, i + 2} {
			spoken = spoken && j >= 0 && j < n && RMSDBFS(said[j*size:(j+1)*size]) > gapSpeech
		}
		missing[i] = spoken && RMSDBFS(heard[i*size:(i+1)*size]) < gapSilence
	}
	var out []Gap
	for i := 0; i < n; i++ {
		from := i
		for i < n && missing[i] {
			i++
		}
		if millis := float64(i-from) * gapFrame; millis >= gapLeast {
			out = append(out, Gap{from * size, millis})
		}
	}
	return out
}

// Longest is the length of the longest gap in ms; 0 of none.
func Longest(gaps []Gap) float64 {
	longest := 0.0
	for _, g := range gaps {
		longest = max(longest, g.Millis)
	}
	return longest
}

// Likeness is the greatest normalised correlation of a with what lies in heard within so many samples of at, 0 to 1.
func Likeness(a, heard []float64, at, within int) float64 {
	best, own := 0.0, 0.0
	for _, x := range a {
		own += x * x
	}
	for from := max(at-within, 0); from <= at+within && from+len(a) <= len(heard); from++ {
		cross, energy := 0.0, 0.0
		for i, x := range a {
			y := heard[from+i]
			cross += x * y
			energy += y * y
		}
		best = max(best, cross/math.Sqrt(own*energy+1e-12))
	}
	return best
}
