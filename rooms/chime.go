package rooms

import (
	"math"

	"github.com/confbridge/confbridge/mixer"
)

// note is one tone of a chime.
type note struct{ hz, seconds float64 }

// What recordings are announced by. The beep is that of the telephone companies' rules: 1400 Hz, a fifth of a second.
var (
	chimeUp   = []note{{700, .2}, {1400, .3}}
	chimeDown = []note{{1400, .2}, {700, .3}}
	chimeBeep = []note{{1400, .2}}
)

const (
	chimeAmplitude = 3277 // −20 dBFS
	chimeRamp      = .01  // seconds in which it comes and goes
)

// chime is a few tones that everybody in the room hears. Its phase runs through from one to the next, and it comes and goes by a
// ramp, so that nothing clicks. The zero value is silent.
type chime struct {
	notes []note
	then  []note  // what is to follow it
	at    float64 // seconds into it
	phase float64 // in turns
	pcm   [mixer.MaxFrameSamples]int16
}

// play begins a chime, or has it follow the one that sounds; then the newest counts.
func (c *chime) play(notes []note) {
	if c.notes != nil {
		c.then = notes
		return
	}
	c.notes, c.at, c.phase = notes, 0, 0
}

// stop ends it at once: nobody is there to hear it.
func (c *chime) stop() { c.notes, c.then = nil, nil }

// next is its next 20 ms; nil where it is silent. It is valid until the next call.
func (c *chime) next(rateHz int) []int16 {
	if c.notes == nil {
		return nil
	}
	total := 0.0
	for _, n := range c.notes {
		total += n.seconds
	}
	step := 1 / float64(rateHz)
	pcm := c.pcm[:mixer.FrameSamples(rateHz)]
	for i := range pcm {
		level := min(c.at/chimeRamp, (total-c.at)/chimeRamp, 1)
		if level <= 0 {
			pcm[i] = 0
		} else {
			smooth := .5 - .5*math.Cos(math.Pi*level)
			pcm[i] = int16(math.Round(chimeAmplitude * smooth * math.Sin(2*math.Pi*c.phase)))
		}
		c.phase += c.hz() * step
		c.phase -= math.Floor(c.phase)
		c.at += step
	}
	if c.at > total-step/2 {
		c.notes, c.then = c.then, nil
		c.at, c.phase = 0, 0
	}
	return pcm
}

// hz is the tone at the present moment.
func (c *chime) hz() float64 {
	at := c.at
	for _, n := range c.notes {
		if at < n.seconds {
			return n.hz
		}
		at -= n.seconds
	}
	return c.notes[len(c.notes)-1].hz
}
