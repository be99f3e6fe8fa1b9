package jitter

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTheHistogramIsADistributionThatForgets compares it with a list of all that was added, each with its weight.
func TestTheHistogramIsADistributionThatForgets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			value time.Duration
			at    time.Duration // of sound
		}
		var (
			h    histogram
			all  []entry
			now  time.Duration
			base = time.Duration(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "base"))
		)
		h.clear()
		value := rapid.Custom(func(t *rapid.T) time.Duration {
			return base + time.Duration(rapid.SampledFrom([]int{0, 0, 0, 0, 20, 20, 40, 60, 100, 300}).Draw(t, "ms"))*time.Millisecond +
				time.Duration(rapid.IntRange(0, 999).Draw(t, "us"))*time.Microsecond
		})
		n := rapid.IntRange(1, 400).Draw(t, "n")
		d := rapid.SampledFrom([]time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond}).Draw(t, "d")
		for range n {
			now += d
			v := value.Draw(t, "value")
			if len(all) > 0 && rapid.IntRange(0, 9).Draw(t, "moves") == 0 {
				h.move(all[len(all)-1].value, v)
				all[len(all)-1].value = v
				now -= d
				continue
			}
			h.add(v, d)
			all = append(all, entry{v, now})
		}
		// What each aim would cost, by the list. Bins of 10 ms are told apart and no more.
		total := 0.0
		weigh := func(e entry) float64 { return math.Exp(-float64(now-e.at) / float64(memoryTime)) }
		for _, e := range all {
			total += weigh(e)
		}
		cost := func(aim time.Duration) float64 {
			late := 0.0
			for _, e := range all {
				if binOf(e.value) > binOf(aim) {
					late += weigh(e)
				}
			}
			return float64(time.Duration(binOf(aim))*binTime-base) + float64(latePrice)*late/max(total, min(fewest, float64(memoryTime)/float64(d)))
		}
		least := math.Inf(1)
		for _, e := range all {
			least = min(least, cost(e.value))
		}
		best := h.best()
		if got := cost(best); got > least+float64(2*time.Millisecond) {
			t.Fatalf("the best is %v and costs %v, the least is %v", best-base, time.Duration(got), time.Duration(least))
		}
	})
}

// TestTheHistogramFollowsWhatDrifts: a ring of 640 ms is enough for hours of skew, twice as fast as it can be. What falls is
// followed when the price of what is forgotten is next to nothing, after some 60 s; the path believes it sooner.
func TestTheHistogramFollowsWhatDrifts(t *testing.T) {
	for _, step := range []time.Duration{20 * time.Microsecond, -20 * time.Microsecond} { // 1000 ppm
		var h histogram
		h.clear()
		v := time.Duration(0)
		for range 500_000 {
			v += step
			h.add(v, 20*time.Millisecond)
			if off := h.best() - v; off < -binTime || off > 70*time.Millisecond {
				t.Fatalf("step %v: the best is %v off", step, off)
			}
		}
	}
}

func TestWhatIsFarAwayStaysInTheRing(t *testing.T) {
	var h histogram
	h.clear()
	for range 100 {
		h.add(time.Second, 20*time.Millisecond)
	}
	h.add(time.Hour, 20*time.Millisecond)
	if got := h.best(); got != time.Second {
		t.Errorf("one that is an hour late moves the best to %v", got)
	}
	for range 2000 {
		h.add(0, 20*time.Millisecond)
	}
	if got := h.best(); got != 0 {
		t.Errorf("the best is %v when all have been earlier for long", got)
	}
}
