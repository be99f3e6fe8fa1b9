package mixer

import "math"

// Gain is a level that can be changed while sound runs through it, without a click: a change takes 8 ms. The zero
// value passes everything as it is.
type Gain struct {
	// Both are the linear gain minus 1, so that zero is unity.
	now, target float32
	left        int // samples until now is target; -1: not begun
}

const (
	gainRampMS  = 8
	gainLargest = 256 // +48 dB: the most of AGC, and the most that a moderator sets above it
	gainPlaces  = 12  // of a gain in fixed point
)

// Set makes linear the gain, beginning with the next frame: 0 is muted, 1 leaves the sound as it is. It is kept
// between 0 and 256 (+48 dB); what is not a number is ignored.
func (g *Gain) Set(linear float64) {
	if math.IsNaN(linear) {
		return
	}
	target := float32(min(max(linear, 0), gainLargest)) - 1
	if target == g.target {
		return
	}
	g.target = target
	g.left = -1
}

// SetDB is Set in decibels; minus infinity is muted.
func (g *Gain) SetDB(db float64) { g.Set(math.Pow(10, db/20)) }

// Jump is Set without the ramp, for sound that has not begun yet.
func (g *Gain) Jump(linear float64) {
	g.Set(linear)
	g.now, g.left = g.target, 0
}

// Linear is the gain that was set, reached or not.
func (g *Gain) Linear() float64 { return float64(g.target) + 1 }

// Silent says that the gain is 0 and no ramp is under way: Apply would write nothing but zeros, so the frame
// need not be made at all.
func (g *Gain) Silent() bool { return g.left == 0 && g.now == -1 }

// Apply sets the level of frame in place, saturating.
func (g *Gain) Apply(frame []int16, rateHz int) {
	if g.left != 0 {
		frame = g.ramp(frame, rateHz)
	}
	switch g.now {
	case 0:
	case -1:
		clear(frame)
	default:
		scale(frame, int((1+g.now)*(1<<gainPlaces)+0.5))
	}
}

// ramp applies the part of frame that the ramp covers and returns the rest.
func (g *Gain) ramp(frame []int16, rateHz int) []int16 {
	if g.left < 0 {
		g.left = max(rateHz*gainRampMS/1000, 1)
	}
	n := min(g.left, len(frame))
	step := (g.target - g.now) / float32(g.left)
	for i, s := range frame[:n] {
		g.now += step
		frame[i] = roundToInt16((1 + g.now) * float32(s))
	}
	if g.left -= n; g.left == 0 {
		g.now = g.target
	}
	return frame[n:]
}

// scale multiplies frame by a gain in fixed point, saturating: half the time that it takes in floating point.
func scale(frame []int16, gain int) {
	for i, s := range frame {
		v := (int(s)*gain + 1<<(gainPlaces-1)) >> gainPlaces
		frame[i] = int16(min(max(v, math.MinInt16), math.MaxInt16))
	}
}
