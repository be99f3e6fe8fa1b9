package metric

import "math"

// resampleLobes is how many zero crossings of the sinc are used to either side.
const resampleLobes = 24

// Resample brings pcm from one sampling rate to another, without delay: sample 0 stays at time 0. What is above 94 % of half
// of the lower rate is taken out.
func Resample(pcm []float64, fromHz, toHz int) []float64 {
	if fromHz == toHz {
		return append([]float64(nil), pcm...)
	}
	divisor := gcd(fromHz, toHz)
	up, down := toHz/divisor, fromHz/divisor
	cutoff := 0.94 * min(1, float64(toHz)/float64(fromHz)) // of half of fromHz
	half := int(resampleLobes/cutoff) + 1
	filters := make([][]float64, up)
	for phase := range filters {
		filters[phase] = sincAt(float64(phase)/float64(up), cutoff, half)
	}
	out := make([]float64, (len(pcm)*up+down-1)/down)
	for i := range out {
		center, filter := i*down/up, filters[i*down%up]
		sum := 0.0
		for j := max(center-half, 0); j <= min(center+half, len(pcm)-1); j++ {
			sum += pcm[j] * filter[j-center+half]
		}
		out[i] = sum
	}
	return out
}

// sincAt is a low pass of 2·half+1 taps whose middle lies so far behind the middle tap, normalised to a gain of 1.
func sincAt(behind, cutoff float64, half int) []float64 {
	taps := make([]float64, 2*half+1)
	sum := 0.0
	for i := range taps {
		x := float64(i-half) - behind
		window := 0.5 + 0.5*math.Cos(math.Pi*x/float64(half+1))
		taps[i] = cutoff * window
		if x != 0 {
			taps[i] = math.Sin(math.Pi*cutoff*x) / (math.Pi * x) * window
		}
		sum += taps[i]
	}
	for i := range taps {
		taps[i] /= sum
	}
	return taps
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
