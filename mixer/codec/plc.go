package codec

import "math"

// concealer fills the holes that lost packets leave in a waveform, in the manner of ITU-T G.711 Appendix I: it
// finds the pitch of what was heard last, repeats one pitch period of it, after 10 and 20 ms two and three (one
// alone would buzz), fades to silence at 60 ms, and overlaps its sound with the first packet that comes again.
// Unlike the appendix it holds nothing back: the edge into the loss is smoothed inside the loss, so it costs no delay.
//
// It works at any sample rate and is owned by one goroutine.
type concealer struct {
	rateHz  int
	history []int16 // what was played last, the oldest first
	frozen  []int16 // history as it was when the loss began

	lost    int  // samples made since the loss began
	inLoss  bool // the last call was conceal
	period  int  // of the pitch, in samples
	quarter int  // of a period: the length of the inner overlaps

	loop     reader // what is repeated
	fading   reader // what was repeated before loop grew
	fadeLeft int    // samples of fading still to come

	edge     float32 // step from the last sound heard to the repetition
	edgeLeft int     // samples over which it is still let go

	tail     int // length of the overlap with the sound that came back
	tailLeft int

	zeros int // samples of silence that came last and are not in history yet
}

// reader is a place in a loop over the last periods of the frozen history.
type reader struct{ periods, at int }

// Times of Appendix I in milliseconds.
const (
	concealFullMS    = 10 // at full level for so long
	concealSilentMS  = 60 // silent from here on
	concealPeriods   = 3  // repeated at the most
	concealMaxHz     = 200
	concealWindowMS  = 20 // what is compared to find the pitch
	concealTailMaxMS = 10
)

func newConcealer(rateHz int) *concealer {
	longest := longestPeriod(rateHz)
	n := concealPeriods*longest + longest/4
	return &concealer{rateHz: rateHz, history: make([]int16, n), frozen: make([]int16, n)}
}

func longestPeriod(rateHz int) int { return rateHz * 15 / 1000 }

// good takes samples that were received and, just after a loss, blends the concealment into them.
func (c *concealer) good(pcm []int16) {
	if c.inLoss {
		c.inLoss = false
		ms := c.rateHz / 1000
		c.tail = min(c.quarter+4*ms*(c.lost/(10*ms)), concealTailMaxMS*ms)
		c.tailLeft = c.tail
	}
	if c.tailLeft > 0 {
		for i := range pcm {
			if c.tailLeft == 0 {
				break
			}
			w := float32(c.tailLeft) / float32(c.tail+1)
			pcm[i] = roundToInt16(w*c.next() + (1-w)*float32(pcm[i]))
			c.tailLeft--
		}
	}
	c.remember(pcm)
}

// silent is good for so many samples of silence.
func (c *concealer) silent(samples int) {
	c.inLoss, c.tailLeft = false, 0
	c.zeros = min(c.zeros+samples, len(c.history))
}

// conceal fills pcm with sound in place of what was lost.
func (c *concealer) conceal(pcm []int16) {
	if !c.inLoss {
		c.begin()
	}
	for i := range pcm {
		pcm[i] = roundToInt16(c.next())
	}
	c.remember(pcm)
}

func (c *concealer) remember(pcm []int16) {
	c.recall()
	n := len(c.history)
	if len(pcm) >= n {
		copy(c.history, pcm[len(pcm)-n:])
		return
	}
	copy(c.history, c.history[len(pcm):])
	copy(c.history[n-len(pcm):], pcm)
}

// recall brings history up to date with silence.
func (c *concealer) recall() {
	if c.zeros > 0 {
		n := copy(c.history, c.history[c.zeros:])
		clear(c.history[n:])
		c.zeros = 0
	}
}

