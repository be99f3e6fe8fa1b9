package sounds

import "math"

// Rates of files are any. What is not one of a clip is made so once, when the file is read: by a windowed sinc of 32 zero crossings either side
// at the lower rate, its phases in a table with a straight line between them. What would be mirrored is 80 dB down.
const (
	sincCrossings = 32
	sincPhases    = 512
	sincCutoff    = .94 // of the lower rate's Nyquist frequency: its -6 dB point
	kaiserBeta    = 8.
)

// resample is pcm at another rate, as long as it was, without a delay. Equal rates give pcm itself.
func resample(pcm []int16, fromHz, toHz int) []int16 {
	if fromHz == toHz {
		return pcm
	}
	cutoff := sincCutoff * min(1, float64(toHz)/float64(fromHz)) // of the input's Nyquist frequency
	reach := int(math.Ceil(sincCrossings / cutoff))              // input samples
	table := sincTable(cutoff, reach)
	out := make([]int16, int64(len(pcm))*int64(toHz)/int64(fromHz))
	for i := range out {
		at := int64(i) * int64(fromHz)
		whole, rest := int(at/int64(toHz)), float64(at%int64(toHz))/float64(toHz)*sincPhases
		phase, part := int(rest), float32(rest-math.Floor(rest))
		a, b := table[phase], table[phase+1]
		first, last := max(whole-reach+1, 0), min(whole+reach, len(pcm)-1)
		sum := float32(0)
		for j := first; j <= last; j++ {
			k := j - (whole - reach + 1)
			sum += float32(pcm[j]) * (a[k] + part*(b[k]-a[k]))
		}
		out[i] = toInt16(sum)
	}
	return out
}

// sincTable has a filter for each of sincPhases places between two input samples, and for the second of them.
func sincTable(cutoff float64, reach int) [][]float32 {
	table := make([][]float32, sincPhases+1)
	for p := range table {
		row, sum := make([]float32, 2*reach), 0.
		for k := range row {
			x := float64(k-reach+1) - float64(p)/sincPhases
			v := cutoff * sinc(cutoff*x) * kaiser(x/float64(reach))
			row[k] = float32(v)
			sum += v
		}
		for k := range row { // constant sound stays as loud as it is
			row[k] /= float32(sum)
		}
		table[p] = row
	}
	return table
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x, -1 to 1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(kaiserBeta*math.Sqrt(1-x*x)) / bessel(kaiserBeta)
}

// bessel is the modified Bessel function of order 0, by its series.
func bessel(x float64) float64 {
	sum, term := 1., 1.
	for k := 1.; term > 1e-12*sum; k++ {
		term *= x / 2 / k * (x / 2 / k)
		sum += term
	}
	return sum
}
