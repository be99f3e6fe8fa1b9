package playout

import (
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// Times of comfort noise in milliseconds.
const (
	rampMS  = 20  // in which it comes up,
	holdMS  = 20  // behind so much of concealment: by then that is no louder than the noise may make it
	partMS  = 300 // in which it goes where it is over
	breakMS = 20  // by which a timestamp must jump ahead, where no packet is missing, for a break that the sender has made
)

// How long comfort noise goes on of which nothing more is heard: the sender may be gone.
const (
	noiseTime = 30 * time.Second        // where it is known to send nothing in its pauses
	aloneTime = 2500 * time.Millisecond // elsewhere: longer than most pauses of speech, and six times what Opus is silent for (400 ms)
)

// pause is what is heard while there is nothing to decode: comfort noise, and between two codecs what the old one has left. The noise is
// what the sender has described (RFC 3389), or else like what was heard last, as far as that is no louder than the background.
type pause struct {
	rateHz int
	noise  *codec.ComfortNoise
	voice  *mixer.VAD // knows the background; nil: nobody does
	lasts  int        // samples until the sender is taken for gone
	left   []int16    // of the old codec's sound, at rateHz
	level  float32    // of the noise, 0 to 1: it comes and goes by a ramp
	made   bool       // there is a noise that is worth hearing
	on     bool       // it is to be heard, until the next sound
	breaks bool       // the sender has sent nothing in a pause before
}

// Background says who knows how loud the background is: a VAD that is shown each frame that Pull returns. Without one there is
// comfort noise only where the sender has described it, nor where a filter takes noise out.
func (s *Stream) Background(v *mixer.VAD) { s.pause.voice = v }

// announced is what a packet says that has no sound, and stands for a pause. A description that is malformed changes nothing.
func (s *Stream) announced(p jitter.Packet) {
	switch {
	case !s.format.Pauses(p.Payload):
		s.pause.describe(p.Payload)
	case s.pause.made && s.ended.faded > 0: // or else it begins now, and overhear is to come
		s.pause.begin(aloneTime)
	}
}

// describe takes the payload of a comfort noise packet.
func (p *pause) describe(payload []byte) {
	if p.noise.Update(payload) == nil {
		p.made = true
		p.begin(noiseTime)
	}
}

// begin lets the noise be heard for so long, if nothing more is said.
func (p *pause) begin(d time.Duration) {
	p.on, p.lasts = true, int(d*time.Duration(p.rateHz)/time.Second)
}

// overhear makes a noise like what was heard last, at the moment at which nothing more comes. Behind a filter it makes none: what is known
// there is what the filter has left, and it would take its share of that again.
func (s *Stream) overhear() {
	p := &s.pause
	if p.voice == nil || p.on || p.level > 0 || s.filter.takes(s.format.SampleRateHz) {
		return
	}
	b := codec.Background{Quietest: p.voice.QuietestDBFS(), Steady: p.voice.NoiseDBFS()}
	if p.made = p.noise.Imitate(s.newest(), b); !p.made {
		return
	}
	if p.breaks && s.format.Name != codec.Opus {
		p.begin(noiseTime)
	} else {
		p.begin(aloneTime)
	}
}

// newest is the last 10 to 20 ms of sound that there were. What has been played is still in the queue's memory, behind its end.
func (s *Stream) newest() []int16 {
	n, frame := len(s.queue), s.need()
	if n >= frame/2 {
		return s.queue[max(n-frame, 0):]
	}
	return s.queue[n : n+frame]
}

// add lays comfort noise over dst while nobody is sending; silent says that dst has nothing in it.
func (p *pause) add(dst []int16, silent bool) {
	p.lasts = max(p.lasts-len(dst), 0)
	step := float32(1000) / float32(p.rateHz)
	switch {
	case !p.on:
		step /= -rampMS
	case p.lasts > 0:
		step /= rampMS
	default:
		step /= -partMS
		p.on = p.level > 0
	}
	if silent && step > 0 && p.level == 1 {
		p.noise.Generate(dst)
		return
	}
	p.mix(dst, step)
}

// withhold is add for so many samples that nobody hears, and says whether there would have been noise in them. When somebody hears it again it comes up anew.
func (p *pause) withhold(samples int) bool {
	p.lasts = max(p.lasts-samples, 0)
	p.on, p.level = p.on && p.lasts > 0, 0
	return p.on && p.made
}

// mix adds noise to dst, whose level goes up or down by step a sample.
func (p *pause) mix(dst []int16, step float32) {
	if step <= 0 && p.level <= 0 {
		return
	}
	var made [frameMS * 48]int16
	for len(dst) > 0 {
		n := min(len(dst), len(made))
		p.noise.Generate(made[:n])
		for i := range dst[:n] {
			p.level = min(max(p.level+step, 0), 1)
			dst[i] = rounded(float32(dst[i]) + p.level*float32(made[i]))
		}
		dst = dst[n:]
	}
}

// end lets the beginning of sound take over from what stood for it.
func (p *pause) end(pcm []int16) {
	p.on = false
	if len(p.left) == 0 && p.level <= 0 {
		return
	}
	n := min(joinMS*p.rateHz/1000, len(pcm))
	if len(p.left) > 0 { // elsewhere the decoder has faded its own sound in
		var from [joinMS * 48]int16
		copy(from[:n], p.left)
		fade(pcm[:n], from[:n], pcm[:n])
	}
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
		s.fadeOut(old[end:])
	}
	last := old[len(old)-s.need():]
	fade(last, last, make([]int16, len(last)))
	s.pause = pause{noise: s.pause.noise, voice: s.pause.voice}
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
