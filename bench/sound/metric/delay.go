package metric

import (
	"math"
	"math/bits"
	"slices"
	"sort"

	"gonum.org/v1/gonum/dsp/fourier"
)

// DelayRateHz is the sampling rate that delay is measured at.
const DelayRateHz = 8000

const (
	windowSamples = DelayRateHz / 5  // 200 ms of speech are looked for
	hopSamples    = DelayRateHz / 10 // every 100 ms
	nearSamples   = DelayRateHz / 20 // around where the last window was found
	surelyNear    = 0.8              // if it is found there so well, it is not looked for elsewhere
	// SureDelay is the normalised correlation from which a window counts as found.
	SureDelay = 0.5
	quietest  = -45.0 // dBFS of a window that is worth looking for
	// friendMillis is by how much less the delay of one of the two windows before or behind must differ: a delay that falls by
	// time-scaling does so slowly, and one that jumps stays where it is for a while.
	friendMillis = 40
)

// Clock says at what time, in seconds from some common moment, sample i was sent, or came.
type Clock func(i int) float64

// Delay is how much later one window of sound was heard than it was said.
type Delay struct {
	Seconds     float64 // when its middle was said
	Millis      float64
	Sure        float64 // normalised correlation
	Said, Heard int     // the first sample of the window, there and here
}

// Delays measures delay over time: of each window of said in which somebody speaks, where between 50 ms before and reach
// seconds after it was said it is found in heard. Windows that are not found are left out. Both are at DelayRateHz.
func Delays(said, heard []float64, saidAt, heardAt Clock, reach float64) []Delay {
	var out []Delay
	s := searcher{heard: heard, energy: runningEnergy(heard)}
	lag := math.MinInt
	for from := 0; from+windowSamples <= len(said); from += hopSamples {
		window := said[from : from+windowSamples]
		if RMSDBFS(window) < quietest {
			continue
		}
		t := saidAt(from)
		first := sort.Search(len(heard), func(i int) bool { return heardAt(i) >= t-0.05 })
		last := sort.Search(len(heard), func(i int) bool { return heardAt(i) > t+reach })
		at, sure := 0, -1.0
		if lag != math.MinInt {
			at, sure = s.find(window, max(first, from+lag-nearSamples), min(last, from+lag+nearSamples))
		}
		if sure < surelyNear {
			if a, wide := s.find(window, first, last); wide > sure+0.1 {
				at, sure = a, wide
			}
		}
		if sure < SureDelay {
			continue
		}
		lag = at - from
		middle := windowSamples / 2
		out = append(out, Delay{
			Seconds: saidAt(from + middle), Millis: 1000 * (heardAt(at+middle) - saidAt(from+middle)), Sure: sure, Said: from, Heard: at,
		})
	}
	return steady(out)
}

// steady leaves out the windows that were found alone where they were: speech repeats itself.
func steady(delays []Delay) []Delay {
	var out []Delay
	for i, d := range delays {
		friends := 0
		for j := max(i-2, 0); j <= min(i+2, len(delays)-1); j++ {
			if j != i && math.Abs(delays[j].Millis-d.Millis) < friendMillis {
				friends++
			}
		}
		if friends > 0 {
			out = append(out, d)
		}
	}
	return out
}

// searcher looks for windows in heard.
type searcher struct {
	heard  []float64
	energy []float64 // of the first i samples
	ffts   map[int]*fourier.FFT
}

func runningEnergy(pcm []float64) []float64 {
	sums := make([]float64, len(pcm)+1)
	for i, x := range pcm {
		sums[i+1] = sums[i] + x*x
	}
	return sums
}

// find returns where in heard, from first to last, window begins with the greatest normalised correlation.
func (s *searcher) find(window []float64, first, last int) (at int, sure float64) {
	last = min(last, len(s.heard)-len(window))
	if last < first {
		return 0, -1
	}
	there := s.heard[first : last+len(window)]
	cross := s.correlate(window, there)
	own := 0.0
	for _, x := range window {
		own += x * x
	}
	sure = -1
	for i := range last - first + 1 {
		energy := s.energy[first+i+len(window)] - s.energy[first+i]
		if r := cross[i] / math.Sqrt(own*energy+1e-12); r > sure {
			at, sure = first+i, r
		}
	}
	return at, sure
}

// correlate is, at index i, the sum of window times what lies from i on in there.
func (s *searcher) correlate(window, there []float64) []float64 {
	n := 1 << bits.Len(uint(len(there)+len(window)))
	if s.ffts == nil {
		s.ffts = map[int]*fourier.FFT{}
	}
	if s.ffts[n] == nil {
		s.ffts[n] = fourier.NewFFT(n)
	}
	fft := s.ffts[n]
	a, b := make([]float64, n), make([]float64, n)
	copy(a, there)
	copy(b, window)
	x, y := fft.Coefficients(nil, a), fft.Coefficients(nil, b)
	for i := range x {
		x[i] *= complex(real(y[i]), -imag(y[i])) / complex(float64(n), 0)
	}
	return fft.Sequence(a, x)
}

// Between are the delays, in ms, of what was said from one second to another.
func Between(delays []Delay, from, to float64) []float64 {
	var out []float64
	for _, d := range delays {
		if d.Seconds >= from && d.Seconds < to {
			out = append(out, d.Millis)
		}
	}
	return out
}

// lags smooths what delays say of how many samples later than in said things are in heard: a lone window that was found
// elsewhere is a mistake.
func lags(delays []Delay) []int {
	out := make([]int, len(delays))
	for i := range delays {
		var near []int
		for j := max(i-2, 0); j <= min(i+2, len(delays)-1); j++ {
			near = append(near, delays[j].Heard-delays[j].Said)
		}
		slices.Sort(near)
		out[i] = near[len(near)/2]
	}
	return out
}

// Align brings heard into the time of said, piece by piece where the delay changes, so that the two can be compared. Both are
// at rateHz; the delays were measured at DelayRateHz.
func Align(said, heard []float64, delays []Delay, rateHz int) []float64 {
	out := make([]float64, len(said))
	if len(delays) == 0 {
		return out
	}
	lag := lags(delays)
	scale := float64(rateHz) / DelayRateHz
	k := 0
	for i := range out {
		for k+1 < len(delays) && float64(i) > scale*float64(delays[k].Said+delays[k+1].Said+windowSamples)/2 {
			k++
		}
		if j := i + int(math.Round(scale*float64(lag[k]))); j >= 0 && j < len(heard) {
			out[i] = heard[j]
		}
	}
	return out
}
