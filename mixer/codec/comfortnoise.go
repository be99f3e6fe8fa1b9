package codec

import (
	"fmt"
	"math"
)

// ComfortNoise is what is heard while a sender is silent: by the description of its background that it sends instead (RFC 3389), or
// by what its background has sounded like. It is no [Decoder]: how long a pause lasts is not known here.
//
// One goroutine owns it. After NewComfortNoise nothing allocates.
type ComfortNoise struct {
	smoothing float32 // share of the way to the target, each noiseStep samples
	seed      uint32
	given     bool // a description has come

	level, target noiseShape
	gain          float32 // of the white noise that goes into the filter
	left          int     // samples until level moves on
	order         int     // of the filter: how many coefficients differ from 0
	memory        [maxNoiseOrder + 1]float32
}

const (
	// maxNoiseOrder is how many coefficients are used; the rest of a longer description is left out (RFC 3389 §3.2).
	maxNoiseOrder = 12
	// maxNoiseMirror bounds a coefficient: nearer to 1 the noise is a whistle that takes seconds to start and to stop.
	maxNoiseMirror = 0.98
	// loudestNoise is the loudest level that is believed, in −dBov: speech itself is at about 26 (ITU-T P.56).
	loudestNoise = 30
	noiseStep    = 16    // samples between two steps of a change
	noiseChange  = 0.030 // seconds: time constant of a change
	noiseCoarse  = 258.0 / 32768
	noiseThere   = 0.001 // a coefficient so near to its target is there
	noiseUp      = 32768 // above 0, no sample is below it

	// loudestHeard is the loudest background that is imitated, in −dBFS: what is louder is rather what is left of a word.
	loudestHeard = 37
	quietWord    = 45   // what there is between words that follow on each other, in −dBFS
	usualNoise   = 55   // a background of which nothing is known, in −dBFS,
	usualNoiseHz = 1000 // falls from here on
	silenceDBFS  = -127
	fullSineRMS  = 32768 / math.Sqrt2
	noiseWord    = 2    // over the least that a background was, 6 dB: what is louder is none (as for mixer.VAD)
	noiseOver    = 1.41 // 3 dB, that noise is over it at the most: it must not pass for talk
	noiseMean    = 1.12 // 1 dB, that a background is over it on average
	leastNoise   = 2    // an rms that is worth making
)

var (
	errNoiseEmpty    = fmt.Errorf("%w: comfort noise: no level (RFC 3389 §3.1)", ErrPayload)
	errNoiseReserved = fmt.Errorf("%w: comfort noise: reserved coefficient (RFC 3389 §3.2)", ErrPayload)
)

// NewComfortNoise makes a generator for sound at rateHz, the sample rate of the codec whose pauses are described. It is
// silent until the first Update or Imitate.
func NewComfortNoise(rateHz int) *ComfortNoise {
	c := &ComfortNoise{
		smoothing: float32(1 - math.Exp(-noiseStep/(noiseChange*float64(rateHz)))),
		seed:      1,
	}
	c.target.mirror[0] = float32(-math.Exp(-2 * math.Pi * usualNoiseHz / float64(rateHz)))
	return c
}

// Background is what is known of a sender's noise, in dBFS.
type Background struct {
	Quietest float64 // the least that there was of him lately: noise, or what is left of words
	Steady   float64 // noise that was found out for sure; -127: none was
}

// Imitate makes the noise sound like pcm, the last 10 or 20 ms that were heard, at once: nothing must be heard of it now. Where pcm is
// clearly louder than b it is a word that was cut off: then the noise is what is known of the background, and keeps its spectrum. It
// reports false where that is not worth making.
func (c *ComfortNoise) Imitate(pcm []int16, b Background) bool {
	var sound overheard
	least, s := rmsAt(b.Quietest), noiseShape{rms: sound.hear(pcm)}
	if s.rms > least*noiseWord {
		s = c.usual(b)
	} else {
		s.mirror = sound.mirrors()
	}
	s.rms = min(s.rms, least*noiseOver, rmsAt(-loudestHeard))
	c.given, c.target, c.level, c.left = true, s, s, 0
	return s.rms >= leastNoise
}

