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

	// The last 4.5 ms of input, at doneFromHz, stand before the frame that is worked on.
	work [resamplerKeep + MaxFrameSamples]int16
}

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
	changed := r.doneFromHz != 0 && (r.doneFromHz != r.fromHz || r.doneToHz != r.toHz)
	if changed && r.doneFromHz != r.fromHz {
		r.rewarm(src)
	}
	dst = dst[:len(src)/r.down*r.up]
	copy(r.work[resamplerKeep:], src)
	r.filter(dst, resamplerKeep)
	if changed {
		r.goOver(dst)
	}
	r.doneFromHz, r.doneToHz = r.fromHz, r.toHz
	copy(r.work[:resamplerKeep], r.work[len(src):])
	return len(dst)
}

// filter writes the samples of dst that belong to the input from r.work[first] on.
func (r *Resampler) filter(dst []int16, first int) {
	switch {
	case r.up > 1:
		upsample(dst, r.work[first-resamplerTaps+1:], r.up)
	case r.down > 1:
		downsample(dst, r.work[first-resamplerTaps*r.down:], r.down)
	default:
		copy(dst, r.work[first:])
	}
}

// goOver fades from the old delay to the new one. The old output is the new one read at another time: later where
// the delay has grown, and the frame holds it; earlier where it has shrunk, and it is made from what was kept.
func (r *Resampler) goOver(dst []int16) {
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
		r.filter(early, resamplerKeep-len(early)*r.fromHz/r.toHz)
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
