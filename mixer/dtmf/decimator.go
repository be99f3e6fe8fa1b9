package dtmf

import (
	"fmt"
	"math"
)

// rateHz is the rate that is looked at.
const rateHz = 8000

const (
	maxFactor = 48000 / rateHz
	// tapsEach is how many taps the filter has for each step of the factor: it lets pass what is below 1.7 kHz, to within 0.3 dB, and what would
	// be mirrored into that is 43 dB down. What is mirrored above it is no tone, and speaks against a key as it would where it came from.
	tapsEach = 5
	cutoffHz = 3800
)

// filters are the filters by factor.
var filters = [maxFactor + 1][]float32{2: lowPass(2), 3: lowPass(3), maxFactor: lowPass(maxFactor)}

func lowPass(factor int) []float32 {
	taps := make([]float64, tapsEach*factor)
	sum := 0.0
	for i := range taps {
		x := float64(i) - float64(len(taps)-1)/2
		hann := 0.5 + 0.5*math.Cos(2*math.Pi*x/float64(len(taps)+1))
		arg := 2 * math.Pi * cutoffHz / float64(factor*rateHz) * x
		taps[i] = hann
		if arg != 0 {
			taps[i] *= math.Sin(arg) / arg
		}
		sum += taps[i]
	}
	out := make([]float32, len(taps))
	for i, t := range taps {
		out[i] = float32(t / sum)
	}
	return out
}

// decimator brings sound to 8 kHz, a sample at a time.
type decimator struct {
	factor int  // of the rate that the filter works at
	twice  bool // that is twice the sound's: with a zero behind each sample
	taps   []float32
	memory [2 * tapsEach * maxFactor]float32 // the newest samples, twice, so that they always lie in a row
	at     int
	phase  int
}

func (d *decimator) tune(fromHz int) {
	twice := fromHz == 12000
	if twice {
		fromHz *= 2
	}
	factor := fromHz / rateHz
	if fromHz != rateHz && (fromHz%rateHz != 0 || factor < 1 || factor > maxFactor || filters[factor] == nil) {
		panic(fmt.Sprintf("dtmf: no keys are found at %d Hz", fromHz))
	}
	*d = decimator{factor: factor, twice: twice, taps: filters[factor]}
}

// samples is how many samples of the sound last as long as n at 8 kHz.
func (d *decimator) samples(n int) int {
	if d.twice {
		return n * d.factor / 2
	}
	return n * d.factor
}

// next takes a sample, and says whether there is one at 8 kHz.
func (d *decimator) next(s int16) (x float32, ok bool) {
	if d.factor == 1 {
		return float32(s), true
	}
	if !d.twice {
		return d.push(float32(s))
	}
	x, ok = d.push(2 * float32(s))
	if y, also := d.push(0); also { // of three there is one at most
		return y, true
	}
	return x, ok
}

// push takes a sample at the rate of the filter.
func (d *decimator) push(s float32) (float32, bool) {
	n := len(d.taps)
	d.memory[d.at], d.memory[d.at+n] = s, s
	if d.at++; d.at == n {
		d.at = 0
	}
	if d.phase++; d.phase < d.factor {
		return 0, false
	}
	d.phase = 0
	sum := float32(0)
	for i, v := range d.memory[d.at : d.at+n] {
		sum += v * d.taps[i]
	}
	return sum, true
}
