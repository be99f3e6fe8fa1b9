package sap

import (
	"net/netip"
	"testing"

	"github.com/confbridge/confbridge/test/netns"
)

// TestTheNeighbourhoodCountsOthers on the interfaces that it is asked about.
func TestTheNeighbourhoodCountsOthers(t *testing.T) {
	t.Parallel()
	n := netns.New(t, "stage", "ear")
	from, ear := n.Host("stage"), n.Host("ear")
	around := NewNeighbourhood(t.Context(), nil)
	t.Cleanup(around.Close)
	mine := uint16(2)
	count := func(nic string) (got int) {
		ear.Do(func() {
			got = around.Count(nic, netip.AddrPortFrom(localIPv4, Port), func(source netip.Addr, hash uint16) bool { return source == from.IPv4 && hash == mine })
		})
		return got
	}
	if got := count(netns.Interface) + count("nowhere"); got != 0 {
		t.Errorf("%d are heard on a network where nothing is announced, and on none", got)
	}
	say := func(hash uint16) {
		t.Helper()
		p := Packet{Hash: hash, Source: from.IPv4, Payload: described(int(hash), 1)}
		if err := (inside{from}).send(datagram{to: netip.AddrPortFrom(localIPv4, Port), from: from.IPv4, nic: netns.Interface, ttl: 1, bytes: mustMarshal(t, p)}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "two of three are others'", func() bool {
		for hash := range uint16(3) {
			say(1 + hash)
		}
		return count(netns.Interface) == 2
	})
	around.Close()
	if got := count(netns.Interface); got != 0 {
		t.Errorf("%d are heard after the end", got)
	}
}
