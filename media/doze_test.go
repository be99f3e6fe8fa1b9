package media

import (
	"testing"
	"time"
)

// TestALegOnHoldIsLookedAtSeldom: until something comes, and then at each tick; and at once when the hold is over.
func TestALegOnHoldIsLookedAtSeldom(t *testing.T) {
	for _, way := range []string{"by itself", "by an exchange"} {
		t.Run(way, func(t *testing.T) {
			e := newTestEngine(t, Config{})
			var x *Exchange
			if way == "by an exchange" {
				e, x = newExchangeTest(t)
			}
			l, p := openLeg(t, e, "127.0.0.1"), newPeer(t, "127.0.0.1")
			s := p.stream()
			s.Send = false
			configure(t, l, s)
			var in ear
			now, sequence := time.Now(), uint16(0)
			tick := func() int {
				now = now.Add(20 * time.Millisecond)
				had := len(in.audio)
				together(t, x, now, []*Leg{l}, func(int) Inlet { return &in })
				return len(in.audio) - had
			}
			send := func() {
				sequence++
				p.send(p.rtp, packet(7, sequence), l.Addr())
			}
			send()
			send()
			if tick() == 0 {
				t.Fatal("nothing is heard of who has only just put us on hold")
			}
			now = now.Add(2 * dozeAfter)
			for l.calls != 0 {
				tick()
			}
			send()
			for i := range rtcpEvery - 1 {
				if n := tick(); n != 0 || !l.dozes() {
					t.Fatalf("look %d: %d packets", i, n)
				}
			}
			if n := tick(); n != 1 || l.dozes() {
				t.Errorf("got %d packets after 100 ms, want the one that has come", n)
			}
			for range 2 * rtcpEvery {
				if send(); tick() != 1 {
					t.Error("it is not looked at in each tick while something comes")
				}
			}
			now = now.Add(2 * dozeAfter)
			for l.calls != 1 {
				tick()
			}
			s.Send = true
			configure(t, l, s)
			if send(); tick() != 1 {
				t.Error("the hold is over, and it is not looked at")
			}
		})
	}
}
