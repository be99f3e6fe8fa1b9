package distribution

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

func to(all ...string) []netip.AddrPort {
	var to []netip.AddrPort
	for _, a := range all {
		to = append(to, netip.MustParseAddrPort(a))
	}
	return to
}

// good is a distribution that nothing is wrong with.
func good() Distribution {
	return Distribution{
		ID: "hall", To: to("239.1.2.3:5004"), TTL: 1, DSCP: DefaultDSCP, Codec: codec.PCMU, Packet: 20 * time.Millisecond, Silence: SilenceSound,
		Created: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC),
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	for _, row := range []struct {
		name, field, text string
		change            func(*Distribution)
	}{
		{"no ID", "id", `""`, func(d *Distribution) { d.ID = "" }},
		{"an ID in capitals", "id", "Hall", func(d *Distribution) { d.ID = "Hall" }},
		{"a path in an ID", "id", "../x", func(d *Distribution) { d.ID = "../x" }},
		{"nowhere", "destinations", "none is given", func(d *Distribution) { d.To = nil }},
		{"an odd port", "destinations", "port 5005 is not even", func(d *Distribution) { d.To = to("239.1.2.3:5005") }},
		{"no port", "destinations", "port 0", func(d *Distribution) { d.To = to("239.1.2.3:0") }},
		{"two groups", "destinations", "a group among others", func(d *Distribution) { d.To = to("239.1.2.3:5004", "239.1.2.4:5004") }},
		{"a group and a listener", "destinations", "a group among others", func(d *Distribution) { d.To = to("10.0.0.1:5004", "239.1.2.4:5004") }},
		{"both families", "destinations", "IPv4 and IPv6", func(d *Distribution) { d.To = to("10.0.0.1:5004", "[fd00::1]:5004") }},
		{"one twice", "destinations", "twice", func(d *Distribution) { d.To = to("10.0.0.1:5004", "10.0.0.1:5004") }},
		{"everybody", "destinations", "everybody", func(d *Distribution) { d.To = to("255.255.255.255:5004") }},
		{"nobody", "destinations", "no address", func(d *Distribution) { d.To = to("0.0.0.0:5004") }},
		{"a zone", "destinations", "no address", func(d *Distribution) { d.To = to("[ff02::1%eth0]:5004") }},
		{"too many", "destinations", "at most 1024", func(d *Distribution) { d.To = make([]netip.AddrPort, MaxListeners+1) }},
		{"a TTL of 0", "ttl", "0, want 1 to 255", func(d *Distribution) { d.TTL = 0 }},
		{"a TTL of 256", "ttl", "256, want 1 to 255", func(d *Distribution) { d.TTL = 256 }},
		{"a DSCP of 64", "dscp", "64", func(d *Distribution) { d.DSCP = 64 }},
		{"a long interface", "interface", "too long", func(d *Distribution) { d.Interface = strings.Repeat("e", 16) }},
		{"another family's source", "source", "fd00::1", func(d *Distribution) { d.Source = netip.MustParseAddr("fd00::1") }},
		{"a group as source", "source", "239.1.1.1", func(d *Distribution) { d.Source = netip.MustParseAddr("239.1.1.1") }},
		{"source-specific without one", "source", "RFC 4607", func(d *Distribution) { d.To = to("232.1.2.3:5004") }},
		{"source-specific without one, IPv6", "source", "RFC 4607", func(d *Distribution) { d.To = to("[ff35::1234]:5004") }},
		{"a codec that we do not send", "codec", "GSM", func(d *Distribution) { d.Codec = "GSM" }},
		{"a rate that it has not", "codec", "44100", func(d *Distribution) { d.Codec, d.RateHz = codec.L16, 44100 }},
		{"no packet time", "packet_time", "0s", func(d *Distribution) { d.Packet = 0 }},
		{"one that nobody could announce", "interface", "none is named", func(d *Distribution) { d.Announced, d.Interface = true, "" }},
		{"an odd packet time", "packet_time", "25ms", func(d *Distribution) { d.Packet = 25 * time.Millisecond }},
		{"no silence", "silence", `""`, func(d *Distribution) { d.Silence = "" }},
		{"noise of Opus", "silence", "RFC 3389", func(d *Distribution) { d.Codec, d.Silence = codec.Opus, SilenceNoise }},
		{"a suite that is none", "encryption", "ROT13", func(d *Distribution) { d.Suite = "ROT13" }},
		{"a short key", "encryption", "29 bytes, want 30", func(d *Distribution) { d.Suite, d.Key = SuiteCM, make([]byte, 29) }},
		{"a key for nothing", "encryption", "want 0", func(d *Distribution) { d.Key = make([]byte, 30) }},
		{"a long opening", "opening", "at most 256", func(d *Distribution) { d.Opening = strings.Repeat("a", 257) }},
	} {
		d := good()
		if err := d.Check(); err != nil {
			t.Fatalf("a good one: %v", err)
		}
		row.change(&d)
		err := d.Check()
		if e, ok := errors.AsType[*Error](err); !ok || e.Field != row.field || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: got %v, want %s: … %s …", row.name, err, row.field, row.text)
		}
	}
}

