package multicast

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer/codec"
)

func TestConfigsThatCannotBe(t *testing.T) {
	good := config(groups[0].group)
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"neither group nor listeners":  func(c *Config) { c.Group = netip.AddrPort{} },
		"both":                         func(c *Config) { c.Listeners = []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:6000")} },
		"a unicast address as group":   func(c *Config) { c.Group = netip.MustParseAddrPort("10.0.0.1:6000") },
		"an odd port":                  func(c *Config) { c.Group = netip.MustParseAddrPort("239.1.2.3:5005") },
		"no port":                      func(c *Config) { c.Group = netip.MustParseAddrPort("239.1.2.3:0") },
		"TTL 256":                      func(c *Config) { c.Path.TTL = 256 },
		"a TTL below 0":                func(c *Config) { c.Path.TTL = -1 },
		"DSCP 64":                      func(c *Config) { c.Path.DSCP = 64 },
		"a source of IPv6":             func(c *Config) { c.Path.Source = netip.MustParseAddr("fd77::1") },
		"a group as source":            func(c *Config) { c.Path.Source = netip.MustParseAddr("239.1.2.3") },
		"no codec":                     func(c *Config) { c.Profile = codec.Profile{} },
		"payload type 128":             func(c *Config) { c.PayloadType = 128 },
		"a payload type of RTCP":       func(c *Config) { c.PayloadType = 72 },
		"noise under the sound's type": func(c *Config) { c.Noise, c.PayloadType = 96, 96 },
		"a long name":                  func(c *Config) { c.Identity.Name = strings.Repeat("x", 256) },
		"a short key": func(c *Config) {
			c.Key = &Key{Suite: terms.AEADAES128GCM, Master: make([]byte, 15), Salt: make([]byte, 12)}
		},
		"an unknown suite": func(c *Config) { c.Key = &Key{Master: make([]byte, 16), Salt: make([]byte, 14)} },
		"the same listener twice": func(c *Config) {
			c.Group, c.Listeners = netip.AddrPort{}, slices.Repeat([]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:6000")}, 2)
		},
		"a group as listener": func(c *Config) { c.Group, c.Listeners = netip.AddrPort{}, []netip.AddrPort{c.Group} },
		"listeners of both families": func(c *Config) {
			c.Group, c.Listeners = netip.AddrPort{}, []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:6000"), netip.MustParseAddrPort("[fd77::2]:6000")}
		},
	} {
		c := good
		change(&c)
		if _, err := Open(c); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}
