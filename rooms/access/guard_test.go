package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// dial lets a call dial one PIN after the other, three at the most, and says how many were looked at.
func dial(t *testing.T, g *Guard, c Caller, r *Ring, pins ...string) (looked int, in bool) {
	t.Helper()
	var tries Tries
	for _, pin := range pins {
		_, err := g.Check(t.Context(), c, r, mustPIN(t, pin))
		switch {
		case err == nil:
			return looked + 1, true
		case errors.Is(err, ErrWrongPIN):
			looked++
		case !errors.Is(err, ErrLockedOut):
			t.Fatal(err)
		}
		if !tries.Wrong() {
			break
		}
	}
	return looked, false
}

// attack is 10,000 calls that dial all PINs there are, three a call, one call in each pace; who says from where. With every 120th an honest caller
// from elsewhere, who has never called before, dials the right one. It returns how many PINs of the dialler were looked at, and
// how many of the honest callers got in.
func attack(t *testing.T, pace time.Duration, who func(call int) Caller) (looked, honest, all int) {
	t.Helper()
	g := NewGuard(Config{})
	r := newTestRing(t)
	if err := g.SetPINs(t.Context(), r, mustPIN(t, "9998"), mustPIN(t, "9999")); err != nil {
		t.Fatal(err)
	}
	for call := range 10_000 {
		var pins []string
		for i := range TriesPerCall {
			pins = append(pins, fmt.Sprintf("%04d", (call*TriesPerCall+i)%9998))
		}
		n, _ := dial(t, g, who(call), r, pins...)
		looked += n
		if call%120 == 60 {
			c := Caller{Address: netip.AddrFrom4([4]byte{10, 1, byte(call >> 8), byte(call)}), Trunk: "carrier", Room: "1000"}
			all++
			if _, in := dial(t, g, c, r, "9998"); in {
				honest++
			}
		}
		time.Sleep(pace)
	}
	return looked, honest, all
}

func TestFourDigitsDoNotFallToADialler(t *testing.T) {
	const most = 20
	for _, test := range []struct {
		name   string
		who    func(call int) Caller
		honest bool // strangers from elsewhere get in all the while
	}{
		{"from one address", func(int) Caller { return from(1) }, true},
		{"from a /64", func(call int) Caller {
			a := [16]byte{0x20, 1, 0x0d, 0xb8, 14: byte(call >> 8), 15: byte(call)}
			return Caller{Address: netip.AddrFrom16(a), Identity: "sip:1@carrier.example", Trunk: "carrier", Room: "1000"}
		}, true},
		{"from two addresses", func(call int) Caller { return from(call % 2) }, true},
		{"from six addresses, each of which stays below what locks the room", func(call int) Caller { return from(call % 6) }, false},
		{"over a trunk that names nobody", func(int) Caller {
			return Caller{Address: netip.AddrFrom4([4]byte{192, 0, 2, 1}), Trunk: "silent", Room: "1000"}
		}, true},
		{"from an address for each call", func(call int) Caller { return from(call) }, false},
		{"from one address with a number for each call", func(call int) Caller {
			c := from(1)
			c.Identity = fmt.Sprintf("sip:+49%d@carrier.example", call)
			return c
		}, false},
	} {
		for _, pace := range []time.Duration{0, 5 * time.Second, 24 * time.Hour / 10_000} { // a burst, 14 hours, a whole day
			t.Run(fmt.Sprintf("%s, one call in %v", test.name, pace), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					looked, honest, all := attack(t, pace, test.who)
					t.Logf("%d PINs are looked at, %d of %d honest callers get in", looked, honest, all)
					limit := most
					if strings.HasPrefix(test.name, "from six") {
						limit += 6 // of each of them one, which it is forgiven within the day
					}
					if looked > limit || looked == 0 {
						t.Errorf("%d PINs are looked at, want 1 to %d", looked, limit)
					}
					if test.honest && honest != all {
						t.Errorf("%d of %d honest callers get in", honest, all)
					}
				})
			})
		}
	}
}

func TestManyRoomsDoNotHelpADialler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{})
		r := newTestRing(t)
		looked := 0
		for call := range 10_000 {
			c := from(call)
			c.Room = fmt.Sprint(call % 500)
			n, _ := dial(t, g, c, r, "0000", "0001", "0002")
			looked += n
			time.Sleep(5 * time.Second)
		}
		if looked > 50 {
			t.Errorf("over one trunk %d PINs are looked at", looked)
		}
		t.Logf("%d PINs are looked at", looked)
	})
}

