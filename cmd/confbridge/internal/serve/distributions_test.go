package serve

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/media/sap"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/entry"
)

func TestDistributionsOfTheFileReachTheDistributor(t *testing.T) {
	networks := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
	origin := netip.MustParseAddr("192.0.2.9")
	got := distributorConfig(config.Config{Distributions: config.Distributions{
		Groups: networks("239.1.0.0/16"), Listeners: networks("10.0.0.0/8"), Interfaces: []string{"eth0"}, MaxTTL: 8, Max: 3, MaxPacketsPerSecond: 400, Origin: origin,
	}}, nil, nil, nil)
	want := distribution.Policy{
		Groups: networks("239.1.0.0/16"), Listeners: networks("10.0.0.0/8"), Interfaces: []string{"eth0"}, MaxTTL: 8, Max: 3, MaxPacketsPerSecond: 400,
	}
	if diff := cmp.Diff(want, got.Policy, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || got.Origin != origin {
		t.Errorf("origin %v, policy (-want +got):\n%s", got.Origin, diff)
	}
}

// hall is a distribution as the file declares it.
func hall() distribution.Distribution {
	return distribution.Distribution{
		ID: "hall", To: []netip.AddrPort{netip.MustParseAddrPort("239.1.2.3:5004")}, TTL: 1, DSCP: distribution.DefaultDSCP, Codec: codec.PCMU,
		Packet: 20 * time.Millisecond, Silence: distribution.SilenceSound, Suite: distribution.SuiteCM, Key: make([]byte, 30),
	}
}

func TestADeclaredDistributionIsTheSameAfterARestart(t *testing.T) {
	declared := func(d distribution.Distribution) distribution.Distribution {
		t.Helper()
		desk, err := entry.New(entry.Config{}, rooms.NewRegistry(rooms.Config{}))
		if err != nil {
			t.Fatal(err)
		}
		list := []config.Room{{Number: "1000", DisplayName: "Sales", Distributions: []distribution.Distribution{d}}}
		all, err := (&Main{cfg: config.Config{Rooms: config.Rooms{List: list}}, desk: desk}).declared(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		reg := rooms.NewRegistry(rooms.Config{})
		t.Cleanup(func() { _ = reg.Close(context.WithoutCancel(t.Context())) })
		if err := reg.Restore(t.Context(), rooms.Memory{Declared: all}); err != nil {
			t.Fatal(err)
		}
		info, err := reg.Info(t.Context(), "1000")
		if err != nil {
			t.Fatal(err)
		}
		got, there := info.Distributions.Find("hall")
		if !there || !info.Declared {
			t.Fatalf("got %+v", info)
		}
		return got
	}
	before, changed := hall(), hall()
	changed.TTL = 4
	first, again, other := declared(before), declared(before), declared(changed)
	if !first.Equal(again) || first.SSRC == 0 || first.Session == 0 || first.Version == 0 {
		t.Errorf("got %+v, was %+v", again, first)
	}
	if other.SSRC != first.SSRC || other.Session != first.Session || other.Version == first.Version {
		t.Errorf("with another TTL: got %+v, was %+v", other, first)
	}
}

func TestAnnouncementsAreCounted(t *testing.T) {
	radio := sap.NewAnnouncer(sap.AnnouncerConfig{})
	defer radio.Close()
	reg := prometheus.NewPedanticRegistry()
	for _, c := range radioMetrics(radio) {
		if err := reg.Register(c); err != nil {
			t.Fatal(err)
		}
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "confbridge_sap_packets_total" || len(families[0].GetMetric()) != 2 {
		t.Errorf("got %v, %v", families, err)
	}
}
