package metric

import (
	"math"
	"slices"
)

// Silence is the level of nothing at all, and the lowest that is told.
const Silence = -150.0

// RMSDBFS is the level of pcm as a whole.
func RMSDBFS(pcm []float64) float64 {
	sum := 0.0
	for _, x := range pcm {
		sum += x * x
	}
	return decibels(2 * sum / float64(max(len(pcm), 1)))
}

func decibels(power float64) float64 {
	return max(10*math.Log10(power+1e-30), Silence)
}

// levelMillis is the length of the frames that activity is judged in.
const levelMillis = 20

// activeBelow is by how many dB a frame of speech may be below the loud ones and still be speech.
const activeBelow = 25.0

// Active says of each 20 ms of speech whether somebody speaks in it: it is at most 25 dB below the loudest twentieth.
func Active(pcm []float64, rateHz int) []bool {
	size := rateHz * levelMillis / 1000
	levels := make([]float64, 0, len(pcm)/size+1)
	for frame := range slices.Chunk(pcm, size) {
		levels = append(levels, RMSDBFS(frame))
	}
	active := make([]bool, len(levels))
	if len(levels) == 0 {
		return active
	}
	sorted := slices.Sorted(slices.Values(levels))
	threshold := max(sorted[len(sorted)*95/100]-activeBelow, Silence+1)
	for i, l := range levels {
		active[i] = l > threshold
	}
	return active
}

// ActiveDBFS is the level of speech while there is any.
func ActiveDBFS(pcm []float64, rateHz int) float64 {
	return activeLevel(pcm, Active(pcm, rateHz), rateHz)
}

// Gain is by how many dB heard is louder than said, its equal in time, while somebody speaks in said.
func Gain(said, heard []float64, rateHz int) float64 {
	active := Active(said, rateHz)
	return activeLevel(heard, active, rateHz) - activeLevel(said, active, rateHz)
}

func activeLevel(pcm []float64, active []bool, rateHz int) float64 {
	size := rateHz * levelMillis / 1000
	sum, n := 0.0, 0
	for i, on := range active {
		if !on || i*size >= len(pcm) {
			continue
		}
		for _, x := range pcm[i*size : min((i+1)*size, len(pcm))] {
			sum += x * x
			n++
		}
	}
	return decibels(2 * sum / float64(max(n, 1)))
}

// ToneDBFS is the level of a tone in pcm, by Goertzel's algorithm under a Hann window.
func ToneDBFS(pcm []float64, hz float64, rateHz int) float64 {
	if len(pcm) == 0 {
		return Silence
	}
	w := 2 * math.Pi * hz / float64(rateHz)
	var s1, s2, weight float64
	for i, x := range pcm {
		hann := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(pcm)))
		weight += hann
		s1, s2 = x*hann+2*math.Cos(w)*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - 2*math.Cos(w)*s1*s2
	amplitude := 2 * math.Sqrt(max(power, 0)) / weight
	return decibels(amplitude * amplitude)
}

// Quantile is the value below which a share q of the values are; 0 of none.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