func TestWhoHasBeenInComesInWhileStrangersAreLockedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{})
		r := lockedRing(t, g)
		if _, in := dial(t, g, from(5000), r, "1357"); !in {
			t.Fatal("the right PIN does not open")
		}
		for n := range 100 {
			dial(t, g, from(n), r, "0000", "0001", "0002")
		}
		if _, in := dial(t, g, from(5000), r, "0000", "1357"); !in {
			t.Error("who has been in is locked out by others")
		}
		_, err := g.Check(t.Context(), from(6000), r, mustPIN(t, "1357"))
		var locked *LockedOutError
		if !errors.As(err, &locked) || locked.Cause != ByRoom || locked.Wait <= 0 || locked.Wait > 24*time.Hour {
			t.Fatalf("a stranger: got %v", err)
		}
		time.Sleep(locked.Wait)
		if _, in := dial(t, g, from(6000), r, "1357"); !in {
			t.Error("a stranger who has waited does not get in")
		}
		other := from(5000)
		other.Room = "2000"
		for range 8 {
			dial(t, g, other, r, "0000")
		}
		if _, err := g.Check(t.Context(), from(5000), r, mustPIN(t, "1357")); !errors.As(err, &locked) || locked.Cause != BySource {
			t.Errorf("who has been in and guesses elsewhere: got %v", err)
		}
	})
}

// Who knows the participants' PIN does not get more tries at the moderators' by dialling it now and then.
func TestARightPINForgivesNoWrongOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{})
		r := lockedRing(t, g)
		looked := 0
		for call := range 1000 {
			n, in := dial(t, g, from(1), r, fmt.Sprintf("%04d", call), "1357")
			if looked += n; in {
				looked--
			}
			time.Sleep(time.Minute)
		}
		if looked > 20 {
			t.Errorf("%d tries at the moderators' PIN", looked)
		}
	})
}

func TestOldMistakesAreForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{})
		r := lockedRing(t, g)
		for day := range 100 {
			if _, in := dial(t, g, from(1), r, "0000", "0001", "1357"); !in {
				t.Fatalf("who dials twice wrong every day is locked out on day %d", day)
			}
			time.Sleep(24 * time.Hour)
		}
	})
}

// 200 people of one room dial the right PIN at once; a try whose outcome is open locks nobody out.
func TestACrowdWithRightPINsGetsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{})
		r := lockedRing(t, g)
		var wg sync.WaitGroup
		for n := range 200 {
			wg.Go(func() {
				if _, err := g.Check(t.Context(), from(n), r, mustPIN(t, "1357")); err != nil {
					t.Errorf("caller %d: %v", n, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestManyCallsAtOnceGetNoMoreTries(t *testing.T) {
	for _, test := range []struct {
		name  string
		who   func(n int) Caller
		tries int
	}{
		{"from one address", func(int) Caller { return from(1) }, 5},
		{"from an address each", from, 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewGuard(Config{Queue: 1000, AtOnce: 50})
				r := lockedRing(t, g)
				var wg sync.WaitGroup
				var mu sync.Mutex
				looked := 0
				for n := range 300 {
					wg.Go(func() {
						_, err := g.Check(t.Context(), test.who(n), r, mustPIN(t, "0000"))
						if errors.Is(err, ErrWrongPIN) {
							mu.Lock()
							looked++
							mu.Unlock()
						} else if !errors.Is(err, ErrLockedOut) {
							t.Errorf("caller %d: %v", n, err)
						}
					})
				}
				wg.Wait()
				if looked != test.tries {
					t.Errorf("%d PINs are looked at, want %d", looked, test.tries)
				}
			})
		})
	}
}

func TestQueueIsBoundedAndGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{AtOnce: 1, Queue: 2})
		r := lockedRing(t, g)
		done, err := g.turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ends := make(chan error, 2)
		for n := range 2 {
			go func() {
				_, err := g.Check(ctx, from(n), r, mustPIN(t, "0000"))
				ends <- err
			}()
		}
		synctest.Wait()
		if _, err := g.Check(t.Context(), from(3), r, mustPIN(t, "1357")); !errors.Is(err, ErrBusy) {
			t.Errorf("with a full queue: %v", err)
		}
		if err := g.SetPINs(t.Context(), r, PIN{}, PIN{}); !errors.Is(err, ErrBusy) {
			t.Errorf("setting PINs with a full queue: %v", err)
		}
		cancel()
		for range 2 {
			if err := <-ends; !errors.Is(err, context.Canceled) {
				t.Errorf("who has given up: %v", err)
			}
		}
		done()
		if _, err := g.Check(t.Context(), from(0), r, mustPIN(t, "1357")); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestThreeTriesACall(t *testing.T) {
	var tries Tries
	for i, want := range []bool{true, true, false, false} {
		if left := tries.Left(); left != max(TriesPerCall-i, 0) {
			t.Errorf("%d are left before try %d", left, i+1)
		}
		if got := tries.Wrong(); got != want {
			t.Errorf("after %d wrong ones: got %v", i+1, got)
		}
	}
}
