package metric

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	spectrumMillis = 32     // a frame
	faintest       = -100.0 // dBFS of a band: what is fainter is nothing at all
)

// SpectralDistance is by how many dB the spectrum of heard differs from that of said, its equal in time: over all frames in
// which somebody speaks, the mean difference of the level of each third of an octave from 150 Hz to what both rates have, but
// for the bands in which a frame of said has next to nothing. The level as a whole does not count.
func SpectralDistance(said, heard []float64, rateHz int) float64 {
	size := rateHz * spectrumMillis / 1000
	active := Active(said, rateHz)
	gain := Gain(said, heard, rateHz)
	sum, count := 0.0, 0
	fft, w := fourier.NewFFT(size), hann(size)
	for from := 0; from+size <= min(len(said), len(heard)); from += size / 2 {
		if !active[from*1000/rateHz/levelMillis] {
			continue
		}
		a, b := thirds(fft, w, said[from:from+size], rateHz), thirds(fft, w, heard[from:from+size], rateHz)
		loudest := Silence
		for _, level := range a {
			loudest = max(loudest, level)
		}
		for k := range a {
			if a[k] > loudest-30 {
				sum += math.Abs(max(b[k], faintest) - gain - a[k])
				count++
			}
		}
	}
	return sum / float64(max(count, 1))
}

// thirds are the levels of a frame in each third of an octave.
func thirds(fft *fourier.FFT, w, frame []float64, rateHz int) []float64 {
	windowed := make([]float64, len(frame))
	for i, x := range frame {
		windowed[i] = x * w[i]
	}
	bins := fft.Coefficients(nil, windowed)
	var out []float64
	for center := 200.0; center*1.13 < min(float64(rateHz)/2*0.9, 7000); center *= math.Cbrt(2) {
		from, to := int(center/1.123*float64(len(frame))/float64(rateHz)), int(center*1.123*float64(len(frame))/float64(rateHz))
		power := 0.0
		for _, c := range bins[from : max(to, from)+1] {
			power += real(c)*real(c) + imag(c)*imag(c)
		}
		out = append(out, decibels(8*power/float64(len(frame))/float64(len(frame))))
	}
	return out
}

// BandDBFS is the level of what pcm has between two frequencies.
func BandDBFS(pcm []float64, fromHz, toHz float64, rateHz int) float64 {
	size := rateHz * spectrumMillis / 1000
	fft, w := fourier.NewFFT(size), hann(size)
	windowed := make([]float64, size)
	power, frames := 0.0, 0
	for from := 0; from+size <= len(pcm); from += size / 2 {
		for i, g := range w {
			windowed[i] = pcm[from+i] * g
		}
		bins := fft.Coefficients(nil, windowed)
		for k := int(fromHz * float64(size) / float64(rateHz)); k < int(toHz*float64(size)/float64(rateHz)) && k < len(bins); k++ {
			power += cmplx.Abs(bins[k]) * cmplx.Abs(bins[k])
		}
		frames++
	}
	// A sine of amplitude 1 has |bin| of size/4 in the middle of the window's lobe, and 1.5 times its power over all of it.
	return decibels(power / float64(max(frames, 1)) / (1.5 * float64(size) * float64(size) / 16))
}

// Distortion is the power of what is in heard but not in said, its equal in time, against that of heard, in dB: of each 20 ms,
// the part that no gain makes of said. Frames in which next to nothing is said do not count.
func Distortion(said, heard []float64, rateHz int) float64 {
	size := rateHz * levelMillis / 1000
	active := Active(said, rateHz)
	var rest, all float64
	for i, on := range active {
		if !on || (i+1)*size > min(len(said), len(heard)) {
			continue
		}
		a, b := said[i*size:(i+1)*size], heard[i*size:(i+1)*size]
		var cross, own, energy float64
		for j, x := range a {
			cross, own, energy = cross+x*b[j], own+x*x, energy+b[j]*b[j]
		}
		rest, all = rest+energy-cross*cross/own, all+energy
	}
	if all == 0 {
		return 0
	}
	return decibels(rest / all)
}

// Share is how much of said is in heard, its equal in time, by amplitude: the gain with which it explains most of it.
func Share(said, heard []float64) float64 {
	var cross, own float64
	for i, x := range said {
		cross, own = cross+x*heard[i], own+x*x
	}
	return cross / (own + 1e-12)
}

// Unexplained is the energy of heard that no sum of the parts, each with a gain of its own, explains, and all its energy. All
// are of the same length.
func Unexplained(parts [][]float64, heard []float64) (rest, all float64) {
	// Gram and Schmidt: what is left of heard when its projection on each part, less the parts before it, is taken away.
	left := append([]float64(nil), heard...)
	var basis [][]float64
	for _, part := range parts {
		own := dot(part, part)
		v := append([]float64(nil), part...)
		for _, b := range basis {
			subtract(v, b, dot(v, b)/dot(b, b))
		}
		if energy := dot(v, v); energy > 1e-6*own && energy > 1e-9 {
			basis = append(basis, v)
			subtract(left, v, dot(left, v)/energy)
		}
	}
	return dot(left, left), dot(heard, heard)
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

func subtract(a, b []float64, gain float64) {
	for i, x := range b {
		a[i] -= gain * x
	}
}
