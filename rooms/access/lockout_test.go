package access

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever comes in whichever order: in any day no more PINs of one source are looked at than are free and the growing waits let in, and in one
// room no more of all strangers, but for what a source dials beyond its share.
func TestLockoutBoundsTries(t *testing.T) {
	const grown = 12 // waits from 1 to 512 min fill 17 h, the next one is of 12 h, and two may be forgiven
	rapid.Check(t, func(t *rapid.T) {
		l := newLockout()
		now := time.Unix(1_800_000_000, 0)
		wrongAt := map[source][]time.Time{}
		strangers := map[string][]time.Time{}
		been := map[visit]bool{}
		for range rapid.IntRange(1, 400).Draw(t, "tries") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(90*time.Minute)).Draw(t, "pause")))
			c := from(rapid.IntRange(0, 12).Draw(t, "source"))
			c.Room = fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "room"))
			tr, settled, err := l.begin(c, now)
			if settled != nil {
				t.Fatal("nobody else is trying, and yet there is somebody to wait for")
			}
			if err != nil {
				var locked *LockedOutError
				if !errors.As(err, &locked) || locked.Wait <= 0 || locked.Wait > longestWait {
					t.Fatalf("got %v", err)
				}
				continue
			}
			v := visit{c.source(), c.Room}
			if been[v] && tr.counted {
				t.Errorf("%v has been in room %s and counts against it", v.source, c.Room)
			}
			how := rapid.SampledFrom([]outcome{wrong, wrong, wrong, right, unknown}).Draw(t, "outcome")
			l.end(tr, how, now)
			if how == right {
				been[v] = true
			}
			if how == wrong {
				wrongAt[v.source] = append(wrongAt[v.source], now)
				if tr.counted {
					strangers[c.Room] = append(strangers[c.Room], now)
				}
			}
		}
		for s, at := range wrongAt {
			if n := mostIn(at, 24*time.Hour); n > freeSource+grown {
				t.Errorf("%v: %d wrong PINs in a day", s, n)
			}
		}
		for room, at := range strangers {
			if n := mostIn(at, 24*time.Hour); n > freeRoom+grown {
				t.Errorf("room %s: %d wrong PINs of strangers in a day", room, n)
			}
		}
	})
}

// mostIn is the most of the times that lie within d.
func mostIn(at []time.Time, d time.Duration) int {
	most := 0
	for i := range at {
		n := 0
		for _, o := range at[i:] {
			if o.Sub(at[i]) < d {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func TestTablesKeepTheirSize(t *testing.T) {
	l := newLockout()
	now := time.Unix(1_800_000_000, 0)
	size := func() int { return l.sources.size + l.rooms.size + l.trunks.size + l.visits.size }
	before := size()
	for n := range 5 * sourcesKept {
		c := from(n)
		c.Identity, c.Room, c.Trunk = fmt.Sprint(n), fmt.Sprint(n), fmt.Sprint(n)
		tr, _, err := l.begin(c, now)
		if err != nil {
			t.Fatal(err)
		}
		l.end(tr, outcome(n%3), now)
	}
	if size() != before {
		t.Errorf("%d sets, before %d", size(), before)
	}
}

func TestNewcomersPushOutEachOtherFirst(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	tab := newTable[int](ways) // a single set
	locked, trying := tab.take(1, now), tab.take(2, now)
	locked.wrong = 7
	trying.pending = 1
	for key := 3; key < 100; key++ {
		now = now.Add(time.Second)
		if tab.take(key, now) == nil {
			t.Fatalf("no place for %d", key)
		}
	}
	if found := tab.find(1); found == nil || found.wrong != 7 {
		t.Error("who is locked out was forgotten for others")
	}
	if found := tab.find(2); found == nil || found.pending != 1 {
		t.Error("who is trying was forgotten for others")
	}
	if tab.find(99) == nil || tab.find(3) != nil {
		t.Error("the oldest newcomer did not make room for the newest")
	}
	for i := range tab.sets[0] {
		tab.sets[0][i].pending = 1
	}
	if tab.take(1000, now) != nil {
		t.Error("there is a place where all are trying")
	}
}
