package mixer

import "math"

// VAD says whether a leg is talking: its level is clearly above its own background, has been for 60 ms, or was
// less than 400 ms ago. The background is the quietest that the leg was within the last two seconds, so noise
// that goes on is learnt however loud it is, and the gaps between words keep speech above it. Digital silence is
// never talk and teaches nothing. The zero value is ready.
type VAD struct {
	level float64 // power of the last frame, full-scale sine = 1
	known bool    // a frame has been observed

	floors  [vadWindows]float64 // least smoothed power in each of the last windows
	window  int                 // the one that is being filled
	filled  int                 // how many have been
	frames  int                 // in the present window
	smooth  float64
	active  int // frames in a row above the threshold
	hang    int // frames that talk still lasts
	talking bool
}

const (
	vadWindows      = 8
	vadWindowFrames = 13 // of 20 ms: 8 windows are 2.1 s
	vadOnsetFrames  = 3
	vadHangFrames   = 20

	vadAboveFloor = 7.943  // 9 dB
	vadLeast      = 6.3e-6 // -52 dBFS: below it nothing is talk
	vadFloorFirst = 3.2e-6 // -55 dBFS: the background before one is known
)

// fullScaleSine is the mean square of a sine that reaches 32768.
const fullScaleSine = 32768.0 * 32768.0 / 2

// Observe takes the leg's frame of this tick and says whether the leg is talking. Frames of other lengths than
// 20 ms count as one.
func (v *VAD) Observe(frame []int16, rateHz int) (talking bool) {
	v.level = meanSquare(frame) / fullScaleSine
	v.known = true
	if v.level == 0 {
		return v.decide(false)
	}
	floor := v.floor()
	v.learn()
	return v.decide(v.level > vadLeast && v.level > floor*vadAboveFloor)
}

// Talking is what Observe said last.
func (v *VAD) Talking() bool { return v.talking }

// Silence is Observe for a tick in which the leg sent nothing: it costs next to nothing.
func (v *VAD) Silence() (talking bool) {
	v.level, v.known = 0, true
	return v.decide(false)
}

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
func (v *VAD) floor() float64 {
	if v.filled == 0 && v.window == 0 {
		return vadFloorFirst
	}
	least := math.Inf(1)
	for i := range v.filled {
		least = min(least, v.floors[i])
	}
	return max(least, vadFloorFirst)
}

// learn takes the frame's power, smoothed over about three frames, into the present window.
func (v *VAD) learn() {
	if v.smooth == 0 {
		v.smooth = v.level
	}
	v.smooth += (v.level - v.smooth) * 0.4
	if v.frames == 0 || v.smooth < v.floors[v.window] {
		v.floors[v.window] = v.smooth
	}
	v.frames++
	if v.frames < vadWindowFrames {
		return
	}
	v.frames = 0
	v.filled = max(v.filled, v.window+1)
	v.window = (v.window + 1) % vadWindows
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
