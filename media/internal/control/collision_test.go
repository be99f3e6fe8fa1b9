package control

import (
	"net/netip"
	"testing"
	"time"
)

func TestWhatOurSSRCFromSomebodyElseMeans(t *testing.T) {
	var c Conflicts
	now := time.Now()
	a, b := netip.MustParseAddrPort("10.0.0.1:5005"), netip.MustParseAddrPort("10.0.0.2:5005")
	for _, row := range []struct {
		name string
		from netip.AddrPort
		wait time.Duration // before it
		want Verdict
	}{
		{"the first time", a, 0, Collision},
		{"again from there", a, time.Second, Loop},
		{"told of already", a, time.Second, Repeated},
		{"from elsewhere", b, time.Second, Collision},
		{"kept alive by coming", a, conflictAge - 2*time.Second, Repeated},
		{"forgotten after a while", b, 2 * time.Second, Collision},
	} {
		now = now.Add(row.wait)
		if got := c.Note(row.from, now); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
}

func TestMoreCollisionsThanChanceBringsChangeNothing(t *testing.T) {
	var c Conflicts
	begin := time.Now()
	count := func(from, n int, now time.Time) (collisions int) {
		for i := range n {
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(from+i))
			switch c.Note(addr, now.Add(time.Duration(i)*time.Second)) {
			case Collision:
				collisions++
			case Loop:
				t.Error("an address that was never heard of is a loop")
			case Repeated:
			}
		}
		return collisions
	}
	if got := count(1, 3000, begin); got != maxRenewals {
		t.Errorf("%d in the first hour, want %d", got, maxRenewals)
	}
	if got := count(10_000, 100, begin.Add(renewalAge+time.Minute)); got != maxRenewals {
		t.Errorf("%d after an hour, want %d", got, maxRenewals)
	}
}
