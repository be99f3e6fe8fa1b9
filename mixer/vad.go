package mixer

import "math"

// VAD says whether a leg is talking: its level is clearly above its own background, has been for 60 ms, or was
// less than half a second ago. The background is the quietest that the leg was within the last two seconds, so noise
// that goes on is learnt however loud it is, and the gaps between words keep speech above it. Digital silence is
// never talk. As a gap between words it counts as a gap; where it lasts, the telephone has been muted, and what is
// known of the background stays as it was. The zero value is ready.
type VAD struct {
	level float64 // power of the last frame, full-scale sine = 1
	known bool    // a frame has been observed

	background background
	before     background // as it was when digital silence began
	zeros      int        // frames of digital silence in a row

	active  int // frames in a row above the threshold
	hang    int // frames that talk still lasts
	talking bool
}

// background is what is known of a leg's noise. All are powers as in VAD.level.
type background struct {
	floors [vadWindows]float64 // least smoothed power in each of the last windows
	window int                 // the one that is being filled
	filled int                 // how many have been
	frames int                 // in the present window
	smooth float64
}

const (
	vadWindows      = 8
	vadWindowFrames = 13 // of 20 ms: 8 windows are 2.1 s
	vadOnsetFrames  = 3
	vadHangFrames   = 24
	vadGapFrames    = 25 // digital silence that is longer is no gap between words

	vadAboveFloor = 7.943  // 9 dB
	vadLeast      = 6.3e-6 // -52 dBFS: below it nothing is talk
	vadFloorFirst = 3.2e-6 // -55 dBFS: the background before one is known
)

// fullScaleSine is the mean square of a sine that reaches 32768.
const fullScaleSine = 32768.0 * 32768.0 / 2

// Observe takes the leg's frame of this tick and says whether the leg is talking. Frames of other lengths than
// 20 ms count as one. The second argument is the rate in Hz; the verdict does not depend on it.
func (v *VAD) Observe(frame []int16, _ int) (talking bool) {
	level := meanSquare(frame) / fullScaleSine
	if level == 0 {
		return v.Silence()
	}
	v.level, v.known, v.zeros = level, true, 0
	floor := v.background.floor()
	v.background.learn(level)
	return v.decide(level > vadLeast && level > floor*vadAboveFloor)
}

// Silence is Observe for a tick in which the leg sent nothing: it costs next to nothing.
func (v *VAD) Silence() (talking bool) {
	v.level, v.known = 0, true
	switch {
	case v.zeros == 0:
		v.before = v.background
		v.background.learn(0)
	case v.zeros < vadGapFrames:
		v.background.learn(0)
	case v.zeros == vadGapFrames:
		v.background = v.before
	}
	v.zeros = min(v.zeros+1, vadGapFrames+1)
	return v.decide(false)
}

// Talking is what Observe said last.
func (v *VAD) Talking() bool { return v.talking }

// LevelDBFS is the level of the last frame, at least -127 as in RFC 6464.
func (v *VAD) LevelDBFS() float64 {
	if !v.known || v.level <= 0 {
		return -127
	}
	return max(10*math.Log10(v.level), -127)
}

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

// floor is the background's power: the least of all windows.
func (b *background) floor() float64 {
	if b.filled == 0 {
		return vadFloorFirst
	}
	least := b.floors[0]
	for _, f := range b.floors[1:b.filled] {
		least = min(least, f)
	}
	return max(least, vadFloorFirst)
}

// learn takes a frame's power, smoothed over about three frames, into the present window.
func (b *background) learn(level float64) {
	b.smooth += (level - b.smooth) * 0.4
	if b.frames == 0 || b.smooth < b.floors[b.window] {
		b.floors[b.window] = b.smooth
	}
	b.frames++
	if b.frames < vadWindowFrames {
		return
	}
	b.frames = 0
	b.filled = max(b.filled, b.window+1)
	b.window = (b.window + 1) % vadWindows
}

func meanSquare(frame []int16) float64 {
	if len(frame) == 0 {
		return 0
	}
	var sum int64
	for _, s := range frame {
		sum += int64(s) * int64(s)
	}
	return float64(sum) / float64(len(frame))
}
