package mixer

import "math"

// VAD says whether a leg is talking: its level is clearly above its own background, has been for 60 ms, or was
// less than half a second ago. Digital silence is never talk: as a gap between words it counts as a gap; where it lasts, the
// telephone has been muted, and what is known of the background stays as it was. The zero value is ready.
//
// The background is learnt in two ways. It is the quietest that the leg was within the last two seconds, so that the gaps
// between words keep speech above it. And what has kept one level for half a second without being a tone or a vowel is
// noise, and learnt at once, however loud it is: speech never keeps its level for so long.
//
// Level is the variance within 10 ms: an offset, hum and rumble, which are strong in what some telephones send and are never
// speech, count little.
type VAD struct {
	level  float64 // power of the last frame, full-scale sine = 1
	known  bool    // a frame has been observed
	offset float64 // mean of the samples, over the last seconds

	background background
	before     float64 // the noise when digital silence began; 0: none was known
	steady     steadiness
	noise      float64 // that steady has found last; 0: none yet
	zeros      int     // frames of digital silence in a row

	active  int // frames in a row above the threshold
	hang    int // frames that talk still lasts
	loud    bool
	talking bool
}

const (
	vadOnsetFrames = 3
	vadHangFrames  = 24
	vadGapFrames   = 25 // digital silence that is longer is no gap between words

	vadAboveFloor  = 7.943  // 9 dB
	vadLeast       = 6.3e-6 // -52 dBFS: below it nothing is talk
	loudAboveFloor = 3.981  // 6 dB
	loudLeast      = 1e-6   // -60 dBFS: below it nothing is loud

	offsetShare = 1.0 / 128 // of a new frame in the offset: 2.5 s to 63 %
)

// fullScaleSine is the mean square of a sine that reaches 32768.
const fullScaleSine = 32768.0 * 32768.0 / 2

// Observe takes the leg's frame of this tick, 20 ms at rateHz, and says whether the leg is talking. Frames of other lengths
// count as one.
func (v *VAD) Observe(frame []int16, rateHz int) (talking bool) {
	stride := max(rateHz/vadRateHz, 1)
	half := len(frame) / 2
	mean, power := moments(frame[:half], stride)
	mean2, power2 := moments(frame[half:], stride)
	if power == 0 && power2 == 0 {
		return v.Silence()
	}
	v.offset += ((mean+mean2)/2 - v.offset) * offsetShare
	level := max(power+power2-mean*mean-mean2*mean2, 0.5) / (2 * fullScaleSine)
	v.level, v.known, v.zeros = level, true, 0
	floor := v.background.floor()
	v.background.learn(level)
	if v.steady.observe(level, frame, stride) {
		v.noise = v.steady.level()
		v.background.settle(v.noise)
	}
	v.loud = level > loudLeast && level > floor*loudAboveFloor
	return v.decide(level > vadLeast && level > floor*vadAboveFloor)
}

// Silence is Observe for a tick in which the leg sent nothing: it costs next to nothing.
func (v *VAD) Silence() (talking bool) {
	v.level, v.known, v.loud = 0, true, false
	switch {
	case v.zeros < vadGapFrames:
		if v.zeros == 0 {
			v.before = min(v.noise, v.background.least())
		}
		v.background.learn(0)
	case v.zeros == vadGapFrames:
		if v.before > 0 {
			v.background.settle(v.before)
		}
		v.steady = steadiness{}
	}
	v.zeros = min(v.zeros+1, vadGapFrames+1)
	return v.decide(false)
}

// Unheard is Observe for a tick whose sound has been left out, for it cannot be talk: what is known of the level and the background stays.
func (v *VAD) Unheard() (talking bool) {
	v.loud = false
	return v.decide(false)
}

// Talking is what Observe said last.
func (v *VAD) Talking() bool { return v.talking }

// Loud says that the last frame stood above the background. It is the first hint that somebody begins to speak: three
// frames earlier than Talking, and wrong once in a while.
func (v *VAD) Loud() bool { return v.loud }

// Tonal says that the leg has kept one level for a while and is no noise: a tone, or a sung note. It is not talk either.
func (v *VAD) Tonal() bool { return v.zeros == 0 && v.steady.tonal && v.level > vadLeast }

// LevelDBFS is the level of the last frame, at least -127 as in RFC 6464.
func (v *VAD) LevelDBFS() float64 {
	if !v.known {
		return silenceDBFS
	}
	return powerDB(v.level)
}

// NoiseDBFS is the level of the noise that was found last, less where the leg has been quieter since; -127 before any was.
// Short gaps between words do not show it: they hold what is left of the words.
func (v *VAD) NoiseDBFS() float64 {
	if v.noise == 0 {
		return silenceDBFS
	}
	return powerDB(min(v.noise, v.background.least()))
}

// QuietestDBFS is the background that talk is told from: the least that the leg was in the last two seconds, -55 dBFS before that
// is known, and never less than -66.
func (v *VAD) QuietestDBFS() float64 { return powerDB(v.background.floor()) }

// Offset is the constant part of the sound, in units of a sample.
func (v *VAD) Offset() float64 { return v.offset }

// decide takes one frame's verdict through onset and hang-over.
func (v *VAD) decide(loud bool) bool {
	switch {
	case loud:
		v.active++
		if v.active >= vadOnsetFrames || v.talking {
			v.talking, v.hang = true, vadHangFrames
		}
	default:
		// One quiet frame between loud ones does not begin the onset anew.
		v.active = max(v.active-1, 0)
		if v.active >= vadOnsetFrames {
			v.active = vadOnsetFrames - 1
		}
		if v.hang > 0 {
			v.hang--
		}
		v.talking = v.hang > 0
	}
	return v.talking
}

// silenceDBFS stands for no sound at all (RFC 6464 §3).
const silenceDBFS = -127

// powerDB is the level in dBFS of a power as in VAD.
func powerDB(power float64) float64 {
	if power <= 0 {
		return silenceDBFS
	}
	return max(10*math.Log10(power), silenceDBFS)
}

// vadRateHz is what VAD looks at: of higher rates every so manieth sample. What is folded down by that has the same power,
// noise stays noise and a tone a tone.
const vadRateHz = 8000

// moments is the mean and the mean square of every stride-th sample.
func moments(frame []int16, stride int) (mean, power float64) {
	if stride > 1 {
		return sparseMoments(frame, stride)
	}
	if len(frame) == 0 {
		return 0, 0
	}
	n := float64(len(frame))
	var sum, squares int
	for len(frame) >= 4 { // written out: the loop's own work is as much as a sample's
		x := (*[4]int16)(frame)
		a, b, c, d := int(x[0]), int(x[1]), int(x[2]), int(x[3])
		sum += (a + b) + (c + d)
		squares += (a*a + b*b) + (c*c + d*d)
		frame = frame[4:]
	}
	for _, s := range frame {
		sum += int(s)
		squares += int(s) * int(s)
	}
	return float64(sum) / n, float64(squares) / n
}

func sparseMoments(frame []int16, stride int) (mean, power float64) {
	var sum, squares, n int
	for i := 0; i < len(frame); i += stride {
		v := int(frame[i])
		sum += v
		squares += v * v
		n++
	}
	if n == 0 {
		return 0, 0
	}
	return float64(sum) / float64(n), float64(squares) / float64(n)
}
