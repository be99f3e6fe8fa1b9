package mixer

import "math"

// steadiness tells noise by what it does not do: change. It looks at windows of a quarter of a second; two in a row without
// a swing, at one level, are noise or a tone, and a linear prediction tells which.
type steadiness struct {
	frames         int     // in the present window
	low, high, sum float64 // of their powers
	last, before   float64 // mean power of the last windows without a swing; 0: it had one
	tonal          bool    // the last was a tone
	stands         int     // windows for which that verdict stands while nothing changes
}

const (
	steadySwing   = 4.0 // 6 dB between the loudest frame and the quietest: pink noise has 5, a quarter of a second of speech 15
	steadyDrift   = 2.0 // 3 dB from one window to the next
	steadyVerdict = 6   // windows, 1.6 s
	tonalGain     = 8.0 // of the prediction, 9 dB: noise of telephones has up to 6, a tone more than 15, a vowel something between
	tonalOrder    = 8
	tonalSamples  = 160
)

// observe takes a frame's power, and the frame for a look at it once in a while, and says whether noise has been found.
func (s *steadiness) observe(level float64, frame []int16, stride int) (noise bool) {
	if s.frames == 0 {
		s.low, s.high, s.sum = level, level, 0
	}
	s.low, s.high = min(s.low, level), max(s.high, level)
	s.sum += level
	if s.frames++; s.frames < windowFrames {
		return false
	}
	s.frames = 0
	s.before, s.last = s.last, 0
	if s.high > s.low*steadySwing {
		s.tonal, s.stands = false, 0
		return false
	}
	s.last = s.sum / windowFrames
	goesOn := s.before > 0 && s.last < s.before*steadyDrift && s.before < s.last*steadyDrift
	if !goesOn || s.stands == 0 {
		s.tonal = s.last > vadLeast && predictionGain(frame, stride) > tonalGain
		s.stands = steadyVerdict
	}
	s.stands--
	return !s.tonal && goesOn
}

// level is the power of the noise that was found.
func (s *steadiness) level() float64 { return min(s.last, s.before) }

// predictionGain is how many times weaker a frame becomes when each sample is predicted from the 8 before it: 1 for white
// noise. The frame's differences are taken, under a Hann window: hum counts little, and slopes do not count.
func predictionGain(frame []int16, stride int) float64 {
	var x [tonalSamples]float32
	n := min((len(frame)-1)/stride, tonalSamples)
	for i := range max(n, 0) {
		x[i] = hann[i] * (float32(frame[(i+1)*stride]) - float32(frame[i*stride]))
	}
	var r [tonalOrder + 1]float64
	for lag := range r {
		var sum float32
		for i := lag; i < n; i++ {
			sum += x[i] * x[i-lag]
		}
		r[lag] = float64(sum)
	}
	return levinson(&r)
}

// levinson solves for the predictor by Levinson and Durbin's recursion and returns the gain that it has.
func levinson(r *[tonalOrder + 1]float64) float64 {
	if r[0] <= 0 {
		return 1
	}
	var a, next [tonalOrder + 1]float64
	left := r[0] * (1 + 1e-9)
	for i := 1; i <= tonalOrder; i++ {
		acc := r[i]
		for j := 1; j < i; j++ {
			acc -= a[j] * r[i-j]
		}
		k := acc / left
		next = a
		next[i] = k
		for j := 1; j < i; j++ {
			next[j] = a[j] - k*a[i-j]
		}
		a = next
		if left *= 1 - k*k; left <= r[0]*1e-6 {
			return 1e6
		}
	}
	return r[0] / left
}

// hann is the window that predictionGain looks through.
var hann = makeHann()

func makeHann() (w [tonalSamples]float32) {
	for i := range w {
		w[i] = float32(0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/tonalSamples))
	}
	return w
}
