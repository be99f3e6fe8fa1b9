package multicast

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/confbridge/confbridge/media/internal/udp"
)

func TestWhichInterfaceAPathGoesOutBy(t *testing.T) {
	newNetwork(t)
	mustRun(t, "link property add dev a0 altname stage")
	a0, err := udp.LinkNamed("a0")
	if err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort("10.77.0.2:5004")
	for _, row := range []struct {
		name string
		path Path
		want int // 0: there is none
	}{
		{"by its name", Path{Interface: "a0"}, a0.Index},
		{"by another name of it", Path{Interface: "stage"}, a0.Index},
		{"by its address", Path{Source: netip.MustParseAddr("10.77.0.1")}, a0.Index},
		{"by its address of IPv6", Path{Source: netip.MustParseAddr("fd77::1")}, a0.Index},
		{"by the route", Path{}, a0.Index},
		{"the loopback's", Path{Source: netip.MustParseAddr("127.0.0.1")}, 1},
		{"none of that name", Path{Interface: "nosuch0"}, 0},
		{"none of that address", Path{Source: netip.MustParseAddr("10.66.0.1")}, 0},
	} {
		got, err := row.path.Link(to)
		if got != row.want || (row.want == 0) != errors.Is(err, ErrPath) {
			t.Errorf("%s: got %d, %v, want %d", row.name, got, err, row.want)
		}
	}
	if got, err := (&Path{}).Link(netip.MustParseAddrPort("10.66.0.1:5004")); !errors.Is(err, ErrPath) {
		t.Errorf("without a route: got %d, %v, want ErrPath", got, err)
	}
}
