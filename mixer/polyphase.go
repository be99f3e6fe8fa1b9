package mixer

import "math"

// polyphase is the filter for one ratio L between two rates: 24 taps for each of L phases, in units of 1/65536.
// An upsampler takes its phases one by one; a downsampler takes them all, one after the other.
type polyphase struct {
	phases [6][resamplerTaps]int64  // phases[p][k] weighs the sample k places after the oldest
	whole  [6 * resamplerTaps]int64 // the same for downsampling, the oldest first
}

const polyphaseOne = 1 << 16

// The window's shape and by how many samples of the lower rate it reaches further than the filter: of all pairs the one
// with the lowest stop band from 1.15 of the lower Nyquist frequency on, 61.4 dB for each of the three ratios.
const (
	kaiserBeta  = 5.9
	kaiserReach = 0.5
)

var polyphases = [7]polyphase{2: makePolyphase(2), 3: makePolyphase(3), 6: makePolyphase(6)}

func makePolyphase(ratio int) polyphase {
	var p polyphase
	half := resamplerTaps / 2 * ratio
	tap := func(n int) float64 { // n counts from the middle, at the higher rate
		if n <= -half || n >= half {
			return 0
		}
		x := float64(n) / (float64(half) + kaiserReach*float64(ratio))
		return sinc(float64(n)/float64(ratio)) * besselI0(kaiserBeta*math.Sqrt(1-x*x)) / besselI0(kaiserBeta)
	}
	for phase := range ratio {
		sum := 0.0
		for k := range resamplerTaps {
			sum += tap((resamplerTaps/2-1-k)*ratio + phase)
		}
		for k := range resamplerTaps {
			p.phases[phase][k] = int64(math.Round(tap((resamplerTaps/2-1-k)*ratio+phase) / sum * polyphaseOne))
		}
	}
	sum := 0.0
	for i := range 2 * half {
		sum += tap(i - half)
	}
	for i := range 2 * half {
		p.whole[i] = int64(math.Round(tap(i-half) / sum * polyphaseOne))
	}
	return p
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// besselI0 is the modified Bessel function of order 0, by its series.
func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

// upsample fills dst with ratio samples for each one in work after the first 23. The sample of phase 0 is the one 12
// places back, unchanged: that phase of the filter is a single 1.
func upsample(dst, work []int16, ratio int) {
	table := &polyphases[ratio]
	for len(dst) >= ratio {
		taps := (*[resamplerTaps]int16)(work)
		dst[0] = taps[resamplerTaps/2-1]
		for p := 1; p < ratio; p++ {
			dst[p] = unscale(dot24(taps, &table.phases[p]))
		}
		dst, work = dst[ratio:], work[1:]
	}
}

// downsample fills dst with one sample for each ratio in work after the first 24 times ratio. The filter's middle
// stands 12 times ratio before the one that the sample is in step with.
func downsample(dst, work []int16, ratio int) {
	table := &polyphases[ratio]
	length := resamplerTaps * ratio
	for o := range dst {
		var acc int64
		for k := 0; k < length; k += resamplerTaps {
			acc += dot24((*[resamplerTaps]int16)(work[k:]), (*[resamplerTaps]int64)(table.whole[k:]))
		}
		dst[o] = unscale(acc)
		work = work[ratio:]
	}
}

// dot24 is written out so that the compiler keeps bounds checks and loop counting out of it.
func dot24(x *[resamplerTaps]int16, h *[resamplerTaps]int64) int64 {
	a := int64(x[0])*h[0] + int64(x[1])*h[1] + int64(x[2])*h[2] + int64(x[3])*h[3] +
		int64(x[4])*h[4] + int64(x[5])*h[5] + int64(x[6])*h[6] + int64(x[7])*h[7]
	b := int64(x[8])*h[8] + int64(x[9])*h[9] + int64(x[10])*h[10] + int64(x[11])*h[11] +
		int64(x[12])*h[12] + int64(x[13])*h[13] + int64(x[14])*h[14] + int64(x[15])*h[15]
	c := int64(x[16])*h[16] + int64(x[17])*h[17] + int64(x[18])*h[18] + int64(x[19])*h[19] +
		int64(x[20])*h[20] + int64(x[21])*h[21] + int64(x[22])*h[22] + int64(x[23])*h[23]
	return a + b + c
}

func unscale(acc int64) int16 {
	v := (acc + polyphaseOne/2) >> 16
	return int16(min(max(v, math.MinInt16), math.MaxInt16))
}

// rewarm brings what was kept of the input at another rate to the present one, so that the filter does not begin
// with silence. It interpolates (Catmull-Rom); that is rough, and gone after 3 ms.
func (r *Resampler) rewarm(src []int16) {
	if len(src) == 0 {
		return
	}
	old := r.kept
	// at is the old input i samples from the seam; from 0 on, the new one stands in.
	at := func(i int) float64 {
		if i < 0 {
			return float64(old[max(resamplerKeep+i, 0)])
		}
		return float64(src[min(i*r.fromHz/r.doneFromHz, len(src)-1)])
	}
	for j := 1; j <= resamplerKeep; j++ {
		where := -float64(j) * float64(r.doneFromHz) / float64(r.fromHz)
		i := int(math.Floor(where))
		r.kept[resamplerKeep-j] = roundToInt16(float32(catmullRom(at(i-1), at(i), at(i+1), at(i+2), where-float64(i))))
	}
}

// catmullRom is the value a part t of the way from b to c.
func catmullRom(a, b, c, d, t float64) float64 {
	return b + t/2*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a)))
}
