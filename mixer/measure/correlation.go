package measure

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// Correlation says how much ref is in rec and how much later: the normalised cross-correlation, -1 to 1, where its
// magnitude is greatest within maxLag samples either way, and the lag in samples, positive where rec is behind
// ref. Each lag is normalised by the energy of what overlaps there; a lag at which less than half of the shorter one
// overlaps does not count. Both zero: there is nothing to compare.
//
// It is computed by Fourier transform: 10 s at 8000 Hz take some 50 ms.
func Correlation(ref, rec []int16, maxLag int) (peak float64, lag int) {
	if len(ref) == 0 || len(rec) == 0 {
		return 0, 0
	}
	least := (min(len(ref), len(rec)) + 1) / 2
	cross := crossCorrelate(ref, rec)
	size := len(cross)
	refEnergy, recEnergy := energies(ref), energies(rec)
	from, to := max(-maxLag, 1-len(ref)), min(maxLag, len(rec)-1)
	for l := from; l <= to; l++ {
		begin, end := max(0, -l), min(len(ref), len(rec)-l) // of what overlaps, in ref
		if end-begin < least {
			continue
		}
		e := (refEnergy[end] - refEnergy[begin]) * (recEnergy[end+l] - recEnergy[begin+l])
		if e <= 0 {
			continue
		}
		r := real(cross[(l+size)%size]) / math.Sqrt(e)
		if math.Abs(r) > math.Abs(peak) {
			peak, lag = r, l
		}
	}
	return min(max(peak, -1), 1), lag
}

// energies[i] is the energy of the first i samples; sums of squares of int16 stay exact in a float64.
func energies(pcm []int16) []float64 {
	sums := make([]float64, len(pcm)+1)
	for i, s := range pcm {
		sums[i+1] = sums[i] + float64(s)*float64(s)
	}
	return sums
}

// crossCorrelate is, at index l modulo its length, the sum over i of ref[i]·rec[i+l].
func crossCorrelate(ref, rec []int16) []complex128 {
	size := 1 << bits.Len(uint(len(ref)+len(rec)))
	// One transform for both: ref is the real part, rec the imaginary one.
	both := make([]complex128, size)
	for i, s := range ref {
		both[i] = complex(float64(s), 0)
	}
	for i, s := range rec {
		both[i] += complex(0, float64(s))
	}
	transform(both)
	product := make([]complex128, size)
	for k := range both {
		a, b := both[k], cmplx.Conj(both[(size-k)%size])
		x, y := (a+b)/2, (a-b)/2i
		// The inverse transform is the forward one of the conjugate, conjugated; the result is real.
		product[k] = cmplx.Conj(cmplx.Conj(x) * y)
	}
	transform(product)
	for i := range product {
		product[i] /= complex(float64(size), 0)
	}
	return product
}

// transform is the discrete Fourier transform in place; len(x) is a power of two.
func transform(x []complex128) {
	n := len(x)
	shift := 64 - bits.TrailingZeros(uint(n))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	roots := make([]complex128, n/2)
	for i := range roots {
		roots[i] = cmplx.Rect(1, -2*math.Pi*float64(i)/float64(n))
	}
	for length := 2; length <= n; length *= 2 {
		half, stride := length/2, n/length
		for start := 0; start < n; start += length {
			for i := range half {
				a, b := x[start+i], x[start+i+half]*roots[i*stride]
				x[start+i], x[start+i+half] = a+b, a-b
			}
		}
	}
}
