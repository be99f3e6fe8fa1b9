package voices

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/confbridge/confbridge/bench/sound/metric"
)

// Tone is n samples of a sine whose level is db against one of full scale.
func Tone(hz, db float64, rateHz, n int) []float64 {
	out := make([]float64, n)
	amplitude := math.Pow(10, db/20)
	for i := range out {
		out[i] = amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rateHz))
	}
	return out
}

// Sweep is n samples of a sine that climbs evenly from one frequency to another.
func Sweep(from, to, db float64, rateHz, n int) []float64 {
	out := make([]float64, n)
	amplitude := math.Pow(10, db/20)
	phase := 0.0
	for i := range out {
		out[i] = amplitude * math.Sin(phase)
		phase += 2 * math.Pi * (from + (to-from)*float64(i)/float64(n)) / float64(rateHz)
	}
	return out
}

// Pink is n samples of noise with equal power in each octave from 20 Hz on, at db against a sine of full scale. The same seed
// makes the same noise.
func Pink(db float64, rateHz, n int, seed uint64) []float64 {
	rnd := rand.New(rand.NewPCG(seed, 1))
	bins := make([]complex128, n/2+1)
	lowest := max(20*n/rateHz, 1)
	for i := lowest; i < len(bins); i++ {
		bins[i] = complex(rnd.NormFloat64(), rnd.NormFloat64()) / complex(math.Sqrt(float64(i)), 0)
	}
	out := fourier.NewFFT(n).Sequence(nil, bins)
	return Scale(out, db-metric.RMSDBFS(out))
}
