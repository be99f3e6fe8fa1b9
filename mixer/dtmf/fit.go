package dtmf

import "math"

const (
	// glance is the length of the two windows, a block apart and out of the middle of the last 20 ms, whose phases are compared. Seen
	// through Hann's window the other group's tone is 30 dB down.
	glance = window - block
)

// hann is Hann's window.
var hann = func() (w [glance]float32) {
	for i := range w {
		w[i] = float32(0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/glance))
	}
	return w
}()

// trueHz is the frequency near hz of what is in the sound: hz, and what the phase against it turns by in a block. It can tell what
// lies within 100 Hz.
func trueHz(sound *[window]float32, hz float64) float64 {
	first, second := seen(sound[:glance], hz), seen(sound[block:], hz)
	// second against first is e^j2πfT: less what hz itself turns by, it is the difference.
	s, c := math.Sincos(2 * math.Pi * hz * block / rateHz)
	turn := second.times(phasor{first.re, -first.im}).times(phasor{float32(c), float32(-s)})
	return hz + math.Atan2(float64(turn.im), float64(turn.re))/(2*math.Pi)*rateHz/block
}

// seen is the sum of x·hann·e^-jωn.
func seen(sound []float32, hz float64) phasor {
	s, c := math.Sincos(2 * math.Pi * hz / rateHz)
	step, at := phasor{float32(c), float32(-s)}, phasor{1, 0}
	var sum phasor
	for i, x := range sound[:glance] {
		x *= hann[i]
		sum.re += x * at.re
		sum.im += x * at.im
		at = at.times(step)
	}
	return sum
}

// fit is two sines that are as near to a sound as any of their frequencies are.
type fit struct {
	power [groups]float64 // amplitudes, squared
	share float64         // of the sound's energy that is theirs
}

// unknowns are a cosine and a sine of each frequency.
const unknowns = 2 * groups

// fitted solves for the two sines by least squares: the energy of what is left is the least.
func fitted(sound *[window]float32, hz [groups]float64, energy float64) fit {
	var gram [unknowns][unknowns + 1]float64 // the last column is the right side
	var step, at [groups]struct{ re, im float64 }
	for g := range step {
		step[g].im, step[g].re = math.Sincos(2 * math.Pi * hz[g] / rateHz)
		at[g].re = 1
	}
	for _, x := range sound {
		v := [unknowns + 1]float64{at[0].re, at[0].im, at[1].re, at[1].im, float64(x)}
		for i := range unknowns {
			for j := i; j <= unknowns; j++ {
				gram[i][j] += v[i] * v[j]
			}
		}
		for g := range at {
			a, s := at[g], step[g]
			at[g].re, at[g].im = a.re*s.re-a.im*s.im, a.re*s.im+a.im*s.re
		}
	}
	var right [unknowns]float64
	for i := range unknowns {
		right[i] = gram[i][unknowns]
		for j := range i {
			gram[i][j] = gram[j][i]
		}
	}
	x := solved(&gram)
	explained := 0.0
	for i := range x {
		explained += x[i] * right[i]
	}
	return fit{power: [groups]float64{x[0]*x[0] + x[1]*x[1], x[2]*x[2] + x[3]*x[3]}, share: explained / energy}
}

// solved is Gauss's elimination. The matrix is that of four functions which differ: its diagonal stays far from zero without pivoting.
func solved(m *[unknowns][unknowns + 1]float64) (x [unknowns]float64) {
	for i := range unknowns {
		for k := i + 1; k < unknowns; k++ {
			f := m[k][i] / m[i][i]
			for j := i; j <= unknowns; j++ {
				m[k][j] -= f * m[i][j]
			}
		}
	}
	for i := unknowns - 1; i >= 0; i-- {
		x[i] = m[i][unknowns]
		for j := i + 1; j < unknowns; j++ {
			x[i] -= m[i][j] * x[j]
		}
		x[i] /= m[i][i]
	}
	return x
}
