package recorder

import (
	"github.com/confbridge/confbridge/mixer"
)

// A block's residual has a parameter of its own for each eighth of it, so that it follows how loud the sound is.
const (
	flacPartOrder = 3
	flacMaxRice   = 14 // 15 says that there is none (RFC 9639 §9.2.7)
	flacMaxOrder  = 4
)

// prediction is how a block is told: as one value, as it is, or by one of FLAC's fixed polynomials (RFC 9639 §9.2.5).
type prediction struct {
	kind     byte // flacConstant, flacVerbatim, flacFixed
	order    int
	rice     [1 << flacPartOrder]uint // parameters
	residual [flacBlock * mixer.MaxFrameSamples]uint32
}

// choose finds how a block is told in few bits. The sum of what a polynomial leaves says which; nothing is tried out.
func (p *prediction) choose(block []int32) {
	order, constant := bestOrder(block)
	length := len(block) >> flacPartOrder
	switch {
	case constant:
		p.kind = flacConstant
		return
	case length<<flacPartOrder != len(block) || length <= flacMaxOrder:
		p.kind = flacVerbatim
		return
	}
	p.kind, p.order = flacFixed, order
	fold(p.residual[:], block, order)
	bits := uint64(16 * order)
	for i := range p.rice {
		part := p.residual[i*length : (i+1)*length]
		if i == 0 {
			part = part[order:] // in front of which there is nothing to predict from
		}
		k, cost := riceParameter(part)
		p.rice[i] = k
		bits += cost
	}
	if bits >= uint64(16*len(block)) {
		p.kind = flacVerbatim
	}
}

// bestOrder is that of the polynomial which leaves the least, and whether all samples are the same.
func bestOrder(block []int32) (order int, constant bool) {
	if len(block) <= flacMaxOrder {
		return 0, false
	}
	var sums [flacMaxOrder + 1]uint64
	differs := int32(0)
	a, b, c, d := differences(block)
	for _, e0 := range block[flacMaxOrder:] {
		e1 := e0 - a
		e2 := e1 - b
		e3 := e2 - c
		e4 := e3 - d
		a, b, c, d = e0, e1, e2, e3
		differs |= e1
		sums[0] += uint64(abs(e0))
		sums[1] += uint64(abs(e1))
		sums[2] += uint64(abs(e2))
		sums[3] += uint64(abs(e3))
		sums[4] += uint64(abs(e4))
	}
	for i := range flacMaxOrder {
		differs |= block[i+1] - block[i]
	}
	for i, s := range sums {
		if s < sums[order] {
			order = i
		}
	}
	return order, differs == 0
}

// differences are the last sample of the first four, and its differences of the first three orders.
func differences(block []int32) (a, b, c, d int32) {
	a, b = block[3], block[3]-block[2]
	c = b - (block[2] - block[1])
	d = c - (block[2] - 2*block[1] + block[0])
	return a, b, c, d
}

func abs(v int32) uint32 {
	sign := v >> 31
	return uint32((v ^ sign) - sign)
}

// fold writes what the polynomial leaves of each sample but the first, as numbers without a sign: 0, -1, 1, -2 are 0, 1, 2, 3.
func fold(dst []uint32, block []int32, order int) {
	dst = dst[:len(block)]
	for i := order; i < len(block); i++ {
		var e int32
		switch x := block[i-order : i+1 : i+1]; order {
		case 0:
			e = x[0]
		case 1:
			e = x[1] - x[0]
		case 2:
			e = x[2] - 2*x[1] + x[0]
		case 3:
			e = x[3] - 3*x[2] + 3*x[1] - x[0]
		default:
			e = x[4] - 4*x[3] + 6*x[2] - 4*x[1] + x[0]
		}
		dst[i] = uint32(e<<1) ^ uint32(e>>31)
	}
}

// riceParameter is about the best one for some numbers, and about how many bits they then have.
func riceParameter(part []uint32) (k uint, bits uint64) {
	sum := uint64(0)
	for _, v := range part {
		sum += uint64(v)
	}
	n := uint64(len(part))
	for k < flacMaxRice && n<<(k+1) <= sum {
		k++
	}
	return k, n*uint64(k+1) + sum>>k
}
