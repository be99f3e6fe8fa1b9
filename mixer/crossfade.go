package mixer

import "math"

// Crossfade writes to dst a frame that begins as a and ends as b: for where a frame's worth of sound is left out,
// what would have been heard next leads into what is heard instead. All three have the same length; dst may be a or
// b. The fade is half as long as the frame and stands where the two look most alike.
func Crossfade(dst, a, b []int16) {
	n := len(dst)
	a, b = a[:n], b[:n]
	length := n / 2
	start := bestSplice(a, b, length)
	copy(dst[:start], a[:start])
	for i := start; i < start+length; i++ {
		w := float32(i-start+1) / float32(length+1)
		dst[i] = roundToInt16((1-w)*float32(a[i]) + w*float32(b[i]))
	}
	copy(dst[start+length:], b[start+length:])
}

// bestSplice is the place at which length samples of a and b correlate best. It looks at every fortieth of a frame,
// and at 80 samples there.
func bestSplice(a, b []int16, length int) int {
	hop := max(len(a)/40, 1)
	stride := max(length/80, 1)
	best, peak := 0, math.Inf(-1)
	for start := 0; start+length <= len(a); start += hop {
		var cross, ea, eb float64
		for i := start; i < start+length; i += stride {
			x, y := float64(a[i]), float64(b[i])
			cross += x * y
			ea += x * x
			eb += y * y
		}
		if r := cross / math.Sqrt(ea*eb+1); r > peak {
			best, peak = start, r
		}
	}
	return best
}
