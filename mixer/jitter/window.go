package jitter

import (
	"math"
	"time"
)

const (
	blockCount = 14
	blockTime  = 320 * time.Millisecond
)

// window remembers the least slack of each of the last blocks of sound. Slack is kept less the depth at which it was
// measured, so that what was seen before the delay changed still tells what there is now.
type window struct {
	least  [blockCount]time.Duration
	now    int // the block being filled
	blocks int // how many are in use, this one among them
	filled int // of this one, clock units
	size   int // of a block, clock units
}

func (w *window) clear() {
	*w = window{size: w.size, blocks: 1}
	w.least[0] = math.MaxInt64
}

// add notes what one packet had.
func (w *window) add(v time.Duration, samples int) {
	if w.filled >= w.size {
		w.now = (w.now + 1) % blockCount
		w.blocks = min(w.blocks+1, blockCount)
		w.least[w.now] = math.MaxInt64
		w.filled = 0
	}
	w.filled += samples
	w.least[w.now] = min(w.least[w.now], v)
}

// min returns the least of the newest n blocks; ok says that so many are there.
func (w *window) min(n int) (least time.Duration, ok bool) {
	least = math.MaxInt64
	for i := range min(n, w.blocks) {
		least = min(least, w.least[(w.now-i+blockCount)%blockCount])
	}
	return least, w.blocks >= n
}

// below counts the blocks among the newest n whose least is less than v.
func (w *window) below(n int, v time.Duration) int {
	count := 0
	for i := range min(n, w.blocks) {
		if w.least[(w.now-i+blockCount)%blockCount] < v {
			count++
		}
	}
	return count
}
