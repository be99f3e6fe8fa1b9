package overload

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/confbridge/confbridge/sipua/message"
)

var (
	a  = netip.MustParseAddr("192.0.2.1")
	b  = netip.MustParseAddr("192.0.2.2")
	v6 = netip.MustParseAddr("2001:db8::1")
)

// offer asks n times and counts what became of it.
func offer(g *Gate, n int, method message.Method, from netip.Addr) (taken, refused, dropped int) {
	for range n {
		switch after, ok := g.Admit(method, from); {
		case ok:
			taken++
		case after > 0:
			refused++
		default:
			dropped++
		}
	}
	return taken, refused, dropped
}

func want(t *testing.T, what string, got, want [3]int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v taken, refused, dropped, want %v", what, got, want)
	}
}

func three(x, y, z int) [3]int { return [3]int{x, y, z} }

func TestASourceHasItsRateItsBurstAndAnEndOfAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Rate: 100, Burst: 20, AnswerRate: 50})
		want(t, "a burst", three(offer(g, 100, message.Options, a)), three(20, 50, 30))
		want(t, "another source", three(offer(g, 20, message.Options, b)), three(20, 0, 0))
		time.Sleep(100 * time.Millisecond)
		want(t, "after 100 ms", three(offer(g, 20, message.Options, a)), three(10, 5, 5))
		time.Sleep(time.Hour)
		want(t, "after an hour", three(offer(g, 30, message.Options, a)), three(20, 10, 0))
		if diff := cmp.Diff(Stats{RefusedRate: 65, Dropped: 35}, g.Stats()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheDefaultsLetOneAddressPlace500CallsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{})
		for range 3000 { // one minute
			taken, _, _ := offer(g, 10, message.Invite, a)
			if taken != 10 {
				t.Fatalf("got %d of 10 taken: %+v", taken, g.Stats())
			}
			for range taken {
				g.Release(a)
			}
			time.Sleep(20 * time.Millisecond)
		}
		if s := g.Stats(); s != (Stats{}) {
			t.Errorf("got %+v", s)
		}
	})
}

func TestINVITEsHalfOpenAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{MaxHalfOpen: 5, MaxHalfOpenPerSource: 3})
		want(t, "of one source", three(offer(g, 4, message.Invite, a)), three(3, 1, 0))
		want(t, "of all", three(offer(g, 4, message.Invite, b)), three(2, 2, 0))
		want(t, "other methods", three(offer(g, 4, message.Options, a)), three(4, 0, 0))
		g.Release(a)
		want(t, "after one is released", three(offer(g, 4, message.Invite, a)), three(1, 3, 0))
		if s := g.Stats(); s.HalfOpen != 5 || s.RefusedHalfOpen != 6 {
			t.Errorf("got %+v", s)
		}
		g.Release(v6) // of a source that is not known any more
		if s := g.Stats(); s.HalfOpen != 4 {
			t.Errorf("got %+v", s)
		}
	})
}

// A model of a bridge that can serve 700 INVITEs a second and is offered three times that: it serves about as many as it can, and all of them when
// the load is gone.
func TestALateMixerTakesAsManyINVITEsAsItCanServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const able, offered, step = 700, 2100, 10 * time.Millisecond
		var ticks uint64
		backlog := 0.0
		g := New(Config{Rate: -1, MaxHalfOpen: -1, MaxHalfOpenPerSource: -1, Late: func() uint64 { return ticks }})
		serve := func(n int, last time.Duration) (taken int) {
			for range last / step {
				got, _, _ := offer(g, n/100, message.Invite, a)
				taken += got
				backlog += float64(got)
				done := min(backlog, able*step.Seconds())
				backlog -= done
				for range int(done) {
					g.Release(a)
				}
				if backlog > able/20 { // 50 ms behind
					ticks++
				}
				time.Sleep(step)
			}
			return taken
		}
		serve(offered, 5*time.Second) // finds out
		if got := serve(offered, 20*time.Second); got < 0.85*able*20 || got > 1.05*able*20 {
			t.Errorf("took %d in 20 s, want about %d", got, able*20)
		}
		if backlog > able/2 {
			t.Errorf("%.0f wait to be served", backlog)
		}
		serve(100, 10*time.Second)
		if got := serve(600, 10*time.Second); got != 6000 {
			t.Errorf("took %d of 6000 with the load gone: %+v", got, g.Stats())
		}
	})
}

func TestALateMixerRefusesINVITEsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticks, looks := uint64(7), 0
		g := New(Config{Late: func() uint64 { looks++; return ticks }})
		want(t, "in time", three(offer(g, 100, message.Invite, a)), three(100, 0, 0))
		ticks++
		want(t, "before the next look", three(offer(g, 1, message.Invite, a)), three(1, 0, 0))
		for range persistent - 1 {
			time.Sleep(lookEvery)
			want(t, "late, but not for long", three(offer(g, 10, message.Invite, a)), three(10, 0, 0))
			ticks++
		}
		time.Sleep(lookEvery)
		_, refused, _ := offer(g, 900, message.Invite, a)
		if refused < 500 {
			t.Errorf("late: %d of 900 INVITEs are refused", refused)
		}
		want(t, "late, other methods", three(offer(g, 20, message.Options, a)), three(20, 0, 0))
		if s := g.Stats(); s.RefusedLate != uint64(refused) || looks != 2+persistent {
			t.Errorf("got %+v after %d looks", s, looks)
		}
	})
}

