package mixer

import (
	"math"
	"math/rand/v2"
)

// sine is samples of a sine of hz at the amplitude, beginning at the phase of sample from.
func sine(hz, amplitude float64, rateHz, from, samples int) []int16 {
	out := make([]int16, samples)
	for i := range out {
		out[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(from+i)/float64(rateHz))))
	}
	return out
}

// noise is white, of the given RMS.
func noise(r *rand.Rand, rms float64, samples int) []int16 {
	out := make([]int16, samples)
	for i := range out {
		out[i] = int16(min(max(r.NormFloat64()*rms, -32768), 32767))
	}
	return out
}

// largestStep is the greatest difference between neighbours.
func largestStep(pcm []int16) int {
	largest := 0
	for i := 1; i < len(pcm); i++ {
		d := int(pcm[i]) - int(pcm[i-1])
		largest = max(largest, d, -d)
	}
	return largest
}

// sineSlope is the greatest difference that neighbours in a sine can have.
func sineSlope(hz, amplitude float64, rateHz int) int {
	return int(math.Ceil(2*amplitude*math.Sin(math.Pi*hz/float64(rateHz)))) + 1
}

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
