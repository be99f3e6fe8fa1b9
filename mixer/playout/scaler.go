package playout

import (
	"math"
	"time"
)

// Times of the scaler.
const (
	frameMS   = 20                      // milliseconds that it looks at
	longestMS = 15                      // milliseconds, the longest piece that it takes out or puts in
	silentMS  = 5                       // milliseconds of the cross-fade in silence, where anything fits
	shortest  = 2500 * time.Microsecond // the shortest piece: the shortest period of a voice
	quietPeak = 100                     // of 32768: −50 dBFS, below which nobody hears what becomes of it
)

// Lengths at scalerRateHz, the rate at which it looks for what is alike. Higher rates are brought down to it first.
const (
	scalerRateHz  = 8000
	scalerFrame   = scalerRateHz / 1000 * frameMS
	scalerLongest = scalerRateHz / 1000 * longestMS
	scalerLeast   = scalerRateHz * int(shortest) / int(time.Second)
)

// splice is a place in the first frame of some sound where two pieces of it look alike: the one from the beginning, and the
// one from lag on. Going over from one to the other takes out lag samples, or puts them in.
type splice struct {
	lag    int     // samples
	length int     // of the cross-fade
	alike  float64 // correlation of the two, −1 to 1
	quiet  bool    // the whole frame is next to silent
}

// findSplice looks through the first 20 ms of pcm for the splice that is heard the least, of at most most samples
// (WSOLA: waveform similarity overlap-add). ok is false where most is too short. rateHz is a multiple of 8000. Nothing is
// allocated.
func findSplice(pcm []int16, rateHz, most int) (s splice, ok bool) {
	ratio := rateHz / scalerRateHz
	if most < scalerLeast*ratio {
		return splice{}, false
	}
	pcm = pcm[:scalerFrame*ratio]
	most = min(most, scalerLongest*ratio)
	if isBelow(pcm, quietPeak) {
		return splice{lag: most, length: min(most, silentMS*rateHz/1000), alike: 1, quiet: true}, true
	}
	var frame [scalerFrame]float32
	for i := range frame {
		sum := 0
		for _, v := range pcm[i*ratio : (i+1)*ratio] {
			sum += int(v)
		}
		frame[i] = float32(sum)
	}
	lag, alike := mostAlike(&frame, most/ratio)
	if ratio > 1 {
		lag = refine(pcm, lag*ratio, ratio, most)
	} else {
		lag *= ratio
	}
	return splice{lag: lag, length: min(lag, len(pcm)-lag), alike: alike}, true
}

// mostAlike finds the lag of at most most samples at which the frame looks most like its beginning. Of equals it takes the
// longest: it is the fewest splices.
func mostAlike(frame *[scalerFrame]float32, most int) (best int, alike float64) {
	const worthwhile = 0.01 // by which a shorter one must be better
	var energy [scalerFrame + 1]float32
	for i, v := range frame {
		energy[i+1] = energy[i] + v*v
	}
	best, alike = most, -1
	for lag := most; lag >= scalerLeast; lag-- {
		n := min(lag, scalerFrame-lag)
		var cross float32
		now, then := frame[:n], frame[lag:lag+n]
		for i, v := range now {
			cross += v * then[i]
		}
		r := float64(cross) / math.Sqrt(float64(energy[n])*float64(energy[lag+n]-energy[lag])+1)
		if r > alike+worthwhile {
			best, alike = lag, r
		}
	}
	return best, alike
}

// refine looks around a lag that was found at the lower rate.
func refine(pcm []int16, around, ratio, most int) int {
	best, peak := around, math.Inf(-1)
	for lag := around - ratio + 1; lag < around+ratio; lag++ {
		if lag > most || lag < scalerLeast*ratio {
			continue
		}
		n := min(lag, len(pcm)-lag)
		var cross, energy int64
		for i, v := range pcm[:n] {
			w := int64(pcm[lag+i])
			cross += int64(v) * w
			energy += w * w
		}
		if r := float64(cross) / math.Sqrt(float64(energy)+1); r > peak {
			best, peak = lag, r
		}
	}
	return best
}

// shorten takes s.lag samples out of pcm and returns what is left of it.
func shorten(pcm []int16, s splice) []int16 {
	fade(pcm[:s.length], pcm[:s.length], pcm[s.lag:])
	return pcm[:s.length+copy(pcm[s.length:], pcm[s.lag+s.length:])]
}

// lengthen puts s.lag samples into pcm, which must have the capacity for them.
func lengthen(pcm []int16, s splice) []int16 {
	n := len(pcm)
	pcm = pcm[:n+s.lag]
	copy(pcm[s.lag+s.length:], pcm[s.length:n])
	fade(pcm[s.lag:s.lag+s.length], pcm[s.lag:], pcm)
	return pcm
}

// fade writes to dst what begins as from and ends as to.
func fade(dst, from, to []int16) {
	step := 1 / float32(len(dst)+1)
	for i := range dst {
		w := float32(i+1) * step
		dst[i] = rounded((1-w)*float32(from[i]) + w*float32(to[i]))
	}
}

// rounded is the sample nearest to v.
func rounded(v float32) int16 {
	return int16(math.RoundToEven(float64(min(max(v, math.MinInt16), math.MaxInt16))))
}