// usual is the background behind a word: the quietest that there was, if that cannot be what was left of words, or else the steady
// noise, that of the last pause, or that of a quiet room.
func (c *ComfortNoise) usual(b Background) noiseShape {
	s := c.target
	switch {
	case b.Quietest <= -quietWord:
		s.rms = rmsAt(b.Quietest) * noiseMean
	case b.Steady > silenceDBFS:
		s.rms = rmsAt(b.Steady)
	case !c.given:
		s.rms = rmsAt(-usualNoise)
	}
	return s
}

// rmsAt is the rms of noise of a level in dBFS, at which a sine of full scale is at 0.
func rmsAt(dBFS float64) float32 { return float32(fullSineRMS * math.Pow(10, dBFS/20)) }

// Update takes the payload of a comfort noise packet: a level in −dBov and any number of reflection coefficients
// (RFC 3389 §3). The first one holds at once, for the caller fades it in; later ones, and any behind an Imitate, are gone over to within some 100 ms.
// The error is ErrPayload; the noise is then as it was.
func (c *ComfortNoise) Update(payload []byte) error {
	if len(payload) == 0 {
		return errNoiseEmpty
	}
	var s noiseShape
	level := max(int(payload[0]&0x7f), loudestNoise) // the first bit is not used: §3.1
	s.rms = float32(-math.MinInt16 * math.Pow(10, -float64(level)/20))
	coefficients := payload[1:min(len(payload), 1+maxNoiseOrder)]
	for i, n := range coefficients {
		if n == math.MaxUint8 {
			return errNoiseReserved
		}
		s.mirror[i] = min(max((float32(n)-127)*noiseCoarse, -maxNoiseMirror), maxNoiseMirror)
	}
	c.target = s
	if !c.given {
		c.given, c.level, c.left = true, s, 0
	}
	return nil
}

// Generate fills dst with the noise that follows on what it made before.
func (c *ComfortNoise) Generate(dst []int16) {
	if !c.given {
		clear(dst)
		return
	}
	for i := range dst {
		if c.left == 0 {
			c.approach()
			c.left = noiseStep
		}
		c.left--
		v := min(max(c.filter(c.gain*c.white()), math.MinInt16), math.MaxInt16)
		dst[i] = int16(int32(v+noiseUp+0.5) - noiseUp) // rounded without asking for its sign, which nobody can foresee
	}
}

// approach goes a step from the present shape towards the target, and finds the gain that has the level come out of the
// filter: its energy is that of the input over the product of 1 − k².
func (c *ComfortNoise) approach() {
	c.level.rms += (c.target.rms - c.level.rms) * c.smoothing
	through, order := float32(1), 0
	for i := range c.level.mirror {
		k := &c.level.mirror[i]
		away := c.target.mirror[i] - *k
		*k += away * c.smoothing
		if away > -noiseThere && away < noiseThere {
			*k = c.target.mirror[i]
		}
		through *= 1 - *k**k
		if *k != 0 {
			order = i + 1
		}
	}
	if order > c.order {
		clear(c.memory[c.order+1 : order+1])
	}
	c.order = order
	c.gain = c.level.rms * float32(math.Sqrt(float64(through)))
}

// white is noise of variance 1, evenly distributed.
func (c *ComfortNoise) white() float32 {
	c.seed = c.seed*1664525 + 1013904223
	return float32(int32(c.seed)) * (math.Sqrt2 * 1.2247449 / (1 << 31)) // √3 at the most
}

// filter is the all-pole lattice 1/A(z) where A of the first order is 1 + k z⁻¹. It is stable however the coefficients
// move, as long as none reaches 1.
func (c *ComfortNoise) filter(in float32) float32 {
	for i := c.order - 1; i >= 0; i-- {
		k := c.level.mirror[i]
		in -= k * c.memory[i]
		c.memory[i+1] = c.memory[i] + k*in
	}
	c.memory[0] = in
	return in
}
