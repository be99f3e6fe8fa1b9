package mixer

import "fmt"

// Resampler takes sound from one of 8000, 16000 and 48000 Hz to another. Equal rates pass as they are, without
// delay; others are delayed by 12 samples of the lower rate (1.5 ms at 8000 Hz). The zero value passes everything.
//
// The filter is a windowed sinc in polyphase form, 24 taps a phase, with its -6 dB point at the lower rate's Nyquist
// frequency: flat to 0.85 of it, and what would be mirrored into that band is 60 dB down.
type Resampler struct {
	fromHz, toHz int
	up, down     int

	// The last 3 ms of input at keptHz stand before the work area's frame.
	keptHz int
	work   [resamplerKeep + MaxFrameSamples]int16

	// What came out last, for a change of rates that is not heard.
	last    [2]int16
	lastHz  int
	settled bool
	step    float32
	left    int
}

const (
	resamplerTaps = 24                // a phase; half of it is the delay
	resamplerKeep = resamplerTaps * 6 // input samples that a filter reaches back, at the most
	retuneMS      = 5                 // over which the step of a change is let go
)

// MakeResampler is a Resampler between two rates. It panics on rates other than 8000, 16000 and 48000 Hz.
func MakeResampler(fromHz, toHz int) Resampler {
	var r Resampler
	r.Retune(fromHz, toHz)
	return r
}

// Retune changes the rates, in the middle of the sound too: what was kept of the input is carried over and a
// step in the output let go slowly, so that it does not click. The same rates again change nothing. It panics on rates
// other than 8000, 16000 and 48000 Hz.
func (r *Resampler) Retune(fromHz, toHz int) {
	if !resamples(fromHz) || !resamples(toHz) {
		panic(fmt.Sprintf("mixer: no resampling from %d to %d Hz", fromHz, toHz))
	}
	if fromHz == r.fromHz && toHz == r.toHz {
		return
	}
	r.fromHz, r.toHz = fromHz, toHz
	r.up, r.down = 1, 1
	if fromHz < toHz {
		r.up = toHz / fromHz
	} else {
		r.down = fromHz / toHz
	}
	r.settled = false
}

func resamples(rateHz int) bool { return rateHz == 8000 || rateHz == 16000 || rateHz == 48000 }

// Rates are what Retune was given, 0 and 0 before the first.
func (r *Resampler) Rates() (fromHz, toHz int) { return r.fromHz, r.toHz }

// Reset forgets the sound that was, for a new stream at the same rates.
func (r *Resampler) Reset() {
	fromHz, toHz := r.fromHz, r.toHz
	*r = Resampler{}
	if fromHz != 0 {
		r.Retune(fromHz, toHz)
	}
}

// Process writes src at the new rate to dst and returns how many samples that are: len(src)·to/from. src may
// have any length that is a whole number of samples at both rates; dst must hold the result and may be src only
// where the rates are equal.
func (r *Resampler) Process(dst, src []int16) int {
	if r.fromHz == 0 {
		return copy(dst[:len(src)], src)
	}
	total := 0
	for len(src) > 0 {
		n := min(len(src), MaxFrameSamples)
		total += r.frame(dst[total:], src[:n])
		src = src[n:]
	}
	return total
}

// frame is Process for at most MaxFrameSamples.
func (r *Resampler) frame(dst, src []int16) int {
	if r.keptHz != r.fromHz {
		r.rewarm(src)
	}
	n := len(src) / r.down * r.up
	dst = dst[:n]
	copy(r.work[resamplerKeep:], src)
	work := r.work[:resamplerKeep+len(src)]
	switch {
	case r.up > 1:
		upsample(dst, work, r.up)
	case r.down > 1:
		downsample(dst, work, r.down)
	default:
		copy(dst, src)
	}
	copy(r.work[:resamplerKeep], work[len(src):])
	if !r.settled {
		r.meet(dst)
	}
	if r.left > 0 {
		r.letGo(dst)
	}
	r.note(dst)
	return n
}

// meet measures, after a change, the step between where the old output was going and where the new one begins.
func (r *Resampler) meet(dst []int16) {
	r.settled = true
	if r.lastHz == 0 || len(dst) == 0 {
		return
	}
	slope := float32(r.last[1]) - float32(r.last[0])
	going := float32(r.last[1]) + slope*float32(r.lastHz)/float32(r.toHz)
	r.step = going - float32(dst[0])
	r.left = r.toHz * retuneMS / 1000
}

// letGo takes the step out over 5 ms.
func (r *Resampler) letGo(dst []int16) {
	whole := float32(r.toHz * retuneMS / 1000)
	for i := range dst[:min(r.left, len(dst))] {
		dst[i] = roundToInt16(float32(dst[i]) + r.step*float32(r.left)/whole)
		r.left--
	}
}

func (r *Resampler) note(dst []int16) {
	switch n := len(dst); n {
	case 0:
	case 1:
		r.last[0], r.last[1] = r.last[1], dst[0]
	default:
		r.last = [2]int16(dst[n-2:])
	}
	r.lastHz = r.toHz
}
