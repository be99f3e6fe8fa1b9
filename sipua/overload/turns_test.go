package overload

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

func TestSetupsTakeTurnsInOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Setups: 2})
		begun := make(chan int, 6)
		for i := range 6 {
			go func() {
				if err := g.Begin(t.Context()); err != nil {
					t.Error(err)
				}
				begun <- i
			}()
			synctest.Wait()
		}
		for range 4 {
			g.End()
			synctest.Wait()
		}
		for want := range 6 {
			if got := <-begun; got != want {
				t.Errorf("%d is in place %d", got, want)
			}
		}
		if n := g.turns.waiting.Load(); n != 0 {
			t.Errorf("%d wait", n)
		}
	})
}

func TestWhoGivesUpWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Setups: 1})
		if err := g.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		gone := errors.New("cancelled")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		if err := g.Begin(ctx); !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
		g.End()
		if err := g.Begin(t.Context()); err != nil {
			t.Error(err)
		}
		if n := g.turns.waiting.Load(); n != 0 {
			t.Errorf("%d wait", n)
		}
	})
}

// able is a bridge whose setups take a certain time each.
type able struct {
	g        *Gate
	waited   []time.Duration // of those that were taken, for their turn
	perSetup time.Duration
	taken    int
	refused  int

	mu sync.Mutex // guards waited
}

// offer offers n INVITEs at once; whoever is taken is set up.
func (b *able) offer(ctx context.Context, n int, from netip.Addr) {
	for range n {
		if _, ok := b.g.Admit(message.Invite, from); !ok {
			b.refused++
			continue
		}
		b.taken++
		go func() {
			start := time.Now()
			if b.g.Begin(ctx) != nil {
				return
			}
			b.mu.Lock()
			b.waited = append(b.waited, time.Since(start))
			b.mu.Unlock()
			time.Sleep(b.perSetup)
			b.g.End()
			b.g.Release(from)
		}()
	}
}

// As many are taken as can be set up, and those wait a tenth of a second for it, as many as are set up in that; the mixer need not be late first.
func TestAQueueOfSetupsRefusesWhatCannotBeServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 500 // of two setups at once, 4 ms each
		b := &able{g: New(Config{Rate: -1, MaxHalfOpen: -1, MaxHalfOpenPerSource: -1, Setups: 2}), perSetup: 4 * time.Millisecond}
		run := func(last time.Duration) {
			b.mu.Lock()
			b.taken, b.refused, b.waited = 0, 0, nil
			b.mu.Unlock()
			for range last / (10 * time.Millisecond) {
				b.offer(t.Context(), 3*rate/100, a)
				time.Sleep(10 * time.Millisecond)
			}
		}
		run(5 * time.Second) // finds out
		run(30 * time.Second)
		time.Sleep(time.Second) // those that wait
		synctest.Wait()
		if got := float64(b.taken) / 30; got < 0.95*rate || got > 1.01*rate {
			t.Errorf("took %.0f a second, want about %d", got, rate)
		}
		if most := slices.Max(b.waited); most > 150*time.Millisecond {
			t.Errorf("one waited %v for its turn", most)
		}
		if got := b.g.Stats().RefusedLate; got == 0 {
			t.Error("nobody was refused for the queue")
		}
	})
}

// A thousand callers who dial in the same moment are served one after the other: their queue does not stay.
func TestAThousandAtOnceAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &able{g: New(Config{Setups: 4}), perSetup: 4 * time.Millisecond}
		b.offer(t.Context(), 1000, a)
		time.Sleep(10 * time.Second)
		b.offer(t.Context(), 1000, a)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if b.refused != 0 || len(b.waited) != 2000 {
			t.Errorf("%d of 2000 were set up, %d refused", len(b.waited), b.refused)
		}
	})
}

// A bound that is set before anybody has been served grows all the same, once the bridge is in time.
func TestABoundThatBeganAtNothingGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := uint64(0)
		g := New(Config{Rate: -1, MaxHalfOpen: -1, MaxHalfOpenPerSource: -1, Late: func() uint64 { return late }})
		time.Sleep(time.Minute) // idle
		for range 2 * persistent {
			late++
			offer(g, 500, message.Invite, a)
			time.Sleep(lookEvery)
		}
		if taken, refused, _ := offer(g, 500, message.Invite, a); refused == 0 {
			t.Fatalf("no bound: %d are taken", taken)
		}
		for range 100 { // 10 s in time, with more than it takes
			taken, _, _ := offer(g, 50, message.Invite, a)
			for range taken {
				g.Release(a)
			}
			time.Sleep(lookEvery)
		}
		if taken, _, _ := offer(g, 50, message.Invite, a); taken < 50 {
			t.Errorf("%d of 50 are taken after 10 s in time", taken)
		}
	})
}
