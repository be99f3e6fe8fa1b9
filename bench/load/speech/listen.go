package speech

import "math"

// Level is the amplitude of a frequency in pcm, in dB of full scale: a Goertzel filter under a Hann window.
func Level(pcm []float64, hz float64) float64 {
	w := 2 * math.Pi * hz / Rate
	var s1, s2 float64
	for i, x := range pcm {
		hann := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(len(pcm)))
		s1, s2 = x*hann+2*math.Cos(w)*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - 2*math.Cos(w)*s1*s2
	amplitude := math.Sqrt(max(power, 0)) / (float64(len(pcm)) / 4)
	return 20 * math.Log10(max(amplitude, 1e-9))
}

// chirpAmplitude is of full scale; a signal that jumps between two values is all the louder for that.
const chirpAmplitude = 0.2

// Chirp is the sound that delay is measured with, of n samples: noise that is always the same and is like nothing
// else, so that it is found to the sample below speech and tones.
func Chirp(n int) []float64 {
	out := make([]float64, n)
	state := uint16(0xACE1) // a 16-bit shift register with feedback at 16, 14, 13, 11: the longest there is
	for i := range out {
		bit := (state ^ state>>2 ^ state>>3 ^ state>>5) & 1
		state = state>>1 | bit<<15
		out[i] = chirpAmplitude * (2*float64(bit) - 1)
	}
	return out
}

// Find returns where in pcm the pattern begins, and how sure that is: the normalized correlation, 1 if it is there
// alone.
func Find(pcm, pattern []float64) (at int, sure float64) {
	own := 0.0
	for _, x := range pattern {
		own += x * x
	}
	for i := 0; i+len(pattern) <= len(pcm); i++ {
		cross, energy := 0.0, 1e-9
		for j, x := range pattern {
			cross += x * pcm[i+j]
			energy += pcm[i+j] * pcm[i+j]
		}
		if r := cross / math.Sqrt(own*energy); r > sure {
			at, sure = i, r
		}
	}
	return at, sure
}
