package rooms

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWaitNeverTicksEarly(t *testing.T) {
	p := &newPhases(time.Now(), 8).each[1]
	c := clock{timer: newStoppedTimer()}
	early := 0
	for range 20 {
		c.restart(time.Now(), p)
		time.Sleep(time.Until(c.next()) - wakeEarly/2) // the timer comes half a millisecond early, or late on a busy machine
		got := c.wait(time.Now())
		if time.Now().Before(c.next()) { // a signal may have cut the sleep short: it says that it is due all the same
			early++
		}
		if got.Before(c.next()) {
			t.Errorf("woke %v too early", c.next().Sub(got))
		}
		if ticks, _ := c.due(got); ticks < 1 {
			t.Errorf("%d frames due after the wait, want 1 or more", ticks)
		}
	}
	if early > 5 {
		t.Errorf("of 20 sleeps %d ended too early", early)
	}
	now := time.Now()
	c.restart(now, p)
	if early := c.next().Add(-2 * wakeEarly); !c.wait(early).Equal(early) {
		t.Error("waited for a frame that is not due soon: operations would wait with it")
	}
	c.timer.Stop()
}

func TestNoRoomOfAPhaseTicksBeforeItIsDue(t *testing.T) {
	p := &newPhases(time.Now(), 8).each[0]
	var clocks [20]clock
	var wg sync.WaitGroup
	var early atomic.Int32
	for i := range clocks {
		c := &clocks[i]
		c.timer = newStoppedTimer()
		c.restart(time.Now(), p)
		wg.Go(func() {
			time.Sleep(time.Until(c.next()) - wakeEarly/2)
			if c.wait(time.Now()); time.Now().Before(c.next()) {
				early.Add(1)
			}
		})
	}
	wg.Wait()
	if n := early.Load(); n > 5 { // a signal may cut a sleep short
		t.Errorf("%d of %d woke too early", n, len(clocks))
	}
}

func TestPhasesAreSpreadEvenlyAndGivenInTurn(t *testing.T) {
	now := time.Now()
	const n = 6
	ps := newPhases(now, n)
	for i := range 2 * n {
		p := ps.take()
		if want := now.Add(time.Duration(i%n) * frameDuration / time.Duration(n)); !p.origin.Equal(want) {
			t.Errorf("phase %d begins %v after the first, want %v", i, p.origin.Sub(now), want.Sub(now))
		}
		for _, at := range []time.Duration{-time.Hour, -time.Nanosecond, 0, time.Millisecond, time.Hour + time.Nanosecond} {
			at := p.origin.Add(at)
			got := p.before(at)
			if off := got.Sub(p.origin) % frameDuration; off != 0 || got.After(at) || at.Sub(got) >= frameDuration {
				t.Errorf("the last instant before %v is %v", at.Sub(p.origin), got.Sub(p.origin))
			}
		}
	}
	none := NewRegistry(Config{}).phases
	if none.take() != nil || none.move(nil, frameDuration) != nil {
		t.Error("a registry without exact ticks has phases")
	}
	none.leave(nil)
}

func TestARoomBeginsAtAPhaseThatTheFewestHave(t *testing.T) {
	ps := newPhases(time.Now(), 4)
	var all []*phase
	for range 8 {
		all = append(all, ps.take())
	}
	for _, i := range []int{2, 6, 5} {
		ps.leave(all[i])
	}
	for i, want := range []int{2, 1, 2, 3} {
		if got := ps.take().index; got != want {
			t.Errorf("room %d begins at phase %d, want %d", i, got, want)
		}
	}
}

func TestARoomMovesToTheEarliestPhaseThatHasPlace(t *testing.T) {
	const spacing = frameDuration / 8
	for _, row := range []struct {
		name  string
		rooms [8]int // at each phase, the one that moves too: it is the last
		most  time.Duration
		want  int
	}{
		{"no time to spare", [8]int{0, 0, 0, 0, 0, 0, 0, 1}, 0, 7},
		{"less than there is between two", [8]int{0, 0, 0, 0, 0, 0, 0, 1}, spacing - 1, 7},
		{"one phase", [8]int{0, 0, 0, 0, 0, 0, 0, 1}, spacing, 6},
		{"all but a frame", [8]int{0, 0, 0, 0, 0, 0, 0, 1}, frameDuration - 1, 0},
		{"never a whole frame", [8]int{0, 0, 0, 0, 0, 0, 0, 1}, 3 * frameDuration, 0},
		{"two more than its share are the most", [8]int{3, 3, 3, 3, 2, 4, 3, 3}, 4 * spacing, 3},
		{"one that is full is left out", [8]int{3, 3, 3, 5, 2, 4, 3, 1}, 4 * spacing, 4},
		{"all that are near are full", [8]int{0, 0, 0, 0, 0, 4, 4, 8}, 2 * spacing, 7},
	} {
		ps := newPhases(time.Now(), 8)
		for i, n := range row.rooms {
			ps.rooms[i] = n
			ps.used += n
		}
		before := ps.used
		got := ps.move(&ps.each[7], row.most)
		if got.index != row.want {
			t.Errorf("%s: moved to phase %d, want %d", row.name, got.index, row.want)
		}
		row.rooms[7]--
		row.rooms[row.want]++
		if ps.rooms[7] != row.rooms[7] || ps.rooms[row.want] != row.rooms[row.want] || ps.used != before {
			t.Errorf("%s: the phases have %d rooms, %d in all, want %d, %d", row.name, ps.rooms, ps.used, row.rooms, before)
		}
	}
}

// Where ticks come late the processors are busy, and sleeping would take from them what is scarce; timers come in time then.
func TestALateRoomSleepsNoMoreForASecond(t *testing.T) {
	c := clock{timer: newStoppedTimer()}
	start := time.Now()
	c.restart(start, &phase{origin: start})
	tick := func(late time.Duration) {
		now := c.wait(c.next().Add(late))
		c.due(now)
	}
	tick(tooLate)
	if c.awake != 0 {
		t.Error("a tick that is late by as much as may be ends the sleep")
	}
	tick(tooLate + 1)
	for i := range awake {
		if c.awake != awake-i {
			t.Fatalf("after %d frames %d are to come without sleep, want %d", i, c.awake, awake-i)
		}
		tick(0)
	}
	if c.awake != 0 {
		t.Errorf("%d frames without sleep are left", c.awake)
	}
}
