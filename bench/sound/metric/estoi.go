package metric

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"
)

// The parameters of Jensen and Taal, "An Algorithm for Predicting the Intelligibility of Speech Masked by Modulated Noise
// Maskers", IEEE/ACM Transactions on Audio, Speech and Language Processing 24(11), 2016, section II.
const (
	estoiRateHz   = 10000
	estoiFrame    = 256 // samples, by half of which frames move on
	estoiFFT      = 512
	estoiBands    = 15 // of a third of an octave
	estoiLowestHz = 150.0
	estoiSegment  = 30 // frames: 384 ms
	estoiSilence  = 40.0
)

// ESTOI is the extended short-time objective intelligibility of heard, against said, which must be equal to it in time: 1 if
// nothing was added to it or lost, 0 if nothing of it can be understood. The loudness of heard does not matter. 0 also where
// there is less than half a second of speech.
func ESTOI(said, heard []float64, rateHz int) float64 {
	n := min(len(said), len(heard))
	x := Resample(said[:n], rateHz, estoiRateHz)
	y := Resample(heard[:n], rateHz, estoiRateHz)
	x, y = dropSilence(x, y)
	a, b := bandEnvelopes(x), bandEnvelopes(y)
	if len(a) < estoiSegment {
		return 0
	}
	sum, count := 0.0, 0
	for from := 0; from+estoiSegment <= len(a); from++ {
		p, q := normalizedSegment(a[from:from+estoiSegment]), normalizedSegment(b[from:from+estoiSegment])
		for t := range p {
			for k := range p[t] {
				sum += p[t][k] * q[t][k]
			}
		}
		count++
	}
	return sum / float64(count) / estoiSegment
}

// hann is the window of a frame, without its zeros.
func hann(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/float64(n+1))
	}
	return w
}

// dropSilence takes the frames in which x is more than 40 dB below its loudest frame out of both.
func dropSilence(x, y []float64) (xs, ys []float64) {
	const hop = estoiFrame / 2
	w := hann(estoiFrame)
	var levels []float64
	loudest := math.Inf(-1)
	for from := 0; from+estoiFrame <= len(x); from += hop {
		energy := 0.0
		for i, g := range w {
			energy += x[from+i] * g * x[from+i] * g
		}
		levels = append(levels, 10*math.Log10(energy+1e-20))
		loudest = max(loudest, levels[len(levels)-1])
	}
	xs, ys = make([]float64, len(x)), make([]float64, len(x))
	to := 0
	for k, level := range levels {
		if level <= loudest-estoiSilence {
			continue
		}
		for i, g := range w {
			xs[to+i] += x[k*hop+i] * g
			ys[to+i] += y[k*hop+i] * g
		}
		to += hop
	}
	if to == 0 {
		return nil, nil
	}
	return xs[:to+hop], ys[:to+hop]
}

// bandEnvelopes is, for each frame, the amplitude in each third of an octave.
func bandEnvelopes(x []float64) [][estoiBands]float64 {
	var out [][estoiBands]float64
	w, fft := hann(estoiFrame), fourier.NewFFT(estoiFFT)
	edges := bandEdges()
	frame, bins := make([]float64, estoiFFT), make([]complex128, estoiFFT/2+1)
	for from := 0; from+estoiFrame <= len(x); from += estoiFrame / 2 {
		for i, g := range w {
			frame[i] = x[from+i] * g
		}
		fft.Coefficients(bins, frame)
		var e [estoiBands]float64
		for k, edge := range edges {
			for _, c := range bins[edge[0]:edge[1]] {
				a := cmplx.Abs(c)
				e[k] += a * a
			}
			e[k] = math.Sqrt(e[k])
		}
		out = append(out, e)
	}
	return out
}

// bandEdges is the first bin of each band, and the one behind its last.
func bandEdges() (edges [estoiBands][2]int) {
	bin := func(hz float64) int { return int(math.Round(hz * estoiFFT / estoiRateHz)) }
	for k := range edges {
		center := estoiLowestHz * math.Pow(2, float64(k)/3)
		edges[k] = [2]int{bin(center * math.Pow(2, -1.0/6)), bin(center * math.Pow(2, 1.0/6))}
	}
	return edges
}

// normalizedSegment takes the mean and the norm out of each band over time, and then of each frame over the bands.
func normalizedSegment(in [][estoiBands]float64) [][estoiBands]float64 {
	out := append([][estoiBands]float64(nil), in...)
	for k := range estoiBands {
		mean := 0.0
		for t := range out {
			mean += out[t][k] / float64(len(out))
		}
		norm := 0.0
		for t := range out {
			out[t][k] -= mean
			norm += out[t][k] * out[t][k]
		}
		for t := range out {
			out[t][k] /= math.Sqrt(norm) + 1e-12
		}
	}
	for t := range out {
		mean, norm := 0.0, 0.0
		for _, v := range out[t] {
			mean += v / estoiBands
		}
		for k := range out[t] {
			out[t][k] -= mean
			norm += out[t][k] * out[t][k]
		}
		for k := range out[t] {
			out[t][k] /= math.Sqrt(norm) + 1e-12
		}
	}
	return out
}
