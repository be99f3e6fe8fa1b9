package sounds

import "math"

// Rates of files are any. What is not one of a clip is made so once, when the file is read: by a windowed sinc of 32 zero crossings either side
// at the lower rate. Where one rate follows the other again after few samples, each place between two input samples has a filter of its
// own; else there are 512, and a straight line between them. What would be mirrored is 80 dB down.
const (
	sincCrossings = 32
	sincPlaces    = 512
	sincExact     = 1024
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
	places := toHz / gcd(fromHz, toHz)
	if places > sincExact {
		places = sincPlaces
	}
	table := sincTable(cutoff, reach, places)
	out := make([]int16, int64(len(pcm))*int64(toHz)/int64(fromHz))
	for i := range out {
		at := int64(i) * int64(fromHz)
		begin, between := int(at/int64(toHz))-reach+1, int(at%int64(toHz))*places // in input samples, and places of toHz
		place, part := between/toHz, float32(between%toHz)/float32(toHz)
		first, last := max(begin, 0), min(begin+2*reach, len(pcm))
		in := pcm[first:last]
		sum := dot(in, table[place][first-begin:])
		if part > 0 {
			sum += part * (dot(in, table[place+1][first-begin:]) - sum)
		}
		out[i] = toInt16(sum)
	}
	return out
}

func dot(in []int16, filter []float32) float32 {
	sum := float32(0)
	filter = filter[:len(in)]
	for i, v := range in {
		sum += float32(v) * filter[i]
	}
	return sum
}

func gcd(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// sincTable has a filter for each of the places between two input samples, and for the second of these.
func sincTable(cutoff float64, reach, places int) [][]float32 {
	table := make([][]float32, places+1)
	for p := range table {
		row, sum := make([]float32, 2*reach), 0.
		for k := range row {
			x := float64(k-reach+1) - float64(p)/float64(places)
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

// kaiserAt0 is what the window is divided by.
var kaiserAt0 = bessel(kaiserBeta)

// kaiser is the window at x, -1 to 1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(kaiserBeta*math.Sqrt(1-x*x)) / kaiserAt0
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