// begin starts a loss: the pitch is found, the loop is one period.
func (c *concealer) begin() {
	c.inLoss = true
	c.lost, c.fadeLeft, c.tailLeft = 0, 0, 0
	c.recall()
	copy(c.frozen, c.history)
	c.period = c.pitch()
	c.quarter = max(c.period/4, 1)
	c.loop = reader{periods: 1}
	n := len(c.frozen)
	c.edge = float32(c.frozen[n-1]) - float32(c.frozen[n-1-c.period])
	c.edgeLeft = c.quarter
}

// next is the following sample of the concealment, already faded.
func (c *concealer) next() float32 {
	ms := c.rateHz / 1000
	level := c.level()
	c.lost++
	if level == 0 {
		return 0
	}
	if (c.lost == 10*ms+1 || c.lost == 20*ms+1) && c.loop.periods < concealPeriods {
		c.fading, c.fadeLeft = c.loop, c.quarter
		c.loop = reader{periods: c.loop.periods + 1, at: c.loop.at % c.period}
	}
	v := c.read(&c.loop)
	if c.fadeLeft > 0 {
		w := float32(c.fadeLeft) / float32(c.quarter+1)
		v = w*c.read(&c.fading) + (1-w)*v
		c.fadeLeft--
	}
	if c.edgeLeft > 0 {
		v += c.edge * float32(c.edgeLeft) / float32(c.quarter+1)
		c.edgeLeft--
	}
	return v * level
}

// level is the fade: 1 for 10 ms, then down to 0 at 60 ms.
func (c *concealer) level() float32 {
	ms := c.rateHz / 1000
	over := c.lost - concealFullMS*ms
	if over <= 0 {
		return 1
	}
	return max(0, 1-float32(over)/float32((concealSilentMS-concealFullMS)*ms))
}

// read takes one sample of the loop. The last quarter period is overlapped with what stood before the loop's
// first sample, so that the end leads into the beginning.
func (c *concealer) read(r *reader) float32 {
	length := r.periods * c.period
	i := len(c.frozen) - length + r.at
	v := float32(c.frozen[i])
	if k := r.at - (length - c.quarter); k >= 0 {
		w := float32(k+1) / float32(c.quarter)
		v += w * (float32(c.frozen[i-length]) - v)
	}
	r.at++
	if r.at == length {
		r.at = 0
	}
	return v
}

// pitch is the period, in samples, at which the last 20 ms look most like what was before them: the maximum of the
// normalised cross-correlation, first on a coarse grid of 4 kHz, then finely around its best place.
func (c *concealer) pitch() int {
	shortest, longest := c.rateHz/concealMaxHz, longestPeriod(c.rateHz)
	coarse := max(c.rateHz/4000, 1)
	best, peak := longest, 0.0
	for lag := shortest; lag <= longest; lag += coarse {
		if r := c.likeness(lag, coarse); r > peak {
			best, peak = lag, r
		}
	}
	around := best
	peak = 0
	for lag := max(around-coarse, shortest); lag <= min(around+coarse, longest); lag++ {
		if r := c.likeness(lag, 1); r > peak {
			best, peak = lag, r
		}
	}
	return best
}

// likeness is the normalised cross-correlation of the frozen history's end with itself lag samples earlier.
func (c *concealer) likeness(lag, step int) float64 {
	n := len(c.frozen)
	window := c.rateHz / 1000 * concealWindowMS
	now, then := c.frozen[n-window:], c.frozen[n-window-lag:n-lag]
	var cross, energy int64
	for i := 0; i < len(now) && i < len(then); i += step {
		a, b := int64(now[i]), int64(then[i])
		cross += a * b
		energy += b * b
	}
	if cross <= 0 {
		return 0
	}
	return float64(cross) / math.Sqrt(float64(energy)+1)
}

func roundToInt16(v float32) int16 {
	switch {
	case v >= math.MaxInt16:
		return math.MaxInt16
	case v <= math.MinInt16:
		return math.MinInt16
	case v < 0:
		return int16(v - 0.5)
	}
	return int16(v + 0.5)
}
