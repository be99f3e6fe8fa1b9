package playout

import "github.com/confbridge/confbridge/mixer/codec"

// rampMS is in which comfort noise comes up, in milliseconds.
const rampMS = 20

// noiseSeconds is how long comfort noise goes on of which nothing more is heard: the sender may be gone.
const noiseSeconds = 30

// pause is what is heard while there is nothing to decode: comfort noise where the sender has described its background
// (RFC 3389), and between two codecs what the old one has left.
type pause struct {
	rateHz int
	noise  *codec.ComfortNoise
	on     bool    // it is to be heard, until the next sound
	age    int     // samples since it was described
	level  float32 // of it, 0 to 1: it comes and goes by a ramp
	left   []int16 // of the old codec's sound, at rateHz
}

// describe takes the payload of a comfort noise packet. One that is malformed changes nothing.
func (p *pause) describe(payload []byte) {
	if p.noise.Update(payload) == nil {
		p.on, p.age = true, 0
	}
}

// add lays comfort noise over dst, at most 20 ms, while nobody is sending.
func (p *pause) add(dst []int16) {
	if p.age += len(dst); p.age > noiseSeconds*p.rateHz {
		p.on = false
	}
	step := float32(1000) / float32(rampMS*p.rateHz)
	if !p.on {
		step = -step
	}
	p.mix(dst, step)
}

// mix adds noise to dst, whose level goes up or down by step a sample.
func (p *pause) mix(dst []int16, step float32) {
	if step <= 0 && p.level <= 0 {
		return
	}
	var made [frameMS * 48]int16
	dst = dst[:min(len(dst), len(made))]
	p.noise.Generate(made[:len(dst)])
	for i := range dst {
		p.level = min(max(p.level+step, 0), 1)
		dst[i] = rounded(float32(dst[i]) + p.level*float32(made[i]))
	}
}

// end lets the beginning of sound take over from what stood for it.
func (p *pause) end(pcm []int16) {
	p.on = false
	if len(p.left) == 0 && p.level <= 0 {
		return
	}
	n := min(joinMS*p.rateHz/1000, len(pcm))
	var from [joinMS * 48]int16
	copy(from[:n], p.left)
	fade(pcm[:n], from[:n], pcm[:n])
	p.mix(pcm[:n], -1/float32(n))
	p.left, p.level = nil, 0
}

// parting fills dst with what an old codec has left, silence behind it, and says whether there was any.
func (p *pause) parting(dst []int16) bool {
	if len(p.left) == 0 {
		return false
	}
	n := copy(dst, p.left)
	clear(dst[n:])
	p.left = p.left[n:]
	return true
}

// part makes s ready for a codec of another rate: what it has in its queue, and how that would fade out, is kept for as
// long as nothing comes from the new one.
func (s *Stream) part(rateHz int) {
	fading := s.need() * fadeOutMS / frameMS
	old := append(make([]int16, 0, len(s.queue)+fading), s.queue...)
	for range fadeOutMS / frameMS {
		end := len(old)
		old = old[:end+s.need()]
		s.silence(old[end:])
	}
	last := old[len(old)-s.need():]
	fade(last, last, make([]int16, len(last)))
	s.pause = pause{noise: s.pause.noise}
	if !isBelow(old, 0) {
		s.pause.left = converted(old, s.format.SampleRateHz, rateHz)
	}
}

// converted is pcm at another rate, by straight lines between its samples: good enough for something that fades out.
func converted(pcm []int16, fromHz, toHz int) []int16 {
	out := make([]int16, len(pcm)*toHz/fromHz)
	for i := range out {
		at := i * fromHz
		k, part := at/toHz, float32(at%toHz)/float32(toHz)
		next := pcm[min(k+1, len(pcm)-1)]
		out[i] = rounded((1-part)*float32(pcm[k]) + part*float32(next))
	}
	return out
}
