package mixer

import "math"

// What of a clip is somebody speaking.
const (
	spokenLeast  = 8 // frames of voice in all: what is shorter is a click or a cough
	spokenMargin = 5 // frames before the voice and behind it that belong to it
	spokenPeak   = 0.97
)

// Spoken is what is said in a clip, without what comes before and behind it, at the level to which AGC brings voices; nil where nobody speaks in it. The clip itself
// stays as it is, and a nil one is one in which nobody speaks.
func Spoken(c *Clip) *Clip {
	if c == nil {
		return nil
	}
	first, end, gain := c.voice()
	if end == 0 {
		return nil
	}
	s := &Clip{Name: c.Name, RateHz: c.RateHz, PCM: make([]int16, end-first)}
	for i, v := range c.PCM[first:end] {
		s.PCM[i] = int16(math.Round(gain * float64(v)))
	}
	return s
}

// voice is where the voice in a clip begins and ends, in samples, and the gain that it needs; end is 0 where there is none. The clip is gone through twice: what its
// background is has to be known from the first frame on.
func (c *Clip) voice() (first, end int, gain float64) {
	size := FrameSamples(c.RateHz)
	var v VAD
	for at := 0; at+size <= len(c.PCM); at += size {
		v.Observe(c.PCM[at:at+size], c.RateHz)
	}
	voiced, power, peak := 0, 0.0, 0.0
	for at := 0; at+size <= len(c.PCM); at += size {
		frame := c.PCM[at : at+size]
		if !v.Observe(frame, c.RateHz) || !v.Loud() {
			continue
		}
		if voiced == 0 {
			first = max(at-(vadOnsetFrames+spokenMargin)*size, 0)
		}
		voiced++
		power += v.level
		end = min(at+(1+spokenMargin)*size, len(c.PCM))
	}
	if voiced < spokenLeast {
		return 0, 0, 0
	}
	for _, s := range c.PCM[first:end] {
		peak = max(peak, math.Abs(float64(s)))
	}
	db := min(max(agcTargetDBFS-powerDB(power/float64(voiced)), agcLeastDB), agcMostDB)
	return first, end, min(math.Pow(10, db/20), spokenPeak*math.MaxInt16/peak)
}