func TestAllowNamesWhatIsNot(t *testing.T) {
	for _, row := range []struct {
		name   string
		policy Policy
		change func(*Distribution)
		want   string // empty: it is allowed
	}{
		{"a group within the organization", Policy{}, func(*Distribution) {}, ""},
		{"a source-specific one", Policy{}, func(d *Distribution) { d.To, d.Source = to("232.1.2.3:5004"), netip.MustParseAddr("10.0.0.1") }, ""},
		{"a site's of IPv6", Policy{}, func(d *Distribution) { d.To = to("[ff05::1:2]:5004") }, ""},
		{"the link's of IPv6", Policy{}, func(d *Distribution) { d.To = to("[ff02::1:2]:5004") }, "destinations: group ff02::1:2 is outside distributions.groups"},
		{"the world's of IPv6", Policy{}, func(d *Distribution) { d.To = to("[ff0e::1:2]:5004") }, "destinations: group ff0e::1:2 is outside distributions.groups"},
		{"a group of the internet", Policy{}, func(d *Distribution) { d.To = to("224.2.0.1:5004") }, "destinations: group 224.2.0.1 is outside distributions.groups"},
		{"one of a list", Policy{Groups: []netip.Prefix{netip.MustParsePrefix("224.2.0.0/16")}}, func(d *Distribution) { d.To = to("224.2.0.1:5004") }, ""},
		{"a single host", Policy{}, func(d *Distribution) { d.To = to("10.0.0.1:5004") }, "destinations: 10.0.0.1 is no group, and outside distributions.listeners"},
		{"one of the listeners", Policy{Listeners: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, func(d *Distribution) { d.To = to("10.0.0.1:5004") }, ""},
		{"far", Policy{}, func(d *Distribution) { d.TTL = 32 }, "ttl: 32 leaves the site: distributions.max_ttl is 31"},
		{"a single host of the listeners, far away", Policy{Listeners: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, func(d *Distribution) {
			d.To = to("10.0.0.1:5004")
			d.TTL = DefaultTTL(d.To)
		}, ""},
		{"as far as may be", Policy{MaxTTL: 64}, func(d *Distribution) { d.TTL = 64 }, ""},
		{"no interface", Policy{Interfaces: []string{"eth1"}}, func(*Distribution) {}, "interface: none is named, and distributions.interfaces allows some only"},
		{"another interface", Policy{Interfaces: []string{"eth1"}}, func(d *Distribution) { d.Interface = "eth0" }, "interface: eth0 is not among distributions.interfaces"},
		{"that interface", Policy{Interfaces: []string{"eth1"}}, func(d *Distribution) { d.Interface = "eth1" }, ""},
	} {
		d := good()
		row.change(&d)
		if err := d.Check(); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		err := row.policy.Allow(d)
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: %v", row.name, err)
		case row.want != "" && (!errors.Is(err, ErrNotAllowed) || err.Error() != row.want):
			t.Errorf("%s: got %v, want %s", row.name, err, row.want)
		}
	}
}

func TestARenamedSetHasGreaterVersions(t *testing.T) {
	a, b := good(), good()
	b.ID, b.To, b.Version = "garden", to("239.1.2.9:5004"), 41
	s, err := NewSet(a, b)
	if err != nil {
		t.Fatal(err)
	}
	renamed := Renamed(s)
	for i, d := range renamed.All() {
		was := s.All()[i]
		if d.Version != was.Version+1 {
			t.Errorf("%s: version %d behind %d", d.ID, d.Version, was.Version)
		}
		if d.Version = was.Version; !d.Equal(was) {
			t.Errorf("%s: more than the version has changed: %+v", d.ID, d)
		}
	}
	var none *Set
	if Renamed(none) != nil {
		t.Error("a room without distributions has some")
	}
}

func TestAllowAllBoundsNumberAndRate(t *testing.T) {
	d := good()
	if err := (&Policy{Max: 2}).AllowAll([]Distribution{d, d}); err != nil {
		t.Error(err)
	}
	if err := (&Policy{Max: 2}).AllowAll([]Distribution{d, d, d}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("3 of 2: got %v", err)
	}
	d.To, d.Packet = to("10.0.0.1:5004", "10.0.0.2:5004"), 10*time.Millisecond
	if err := (&Policy{MaxPacketsPerSecond: 200}).AllowAll([]Distribution{d}); err != nil {
		t.Error(err)
	}
	if err := (&Policy{MaxPacketsPerSecond: 199}).AllowAll([]Distribution{d}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("200 packets a second of 199: got %v", err)
	}
}

func TestASetIsKeptAsItIs(t *testing.T) {
	a, b := good(), good()
	b.ID, b.To, b.Suite, b.Key = "garden", to("[ff05::1]:5004"), SuiteGCM, []byte(strings.Repeat("k", 28))
	s, err := NewSet(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if all := s.All(); all[0].ID != "garden" || all[1].ID != "hall" {
		t.Errorf("in order %s, %s", all[0].ID, all[1].ID)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back *Set
	if err := json.Unmarshal(text, &back); err != nil || !back.Equal(s) {
		t.Errorf("got %v of %s, %v", back, text, err)
	}
	b.TTL++
	changed, err := s.With(b)
	if err != nil || changed.Equal(s) || len(changed.All()) != 2 {
		t.Errorf("with another TTL: got %v, %v", changed, err)
	}
	one, err := s.Without("garden")
	if _, there := one.Find("garden"); err != nil || there || len(one.All()) != 1 {
		t.Errorf("without one: got %v, %v", one, err)
	}
	if _, err := NewSet(a, a); !errors.Is(err, ErrInvalid) {
		t.Errorf("two of one ID: got %v", err)
	}
	if err := json.Unmarshal([]byte(`[{"ID":"x"}]`), &back); !errors.Is(err, ErrInvalid) {
		t.Errorf("a bad one: got %v", err)
	}
	var none *Set
	if !none.Equal(nil) || none.Equal(s) || none.All() != nil {
		t.Error("the nil set is not empty")
	}
}

func TestEachCodecCanBeSentWithNothingElseSaid(t *testing.T) {
	for _, name := range codec.Names() {
		for _, rate := range []int{0, 8000, 16000, 48000} {
			d := good()
			d.Codec, d.RateHz, d.Packet = name, rate, DefaultPacket(name, rate)
			if _, err := d.Format(); err != nil {
				continue // a rate that it has not
			}
			if err := d.Check(); err != nil {
				t.Errorf("%s at %d: %v", name, rate, err)
			}
		}
	}
}
