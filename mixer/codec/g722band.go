package codec

import "math"

// g722Band is one of the two bands that G.722 splits sound into: what is predicted of it, and how coarsely the difference
// is written (ITU-T G.722 §3.3 to §3.6, §4). Encoder and decoder hold the same, as long as no packet is lost.
type g722Band struct {
	predicted int32 // s: the next sample
	zeros     int32 // sz: the share of it that the differences have

	poles          [2]int32 // a1, a2
	weights        [6]int32 // b1 to b6
	differences    [6]int32 // d, the last first
	reconstructed  int32    // r, the last
	partial        [2]int32 // p, the last two
	logScale, step int32    // nb and Δ: how coarse
}

func newG722Bands() (low, high g722Band) {
	return g722Band{step: 32}, g722Band{step: 8}
}

// Tables of ITU-T G.722, by the code of a difference where nothing else is said.
var (
	// g722Low and g722High are the differences in units of the step: 4 bits of the lower band, which alone move the
	// prediction (table 17), and the 2 bits of the upper one (table 21).
	g722Low  = [16]int32{0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0}
	g722High = [4]int32{-7408, -1616, 7408, 1616}
	// g722Fine is the lower band's with all 6 bits, for what is heard (table 19).
	g722Fine = [64]int32{
		-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
		-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
	}
	// g722Bounds are the decision levels of the lower band (table 14).
	g722Bounds = [30]int32{
		0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458,
		1612, 1765, 1980, 2195, 2557, 2919,
	}
	// g722LowGrowth and g722HighGrowth are what a difference adds to the logarithm of the step (tables 18 and 22).
	g722LowGrowth  = [16]int32{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60}
	g722HighGrowth = [4]int32{798, -214, 798, -214}
	// g722Antilog is 2048 · 2^(i/32) (table 20).
	g722Antilog = [32]int32{
		2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
		2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
	}
)

const (
	g722LowGrowthMax  = 18432
	g722HighGrowthMax = 22528
	g722LowShift      = 8
	g722HighShift     = 10
)

// low moves the lower band on by the upper 4 bits of a code.
func (b *g722Band) low(code int32) {
	difference := b.step * g722Low[code] >> 15
	b.scale(g722LowGrowth[code], g722LowGrowthMax, g722LowShift)
	b.adapt(difference)
}

// high moves the upper band on by a code, and returns the sample that it stands for.
func (b *g722Band) high(code int32) int32 {
	difference := b.step * g722High[code] >> 15
	heard := g722Clip(b.predicted + difference)
	b.scale(g722HighGrowth[code], g722HighGrowthMax, g722HighShift)
	b.adapt(difference)
	return heard
}

// heard is the sample that all 6 bits of a lower band's code stand for. It moves nothing.
func (b *g722Band) heard(code int32) int32 {
	return g722Clip(b.predicted + b.step*g722Fine[code]>>15)
}

// scale adapts the step (§3.5).
func (b *g722Band) scale(growth, most, shift int32) {
	b.logScale = min(max(b.logScale*127>>7+growth, 0), most)
	linear := g722Antilog[b.logScale>>6&31]
	if down := shift - b.logScale>>11; down >= 0 {
		b.step = linear >> down << 2
	} else {
		b.step = linear << -down << 2
	}
}

// adapt takes the difference of the sample that was, and predicts the next (§3.6).
func (b *g722Band) adapt(difference int32) {
	reconstructed := saturate(b.predicted + difference)
	partial := saturate(b.zeros + difference)
	b.adaptPoles(partial)
	b.partial[1], b.partial[0] = b.partial[0], partial

	gain := int32(128)
	if difference == 0 {
		gain = 0
	}
	sum := int32(0)
	newer := difference
	for i := range b.weights {
		older := b.differences[i]
		// −1 where the signs differ, else 0.
		opposite := (older ^ difference) >> 31
		w := saturate((gain ^ opposite) - opposite + b.weights[i]*32640>>15)
		b.weights[i] = w
		sum += w * saturate(2*newer) >> 15
		b.differences[i] = newer
		newer = older
	}
	b.zeros = saturate(sum)
	poles := saturate(b.poles[0]*saturate(2*reconstructed)>>15 + b.poles[1]*saturate(2*b.reconstructed)>>15)
	b.reconstructed = reconstructed
	b.predicted = saturate(poles + b.zeros)
}

// adaptPoles is UPPOL1 and UPPOL2.
func (b *g722Band) adaptPoles(partial int32) {
	first := saturate(4 * b.poles[0])
	one := int32(-192)
	if partial^b.partial[0] >= 0 { // the same sign
		first, one = min(-first, math.MaxInt16), 192
	}
	two := int32(-128)
	if partial^b.partial[1] >= 0 {
		two = 128
	}
	two = min(max(two+first>>7+b.poles[1]*32512>>15, -12288), 12288)
	limit := 15360 - two
	b.poles[0] = min(max(saturate(one+b.poles[0]*32640>>15), -limit), limit)
	b.poles[1] = two
}

// quantizeLow finds the 6 bits of a difference in the lower band (§3.3, table 14).
func (b *g722Band) quantizeLow(sample int32) int32 {
	difference := saturate(sample - b.predicted)
	size := difference ^ difference>>31 // −d − 1 below 0
	low, high := int32(1), int32(30)    // the first bound above size, by halving
	for low < high {
		middle := (low + high) / 2
		if size < g722Bounds[middle]*b.step>>12 {
			high = middle
		} else {
			low = middle + 1
		}
	}
	switch {
	case difference >= 0:
		return 62 - low
	case low < 3:
		return 64 - low
	}
	return 34 - low
}

// quantizeHigh finds the 2 bits of a difference in the upper band.
func (b *g722Band) quantizeHigh(sample int32) int32 {
	difference := saturate(sample - b.predicted)
	size := difference ^ difference>>31
	code := int32(1)
	if size >= b.step*564>>12 {
		code = 0
	}
	if difference >= 0 {
		code |= 2
	}
	return code
}

// g722Clip holds a band's sample to its 15 bits.
func g722Clip(v int32) int32 { return min(max(v, -1<<14), 1<<14-1) }

func saturate(v int32) int32 { return min(max(v, math.MinInt16), math.MaxInt16) }
