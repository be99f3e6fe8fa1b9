package jitter_test

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/jitter"
)

// TestATickThatComesEarlierTakesTheSameSound: by however much, as long as the packets are there in time for it.
func TestATickThatComesEarlierTakesTheSameSound(t *testing.T) {
	for earlier := time.Duration(0); earlier <= 18*ms; earlier += ms / 2 {
		b := jitter.New(jitter.Config{})
		at := epoch
		delay := time.Duration(0)
		for i := range 400 {
			at = at.Add(20 * ms)
			if i == 50 {
				b.Earlier(earlier)
				at = at.Add(-earlier)
				delay = b.Stats().Delay
			}
			b.Put(packet(uint16(i), time.Duration(i)*20*ms)) // 20 ms before its tick, and 2 at least when that has moved
			p, what := next(b, at)
			if what != jitter.Play || int(p.Sequence) != i {
				t.Fatalf("%v earlier: tick %d got %v of packet %d", earlier, i, what, p.Sequence)
			}
			if got := b.Surplus(20 * ms); got != 0 {
				t.Errorf("%v earlier: at tick %d %v are to be cut or put in", earlier, i, got)
			}
		}
		if got := delay - b.Stats().Delay; got < earlier-ms/10 || got > earlier+ms/10 {
			t.Errorf("%v earlier: sound is heard %v sooner", earlier, got)
		}
	}
}
