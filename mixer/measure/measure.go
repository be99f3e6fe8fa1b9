// Package measure says what is in a piece of sound: how loud it is, how loud one tone in it is, and how much one
// recording is in another. It is for tests, benchmarks and demonstrations, not for the tick: it allocates.
//
// PCM is mono, signed 16 bit. Levels are dBFS with a sine that just reaches full scale at 0; silence is [Silence].
// All functions are safe for concurrent use and change nothing that they are given.
package measure

import "math"

// Silence is the level in dBFS that stands for nothing at all, and the lowest that is told.
const Silence = -150.0

const fullScale = 32768.0

// RMSDBFS is the level of pcm as a whole.
func RMSDBFS(pcm []int16) float64 {
	if len(pcm) == 0 {
		return Silence
	}
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return decibels(2 * sum / float64(len(pcm)) / (fullScale * fullScale))
}

// ToneDBFS is the level of the tone of hz in pcm: Goertzel's algorithm under a Hann window, so that other tones
// four or more divided by the duration away from it (40 Hz for 100 ms) do not count. Below 0 and from half of rateHz on
// there is no tone.
func ToneDBFS(pcm []int16, rateHz int, hz float64) float64 {
	if len(pcm) < 2 || rateHz <= 0 || hz < 0 || hz >= float64(rateHz)/2 {
		return Silence
	}
	n := float64(len(pcm))
	omega := 2 * math.Pi * hz / float64(rateHz)
	twice := 2 * math.Cos(omega)
	var s1, s2, weight float64
	for i, s := range pcm {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/n)
		weight += w
		s1, s2 = w*float64(s)+twice*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - twice*s1*s2
	amplitude := 2 * math.Sqrt(max(power, 0)) / weight
	if hz == 0 {
		amplitude /= 2
	}
	return decibels(amplitude * amplitude / (fullScale * fullScale))
}

// TiltDB is by how many dB what is above a quarter of the rate is louder than what is below, from the differences and the sums of
// neighbours: 0 of white noise. It is infinite, or no number, where one of them or both are nothing.
func TiltDB(pcm []int16) float64 {
	var low, high float64
	for i := 1; i < len(pcm); i++ {
		a, b := float64(pcm[i]), float64(pcm[i-1])
		low += (a + b) * (a + b)
		high += (a - b) * (a - b)
	}
	return 10 * math.Log10(high/low)
}

func decibels(power float64) float64 {
	if power <= 0 {
		return Silence
	}
	return max(10*math.Log10(power), Silence)
}
