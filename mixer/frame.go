// Package mixer is pure sound: it adds frames up and takes one's own voice out again, limits, sets levels, changes
// sample rates, tells talk from noise and who is to be heard. No network, no clock, no goroutine, no lock, no log.
//
// PCM is mono, signed 16 bit, in host order ([]int16), in frames of 20 ms at 8000, 16000 or 48000 Hz. Every type
// here is owned by one goroutine, keeps no slice that it is given, and allocates nothing after it was made; the
// zero value of each can be used. Levels in dBFS have a sine that just reaches full scale at 0.
//
// One tick of a room: for every leg that gives sound, [Resampler.Process] to the room's rate, [VAD.Observe], [AGC.Observe],
// [Floor.Claim]; then [Floor.Decide], and for those who are mixed [Offset.Remove], [Gain.Apply], [Bus.Add]; then, for every
// one of them, [Bus.MixWithout] its own frame, and once for all who only listen, [Bus.MixAll].
package mixer

import (
	"math"
	"time"
)

// FrameDuration is what one frame lasts.
const FrameDuration = 20 * time.Millisecond

// MaxFrameSamples is the length of the longest frame: 20 ms at 48000 Hz.
const MaxFrameSamples = 960

// FrameSamples is the length in samples of a frame at rateHz.
func FrameSamples(rateHz int) int { return rateHz / 50 }

// Overlay adds src to dst, of the same length, saturating.
func Overlay(dst, src []int16) {
	src = src[:len(dst)]
	for i, s := range src {
		dst[i] = int16(min(max(int32(dst[i])+int32(s), math.MinInt16), math.MaxInt16))
	}
}

// Crossfade goes over from dst to src, of the same length, in one frame.
func Crossfade(dst, src []int16) {
	src = src[:len(dst)]
	n := int32(len(dst))
	for i, s := range src {
		dst[i] = int16((int32(dst[i])*(n-int32(i)) + int32(s)*int32(i)) / n)
	}
}

func roundToInt16(v float32) int16 {
	switch {
	case v >= 32767:
		return 32767
	case v <= -32768:
		return -32768
	case v < 0:
		return int16(v - 0.5)
	}
	return int16(v + 0.5)
}
