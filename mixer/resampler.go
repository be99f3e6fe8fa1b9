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

	// What the last frame was made with; other rates than now mean that a change is to be smoothed.
	doneFromHz, doneToHz int

	kept  [resamplerKeep]int16 // the newest input, at doneFromHz: 4.5 ms at 48 kHz, more at lower rates
	zeros int                  // how much silence came last
}

// workArea is what is filtered: what was kept of the input before a frame, then the frame. It lives on the stack for one
// call: a leg has two resamplers, and most of them only pass sound on.
type workArea [resamplerKeep + MaxFrameSamples]int16

const (
	resamplerTaps  = 24                                   // a phase
	resamplerDelay = resamplerTaps / 2                    // samples of the lower rate
	resamplerKeep  = (resamplerTaps + resamplerDelay) * 6 // what a filter reaches back at the most, and its delay
	retuneMS       = 5                                    // in which sound goes over from one delay to another
)

// MakeResampler is a Resampler between two rates. It panics on rates other than 8000, 16000 and 48000 Hz.
func MakeResampler(fromHz, toHz int) Resampler {
	var r Resampler
	r.Retune(fromHz, toHz)
	return r
}

// Retune changes the rates, in the middle of the sound too: what was kept of the input is carried over, and where the
// delay is another one the sound goes over to it within the next 5 ms, so that nothing clicks. The same rates
// again change nothing. It panics on rates other than 8000, 16000 and 48000 Hz.
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
	r.zeros = 0
	total := 0
	for len(src) > 0 {
		n := min(len(src), MaxFrameSamples)
		total += r.frame(dst[total:], src[:n])
		src = src[n:]
	}
	return total
}

// Silence is Process of as much silence as makes all of dst, of at most MaxFrameSamples. It costs next to nothing where only silence went before, and says
// whether dst is silent too: what is delayed may still come.
func (r *Resampler) Silence(dst []int16) (silent bool) {
	same := r.fromHz == r.doneFromHz && r.toHz == r.doneToHz
	if r.fromHz == 0 || same && r.zeros >= len(r.kept) {
		clear(dst)
		return true
	}
	var src [MaxFrameSamples]int16
	n := len(dst) * r.fromHz / r.toHz
	zeros := r.zeros + n
	r.Process(dst, src[:n])
	r.zeros = zeros
	return same && r.fromHz == r.toHz
}

// frame is Process for at most MaxFrameSamples.
func (r *Resampler) frame(dst, src []int16) int {
	changed := r.doneFromHz != 0 && (r.doneFromHz != r.fromHz || r.doneToHz != r.toHz)
	if changed || r.fromHz != r.toHz {
		dst = dst[:len(src)/r.down*r.up]
		r.convert(dst, src, changed)
	} else {
		dst = dst[:len(src)]
		copy(dst, src)
	}
	r.keep(src) // dst may be src: then it is unchanged
	r.doneFromHz, r.doneToHz = r.fromHz, r.toHz
	return len(dst)
}

// convert filters src into dst, and smoothes a change of rates.
func (r *Resampler) convert(dst, src []int16, changed bool) {
	if changed && r.doneFromHz != r.fromHz {
		r.rewarm(src)
	}
	var work workArea
	copy(work[:], r.kept[:])
	copy(work[resamplerKeep:], src)
	r.filter(dst, &work, resamplerKeep)
	if changed {
		r.goOver(dst, &work)
	}
}

// keep remembers the end of the input for the next frame.
func (r *Resampler) keep(src []int16) {
	if n := len(src); n < resamplerKeep {
		copy(r.kept[:], r.kept[n:])
	}
	tail := src[max(len(src)-resamplerKeep, 0):]
	copy(r.kept[resamplerKeep-len(tail):], tail)
}

// filter writes the samples of dst that belong to the input from work[first] on.
func (r *Resampler) filter(dst []int16, work *workArea, first int) {
	switch {
	case r.up > 1:
		upsample(dst, work[first-resamplerTaps+1:], r.up)
	case r.down > 1:
		downsample(dst, work[first-resamplerTaps*r.down:], r.down)
	default:
		copy(dst, work[first:])
	}
}

// goOver fades from the old delay to the new one. The old output is the new one read at another time: later where
// the delay has grown, and the frame holds it; earlier where it has shrunk, and it is made from what was kept.
func (r *Resampler) goOver(dst []int16, work *workArea) {
	later := delayAt(r.toHz, r.fromHz, r.toHz) - delayAt(r.toHz, r.doneFromHz, r.doneToHz)
	length := r.toHz * retuneMS / 1000
	switch {
	case later > 0:
		length = min(length, len(dst)-later)
		for i := range max(length, 0) {
			dst[i] = between(dst[i+later], dst[i], i, length)
		}
	case later < 0:
		var spare [resamplerDelay * 6]int16
		early := spare[:-later]
		r.filter(early, work, resamplerKeep-len(early)*r.fromHz/r.toHz)
		length = min(length, len(dst))
		for i := length - 1; i >= 0; i-- {
			old := early[min(i, len(early)-1)]
			if i >= len(early) {
				old = dst[i-len(early)]
			}
			dst[i] = between(old, dst[i], i, length)
		}
	}
}

// delayAt is the delay between two rates in samples at rateHz.
func delayAt(rateHz, fromHz, toHz int) int {
	if fromHz == toHz {
		return 0
	}
	return resamplerDelay * rateHz / min(fromHz, toHz)
}

// between is step i of length on the way from one sample to another.
func between(from, to int16, i, length int) int16 {
	w := float32(i+1) / float32(length+1)
	return roundToInt16((1-w)*float32(from) + w*float32(to))
}
