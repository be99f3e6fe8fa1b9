package multicast

import (
	"testing"
	"time"
)

// TestNoSSRCComesTwiceByOneKey has SSRCs given out faster and slower than they come up, over restarts, and while the clock goes back.
func TestNoSSRCComesTwiceByOneKey(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	seen := map[uint32]time.Time{}
	take := func(n *Numbers) {
		t.Helper()
		ssrc := n.next(now)
		if before, again := seen[ssrc]; again || ssrc == 0 {
			t.Fatalf("SSRC %08x at %v, as at %v", ssrc, now, before)
		}
		seen[ssrc] = now
	}
	for range 100 {
		n := NewNumbers(keys[0])
		for i := range 100 {
			take(n)
			if i%10 == 0 {
				now = now.Add(22 * time.Minute)
			}
		}
		now = now.Add(-time.Hour) // within a process nothing comes of that
		take(n)
		now = now.Add(time.Hour)
		take(n)
		if fresh := n.Fresh(now); fresh.Before(now) {
			t.Fatalf("fresh at %v, and now is %v", fresh, now)
		}
		now = n.Fresh(now) // a restart
	}
	n := NewNumbers(keys[0])
	n.next(now)
	if at := n.Fresh(now.Add(time.Minute)); at.After(now.Add(numberEvery)) {
		t.Errorf("after a minute fresh only at %v, and it was given out at %v", at, now)
	}
	if a, b := NewNumbers(keys[0]).next(now), NewNumbers(keys[1]).next(now); a == b {
		t.Errorf("two keys have the same SSRC %08x", a)
	}
}
