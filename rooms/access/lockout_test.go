package access

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever comes in whichever order: in any day no more PINs of one source are looked at than are free and the growing waits let in, and in one
// room no more of all strangers, but for what a source dials beyond its share.
func TestLockoutBoundsTries(t *testing.T) {
	const grown = 12 // waits from 1 to 512 min fill 17 h, the next one is of 12 h, and two are forgiven
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
				if !errors.As(err, &locked) || locked.Wait <= 0 || locked.Wait > 24*time.Hour {
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
			if n := mostIn(at, 24*time.Hour); n > personRule.free+grown {
				t.Errorf("%v: %d wrong PINs in a day", s, n)
			}
		}
		for room, at := range strangers {
			if n := mostIn(at, 24*time.Hour); n > perDay {
				t.Errorf("room %s: %d wrong PINs of strangers in a day", room, n)
			}
		}
	})
}

// honestMonth is 200 people a day who dial their PIN until it is right, 97 of 100 times it is, within ten hours of which the first minutes are the busiest. It
// returns how many PINs were wrong, and how many were not looked at.
func honestMonth(t *testing.T, random *rand.Rand, who func(n int) Caller) (mistakes, locked int) {
	t.Helper()
	l := newLockout()
	start := time.Unix(1_800_000_000, 0)
	for day := range 30 {
		var at []time.Duration
		for range 200 {
			hour := time.Duration(random.IntN(10)) * time.Hour
			at = append(at, hour+time.Duration(min(random.Float64(), random.Float64(), random.Float64())*float64(time.Hour)))
		}
		slices.Sort(at)
		for n, after := range at {
			for try, typo := 0, true; typo && try < TriesPerCall; try++ {
				now := start.Add(time.Duration(day)*24*time.Hour + after + time.Duration(try)*10*time.Second)
				tr, settled, err := l.begin(who(day*200+n), now)
				if settled != nil {
					t.Fatal("nobody else is trying, and yet there is somebody to wait for")
				}
				if err != nil {
					locked++
					break
				}
				how := right
				if typo = random.Float64() < 0.03; typo {
					how = wrong
					mistakes++
				}
				l.end(tr, how, now)
			}
		}
	}
	return mistakes, locked
}

// A company types 3 of 100 PINs wrongly, and nobody of it is ever locked out for that, by its room, its trunk or its address at the trunk: not in a year.
func TestAnHonestCompanyIsNotLockedOut(t *testing.T) {
	months := 12
	if n, err := strconv.Atoi(os.Getenv("CONFBRIDGE_TEST_MONTHS")); err == nil {
		months = n
	}
	address := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}) }
	for _, test := range []struct {
		name string
		who  func(n int) Caller
	}{
		{"over a trunk that names nobody", func(int) Caller { return Caller{Address: address(1), Trunk: "carrier", Room: "1000"} }},
		{"over a trunk that names them", func(n int) Caller {
			return Caller{Address: address(1), Identity: fmt.Sprint(n), Trunk: "carrier", Room: "1000"}
		}},
		{"from an address each", func(n int) Caller { return Caller{Address: address(n), Room: "1000"} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same mistakes every time
			mistakes, bad := 0, 0
			for month := range months {
				wrong, locked := honestMonth(t, random, test.who)
				mistakes += wrong
				if locked > 0 {
					bad++
					t.Logf("month %d: %d callers are locked out", month, locked)
				}
			}
			if bad > months/50 { // of 1,000 months seven have a day with more than 20
				t.Errorf("of %d months %d have callers who are locked out", months, bad)
			}
			if mistakes < months*30*5 {
				t.Errorf("%d wrong PINs: these are not the people who are meant", mistakes)
			}
			t.Logf("%d wrong PINs in %d months", mistakes, months)
		})
	}
}

// Who guesses for a month gets a fraction of what four digits are.
func TestInTheLongRunFewAreTried(t *testing.T) {
	l := newLockout()
	now := time.Unix(1_800_000_000, 0)
	looked := 0
	for n := range 30 * 24 * 60 {
		c := from(n)
		if tr, _, err := l.begin(c, now); err == nil {
			l.end(tr, wrong, now)
			looked++
		}
		now = now.Add(time.Minute)
	}
	if looked > 300 || looked < 100 {
		t.Errorf("%d PINs are looked at in a month, want 100 to 300", looked)
	}
	t.Logf("%d PINs are looked at", looked)
}

// Who has an address more every hour, and goes on with all those before, is not let try much more than who leaves them.
func TestGoingOnWithEachAddressHelpsADiallerLittle(t *testing.T) {
	l := newLockout()
	now := time.Unix(1_800_000_000, 0)
	var at []time.Time
	for step := range 30 * 24 * 6 {
		for n := max(step/6-50, 0); n <= step/6; n++ {
			if tr, _, err := l.begin(from(n), now); err == nil {
				l.end(tr, wrong, now)
				at = append(at, now)
			}
		}
		now = now.Add(10 * time.Minute)
	}
	t.Logf("%d, %d in a day", len(at), mostIn(at, 24*time.Hour))
	if n := mostIn(at, 24*time.Hour); n > 2*perDay || len(at) > 350 {
		t.Errorf("%d PINs are looked at in a month, %d of them in a day; want at most 350, and %d", len(at), n, 2*perDay)
	}
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
	size := func() int { return l.sources.size + l.strays.size + l.rooms.size + l.trunks.size + l.visits.size }
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
