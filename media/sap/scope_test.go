package sap

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestEachGroupIsAnnouncedWithinItsScope(t *testing.T) {
	for group, want := range map[string]struct{ at, scope string }{
		"224.2.128.0":           {"224.2.127.254:9875", "global"},
		"224.2.255.255":         {"224.2.127.254:9875", "global"},
		"232.1.2.3":             {"224.2.127.254:9875", "global"}, // source-specific
		"239.1.2.3":             {"224.2.127.254:9875", "admin"},
		"239.191.255.255":       {"224.2.127.254:9875", "admin"},
		"239.192.0.0":           {"239.195.255.255:9875", "organization"},
		"239.195.255.254":       {"239.195.255.255:9875", "organization"},
		"239.196.0.0":           {"224.2.127.254:9875", "admin"},
		"239.255.0.1":           {"239.255.255.255:9875", "local"},
		"224.0.0.200":           {"224.0.0.255:9875", "link"},
		"ff02::1234":            {"[ff02::2:7ffe]:9875", "link"},
		"ff15::1234":            {"[ff05::2:7ffe]:9875", "site"},
		"ff38::4321":            {"[ff08::2:7ffe]:9875", "organization"}, // source-specific
		"ff3e::4321":            {"[ff0e::2:7ffe]:9875", "global"},
		"ff19::1":               {"[ff09::2:7ffe]:9875", "unknown"},
		"::ffff:239.255.1.1":    {"239.255.255.255:9875", "local"},
		"ff02::1234%somewhere":  {"[ff02::2:7ffe]:9875", "link"},
		"ff35:40:2001:db8::1:2": {"[ff05::2:7ffe]:9875", "site"},
	} {
		addr := netip.MustParseAddr(group)
		if got, err := AddressFor(addr); err != nil || got.String() != want.at {
			t.Errorf("%s: got %v, %v; want %s", group, got, err, want.at)
		}
		if got := Scope(addr); got != want.scope {
			t.Errorf("%s: got scope %s, want %s", group, got, want.scope)
		}
	}
	for _, addr := range []netip.Addr{{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")} {
		if _, err := AddressFor(addr); !errors.Is(err, ErrNoScope) {
			t.Errorf("%v: got %v, want ErrNoScope", addr, err)
		}
	}
	if got := Scope(netip.MustParseAddr("192.0.2.1")); got != "unicast" {
		t.Errorf("got %q, want unicast", got)
	}
}

func TestIntervalsKeepToTheLimit(t *testing.T) {
	for _, row := range []struct {
		announcements, size int
		least, want         time.Duration
	}{
		{1, 500, LeastInterval, 300 * time.Second},
		{300, 500, LeastInterval, 300 * time.Second},
		{301, 500, LeastInterval, 301 * time.Second},
		{1000, 1000, LeastInterval, 2000 * time.Second},
		{1, 500, time.Second, time.Second},
		{5, 500, time.Second, 5 * time.Second},
	} {
		if got := interval(row.announcements, row.size, row.least); got != row.want {
			t.Errorf("%d of %d bytes, at least %v: got %v, want %v", row.announcements, row.size, row.least, got, row.want)
		}
	}
	for chance, want := range map[float64]time.Duration{0: 200 * time.Second, 0.5: 300 * time.Second, 1: 400 * time.Second} {
		if got := spread(300*time.Second, chance); got != want {
			t.Errorf("chance %v: got %v, want %v", chance, got, want)
		}
	}
}
