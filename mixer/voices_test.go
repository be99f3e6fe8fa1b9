package mixer

import (
	"math"
	"math/rand/v2"
)

// pink is pink noise of the given RMS: the sum of noises that change every 1, 2, 4 ... samples.
func pink(r *rand.Rand, rms float64, samples int) []int16 {
	const octaves = 12
	var rows [octaves]float64
	out := make([]int16, samples)
	for i := range out {
		sum := 0.0
		for k := range rows {
			if i%(1<<k) == 0 {
				rows[k] = r.NormFloat64()
			}
			sum += rows[k]
		}
		out[i] = int16(min(max(rms*sum/math.Sqrt(octaves), -32768), 32767))
	}
	return out
}

// add lays b over a from a sample on.
func add(a, b []int16, from int) {
	for i, s := range b {
		if from+i < len(a) {
			a[from+i] = int16(min(max(int(a[from+i])+int(s), -32768), 32767))
		}
	}
}

// dbfs is the RMS of sound at a level, where a sine that just reaches full scale is at 0.
func dbfs(level float64) float64 { return 32768 / math.Sqrt2 * math.Pow(10, level/20) }