// What holds up the whole machine for a moment is seen in two looks at most, and is no reason to refuse calls.
func TestAMixerThatIsLateOnceRefusesNobody(t *testing.T) {
	for name, each := range map[string]int{"a quiet bridge": 1, "a busy one": 70} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ticks := uint64(0)
				g := New(Config{Late: func() uint64 { return ticks }})
				for i := range 100 {
					if i%20 == 10 || i%20 == 11 {
						ticks++
					}
					want(t, "each tenth of a second", three(offer(g, each, message.Invite, a)), three(each, 0, 0))
					for range each {
						g.Release(a)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		})
	}
}

// The machine may be so busy with something else that the mixer is late at each look. A bridge with few calls refuses none of them for that: it is
// not they that make it late.
func TestFewCallsAreTakenHoweverLateTheMixerIs(t *testing.T) {
	for name, row := range map[string]struct {
		each  int
		every time.Duration
	}{"one in two seconds": {1, 2 * time.Second}, "ten a second": {1, 100 * time.Millisecond}, "fifty at once": {50, time.Second}, "fifty a second": {5, 100 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ticks := uint64(0)
				g := New(Config{Late: func() uint64 { ticks++; return ticks }})
				for range 100 {
					want(t, "each time", three(offer(g, row.each, message.Invite, a)), three(row.each, 0, 0))
					for range row.each {
						g.Release(a)
					}
					time.Sleep(row.every)
				}
			})
		})
	}
}

// Looks that are far apart say nothing of the last second.
func TestLateNowAndThenIsNotLateForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticks := uint64(0)
		g := New(Config{Late: func() uint64 { ticks++; return ticks }})
		for range 20 {
			want(t, "each time", three(offer(g, 200, message.Invite, a)), three(200, 0, 0))
			for range 200 {
				g.Release(a)
			}
			time.Sleep(500 * time.Millisecond)
		}
	})
}

// A bridge that was offered too much, and then nothing for a minute, is as good as new: the first look behind it finds what the mixer was late by
// meanwhile, and refused a hundred callers for it.
func TestAMinuteAfterTooManyCallsNobodyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticks := uint64(0)
		g := New(Config{Rate: -1, MaxHalfOpen: -1, MaxHalfOpenPerSource: -1, Late: func() uint64 { return ticks }})
		refused := 0
		for range 30 {
			_, no, _ := offer(g, 300, message.Invite, a)
			refused += no
			for range 300 - no {
				g.Release(a)
			}
			ticks++
			time.Sleep(lookEvery)
		}
		if refused == 0 {
			t.Fatal("nobody was refused while the mixer was late")
		}
		ticks++
		time.Sleep(time.Minute)
		for range 50 {
			want(t, "a minute later", three(offer(g, 10, message.Invite, a)), three(10, 0, 0))
			for range 10 {
				g.Release(a)
			}
			time.Sleep(lookEvery)
		}
	})
}

func TestWhoIsExemptHasNoLimitOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Rate: 1, Burst: 1, MaxHalfOpen: 50, MaxHalfOpenPerSource: 1, Exempt: func(x netip.Addr) bool { return x == a }})
		want(t, "a trunk", three(offer(g, 60, message.Invite, a)), three(50, 10, 0))
	})
}

func TestAnIPv6SourceIsItsNetwork(t *testing.T) {
	for in, out := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := origin(netip.MustParseAddr(in)); got != netip.MustParseAddr(out) {
			t.Errorf("%s: got %v", in, got)
		}
	}
}

func TestForgedSourcesPushOutThoseWithoutCallsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Sources: ways, MaxHalfOpenPerSource: 2})
		offer(g, 2, message.Invite, a)
		for i := range 1000 {
			time.Sleep(time.Millisecond)
			offer(g, 1, message.Options, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
		}
		want(t, "the one with calls half open", three(offer(g, 1, message.Invite, a)), three(0, 1, 0))
	})
}

// What passes in any stretch of time is at most the burst and what the rate adds to it, and not much less if enough is offered.
func TestABucketKeepsItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate, burst := rapid.IntRange(1, 2000).Draw(t, "rate"), rapid.IntRange(1, 4000).Draw(t, "burst")
		steps := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Second)), 1, 50).Draw(t, "steps")
		var k bucket
		var now int64
		passed := 0
		for _, step := range steps {
			now += step
			for range burst + 1 {
				if k.pass(now, rate, burst) {
					passed++
				}
			}
		}
		if most := float64(burst) + float64(now)/1e9*float64(rate)*1.001 + 1; float64(passed) > most {
			t.Errorf("%d passed in %d ns, want at most %v", passed, now, most)
		}
		if passed < burst {
			t.Errorf("%d passed, want at least the burst of %d", passed, burst)
		}
	})
}

func TestTheGateDoesNotAllocate(t *testing.T) {
	g := New(Config{Rate: 10, MaxHalfOpen: 5, AnswerRate: 1000, Late: func() uint64 { return 0 }})
	i := uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		i++
		g.Admit(message.Invite, a)
		g.Admit(message.Options, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		g.Admit(message.Invite, v6)
		g.Release(v6)
	}); n != 0 {
		t.Errorf("got %v allocations", n)
	}
}

func BenchmarkRefusal(b *testing.B) {
	g := New(Config{Rate: 10, AnswerRate: 10})
	b.ReportAllocs()
	for b.Loop() {
		g.Admit(message.Options, a)
	}
}
