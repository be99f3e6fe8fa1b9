package dtmf

import "math"

const (
	blockMS = 5
	block   = rateHz * blockMS / 1000 // samples
	blocks  = 4                       // in a window
	window  = blocks * block
)

// Coefficients of Goertzel's algorithm for a block.
var (
	turns   [groups][tones]float32 // 2·cos ω
	ends    [groups][tones]phasor  // e^jω, for the value behind the last sample
	advance [groups][tones]phasor  // e^jω·block, which brings a block to the end of the next one
)

func init() {
	for g, group := range tonesHz {
		for i, hz := range group {
			w := 2 * math.Pi * hz / rateHz
			turns[g][i] = float32(2 * math.Cos(w))
			ends[g][i] = phasor{float32(math.Cos(w)), float32(math.Sin(w))}
			s, c := math.Sincos(w * block)
			advance[g][i] = phasor{float32(c), float32(s)}
		}
	}
}

// phasor is a complex number.
type phasor struct{ re, im float32 }

func (p phasor) power() float32 { return p.re*p.re + p.im*p.im }

func (p phasor) times(q phasor) phasor {
	return phasor{p.re*q.re - p.im*q.im, p.re*q.im + p.im*q.re}
}

// spectrum is how much of the tones there is in a block.
type spectrum [groups][tones]phasor

// measure is Goertzel's algorithm for the tones of both groups.
func (s *spectrum) measure(sound *[block]float32) {
	for g := range s {
		k0, k1, k2, k3 := turns[g][0], turns[g][1], turns[g][2], turns[g][3]
		var a0, a1, a2, a3, b0, b1, b2, b3 float32 // the last value of each tone, and the one before
		for _, x := range sound {
			a0, b0 = x+k0*a0-b0, a0
			a1, b1 = x+k1*a1-b1, a1
			a2, b2 = x+k2*a2-b2, a2
			a3, b3 = x+k3*a3-b3, a3
		}
		s[g] = [tones]phasor{
			settle(a0, b0, ends[g][0]), settle(a1, b1, ends[g][1]), settle(a2, b2, ends[g][2]), settle(a3, b3, ends[g][3]),
		}
	}
}

// settle makes of the last two values the sum of x(n)·e^jω(N-1-n).
func settle(last, before float32, end phasor) phasor {
	return phasor{last - before*end.re, before * end.im}
}

// powers are those of the tones in 10 ms: this block and the one before it.
type powers [groups][tones]float32

func join(before, now *spectrum) (p powers) {
	for g := range p {
		for i := range p[g] {
			b, n := before[g][i].times(advance[g][i]), now[g][i]
			p[g][i] = phasor{b.re + n.re, b.im + n.im}.power()
		}
	}
	return p
}

// strongest is the key whose tones are the strongest in the window, and the share of energy that both have by the sum of the
// three pairs of blocks in it. A sine of amplitude a adds (a·block)² to each.
func strongest(of *[blocks - 1]powers, energy float32) (key pair, share float32) {
	var best [groups]float32
	var at [groups]uint8
	for g := range tonesHz {
		for i := range uint8(tones) {
			sum := float32(0)
			for p := range of {
				sum += of[p][g][i]
			}
			if sum > best[g] {
				best[g], at[g] = sum, i
			}
		}
	}
	// The energy of a sine over the window is a²·window/2.
	each := float32(blocks-1) * block * block / (float32(window) / 2)
	return pair{at[0], at[1]}, (best[0] + best[1]) / (each * energy)
}
