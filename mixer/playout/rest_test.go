package playout

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// awake never rests.
func awake(c *canned) { c.s.still = 0 }

func TestAStreamThatRestsIsHeardAsOneThatDoesNot(t *testing.T) {
	for _, f := range []codec.Format{pcmu, opus} {
		t.Run(string(f.Name), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			rests, wakes := newCanned(t, f), newCanned(t, f)
			rests.s.Tune(16000)
			wakes.s.Tune(16000)
			rested := 0
			for burst := range 30 {
				ticks, pause := 1+random.IntN(20), random.IntN(60)
				if burst%10 == 9 {
					pause = 2000 // 40 s: the noise that stands for a pause is over, and nothing is known of the path any more
				}
				for i := range ticks + pause {
					late := time.Duration(random.IntN(30)) * ms / 2
					lost := i >= ticks || random.IntN(10) == 0
					if rests.s.still == settled && rests.s.jitter.Idle() && rests.s.silent() {
						rested++
					}
					awake(wakes)
					rests.tick(late, lost)
					wakes.tick(late, lost)
					if !slices.Equal(rests.s.frame, wakes.s.frame) {
						t.Fatalf("burst %d, tick %d: another frame", burst, i)
					}
				}
				for range pause { // a sender that stops and goes on counts what it sends
					rests.p.Sequence, wakes.p.Sequence = rests.p.Sequence-1, wakes.p.Sequence-1
				}
			}
			if rested < 1000 {
				t.Errorf("rested for %d ticks only", rested)
			}
			if got, want := rests.s.Stats(), wakes.s.Stats(); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestRestAllocatesNothingAndClearsWhatItReturns(t *testing.T) {
	c := newCanned(t, pcmu)
	c.tick(0, false)
	for range 200 {
		c.tick(0, true)
	}
	if c.s.still != settled {
		t.Fatal("it does not rest")
	}
	c.s.frame[3] = 1 // the caller may write to it
	c.tick(0, true)
	if !isBelow(c.s.frame, 0) {
		t.Error("what the caller has written is heard")
	}
	if n := testing.AllocsPerRun(100, func() { c.tick(0, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRest is one second of a leg that sends nothing.
func BenchmarkRest(b *testing.B) {
	c := newCanned(b, pcmu)
	c.tick(0, false)
	for b.Loop() {
		for range 50 {
			c.tick(0, true)
		}
	}
}
