package jitter

import "time"

const (
	holdBlocks  = 8          // of blockTime: the window that decides about shrinking
	longBlocks  = blockCount // the same on a path where the delay has just been cut in vain
	fastBlocks  = 2          // and where the surplus is large
	calmBlocks  = 3          // a packet that was late all alone is forgiven behind as many
	fastSurplus = 40 * time.Millisecond
	fastPace    = 100 * time.Millisecond // from one cut to the next
	slowPace    = 200 * time.Millisecond
	regretTime  = 8 * time.Second  // growing so soon after a cut says that the window was too short
	calmTime    = 20 * time.Second // and not growing for so long, that it need not be longer
)

// adapt knows the path: how much slack its packets had, and whether the delay should change.
type adapt struct {
	window window
	// depth is how far the sound has been moved against its timestamps since the window was begun: time inserted
	// less time cut.
	depth time.Duration
	hold  int // blocks that must agree before the delay shrinks

	sinceCut, sinceGrowth time.Duration // of sound played
	lateTS                [2]int64      // the last two packets that others had overtaken; 0 means none

	playedAt    time.Duration // when the last packet was heard: its tick and what the tick had before it
	playedTS    int64         // its timestamp
	playedDepth time.Duration
}

func (a *adapt) init(blockUnits int) {
	a.window.size = blockUnits
	a.forget()
}

// forget begins a new path.
func (a *adapt) forget() {
	a.window.clear()
	a.depth, a.playedDepth = 0, 0
	a.hold = holdBlocks
	a.sinceCut, a.sinceGrowth = regretTime, 0
	a.lateTS = [2]int64{}
	a.playedAt = 0
}

// grew notes that time was inserted.
func (a *adapt) grew(d time.Duration) {
	a.depth += d
	if a.sinceCut < regretTime {
		a.hold = longBlocks
	}
	a.sinceGrowth = 0
}

// played notes a packet that lasts for d, had that slack, and is heard at the time at.
func (a *adapt) played(at time.Duration, ts int64, slack, d time.Duration, samples int) {
	a.window.add(slack-a.depth, samples)
	a.playedAt, a.playedTS, a.playedDepth = at, ts, a.depth
	a.sinceCut += d
	if a.sinceGrowth += d; a.sinceGrowth > calmTime {
		a.hold = holdBlocks
	}
}

// overtaken notes a packet that came too late because later ones had been played before it; slack is negative. One
// that was worse than limit is not worth waiting for.
func (a *adapt) overtaken(slack time.Duration, ts int64, limit time.Duration) {
	if slack >= 0 || slack < -limit {
		return
	}
	a.window.add(slack-a.playedDepth, 0)
	a.lateTS[0], a.lateTS[1] = a.lateTS[1], ts
}

// short says whether packets were overtaken and lost for want of delay, more than once in the window before ts.
func (a *adapt) short(ts, windowUnits int64) bool {
	if a.lateTS[0] == 0 || ts-min(a.lateTS[0], a.lateTS[1]) > windowUnits {
		return false
	}
	least, _ := a.window.min(holdBlocks)
	return least+a.depth < 0
}

// surplus says whether a packet of length d can be cut out and all packets of the window would still have had slack.
func (a *adapt) surplus(d time.Duration) bool {
	if a.sinceCut < fastPace {
		return false
	}
	if least, ok := a.window.min(fastBlocks); ok && least+a.depth >= d+keepMargin+fastSurplus {
		return true
	}
	if a.sinceCut < slowPace {
		return false
	}
	enough := d + keepMargin - a.depth
	least, ok := a.window.min(a.hold)
	if ok && least >= enough {
		return true
	}
	recent, ok := a.window.min(calmBlocks)
	return ok && a.hold == holdBlocks && recent >= enough && a.window.below(a.hold, enough) <= 1
}

// cut notes that d is cut out.
func (a *adapt) cut(d time.Duration) {
	a.depth -= d
	a.sinceCut = 0
}
