package transport

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestWhoIsShownTheAdvertisedAddress(t *testing.T) {
	for _, c := range []struct {
		name     string
		external []string
		shown    string // peers, to whom it is shown
		hidden   string
	}{
		{"nothing said: everybody", nil, "127.0.0.1 10.1.2.3 203.0.113.7 2001:db8::1", ""},
		{"some networks", []string{"203.0.113.0/24", "198.51.100.9"}, "203.0.113.7 198.51.100.9", "198.51.100.8 10.1.2.3 2001:db8::1"},
		{"all but some", []string{"!10.0.0.0/8"}, "203.0.113.7 2001:db8::1", "10.1.2.3"},
		{"the longest prefix decides, wherever it stands", []string{"10.0.0.0/8", "10.1.2.0/24", "!10.1.0.0/16"}, "10.1.2.3 10.2.0.1", "10.1.3.1 203.0.113.7"},
		{"all but private ones", AllButPrivate(), "203.0.113.7 2001:db8::1", "127.0.0.1 10.1.2.3 192.168.1.1 172.31.0.1 fe80::1 fd00::1 ::1"},
		{"IPv4 in IPv6 is IPv4", []string{"203.0.113.0/24"}, "::ffff:203.0.113.7", "::ffff:10.0.0.1"},
	} {
		n, err := parseNetworks(c.external)
		if err != nil {
			t.Fatal(err)
		}
		for peers, want := range map[string]bool{c.shown: true, c.hidden: false} {
			for _, p := range strings.Fields(peers) {
				if n.has(netip.MustParseAddr(p)) != want {
					t.Errorf("%s: %s: want %v", c.name, p, want)
				}
			}
		}
	}
}

func TestEachListenerAdvertisesItsOwn(t *testing.T) {
	m, e := open(t, Config{
		Listen: []string{"udp://127.0.0.1:0"}, Advertise: "bridge.example",
		Listeners: []Listener{
			{URL: "udp://127.0.0.2:0", Advertise: "198.51.100.7:15060"},
			{URL: "tcp://127.0.0.1:0", Advertise: "[2001:db8::5]", External: []string{"127.0.0.0/8"}},
			{URL: "tcp://127.0.0.2:0", Advertise: "198.51.100.7", External: []string{"203.0.113.0/24"}},
			{URL: "ws://127.0.0.1:0"},
		},
	})
	own := func(i int) int { return int(m.Addrs()[i].Addr.Port()) }
	for i, want := range []HostPort{
		{"bridge.example", own(0)},
		{"198.51.100.7", 15060},
		{"2001:db8::5", own(2)},
		{"127.0.0.2", own(3)},
		{"bridge.example", own(4)},
	} {
		to := m.Addrs()[i]
		if to.Transport == "WS" {
			f, err := m.Open(to) // the Via of a request of ours says the same
			if err != nil || f.SentBy != want {
				t.Errorf("got %v, %v; want %v", f.SentBy, err, want)
			}
			continue
		}
		call(t, to).say("%sl: 0\n\n", options(to.Transport+" x;branch=z9hG4bK1", 1))
		if got := e.next(t).flow.SentBy; got != want {
			t.Errorf("%s: got %v, want %v", to, got, want)
		}
	}
}

func TestAdvertiseFaults(t *testing.T) {
	for _, l := range []Listener{
		{Advertise: "host:port"}, {Advertise: "host:0"}, {Advertise: "a b"}, {Advertise: "sip:host@x"}, {External: []string{"10.0.0.0/33"}}, {External: []string{"here"}},
	} {
		l.URL = "udp://127.0.0.1:0"
		m, err := Listen(t.Context(), Config{Listeners: []Listener{l}})
		if err == nil {
			_ = m.Close()
		}
		if !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: got %v, want ErrConfig", l, err)
		}
	}
}
