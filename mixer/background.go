package mixer

// background is what is known of a leg's noise: the least that its power was in the last two seconds. All are powers as in
// VAD.level.
type background struct {
	floors [backgroundWindows]float64 // least smoothed power in each of the last windows
	window int                        // the one that is being filled
	filled int                        // how many have been
	frames int                        // in the present window
	smooth float64
}

const (
	backgroundWindows = 8
	backgroundSure    = 4  // windows that must have been filled: less may be one long word
	windowFrames      = 13 // of 20 ms: 8 windows are 2.1 s

	backgroundFirst = 3.2e-6 // -55 dBFS: the background before one is known
	backgroundLeast = 2.5e-7 // -66 dBFS: quieter lines are taken for that loud
)

// floor is the background's power as thresholds are counted from.
func (b *background) floor() float64 {
	if b.filled < backgroundSure {
		return backgroundFirst
	}
	return max(b.least(), backgroundLeast)
}

// least is the least of all windows.
func (b *background) least() float64 {
	least := b.floors[0]
	for _, f := range b.floors[1:max(b.filled, 1)] {
		least = min(least, f)
	}
	return least
}

// learn takes a frame's power, smoothed over about three frames, into the present window.
func (b *background) learn(level float64) {
	b.smooth += (level - b.smooth) * 0.4
	if b.frames == 0 || b.smooth < b.floors[b.window] {
		b.floors[b.window] = b.smooth
	}
	b.frames++
	if b.frames < windowFrames {
		return
	}
	b.frames = 0
	b.filled = max(b.filled, b.window+1)
	b.window = (b.window + 1) % backgroundWindows
}

// settle makes level the background at once.
func (b *background) settle(level float64) {
	for i := range b.floors {
		b.floors[i] = level
	}
	b.filled = backgroundWindows
	b.smooth = level
}
