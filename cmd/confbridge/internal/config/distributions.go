package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/rooms/distribution"
)

// Distributions is where rooms' mixes may go besides, and how that is announced.
type Distributions struct {
	// Groups and Listeners may be sent to.
	Groups, Listeners []netip.Prefix
	// Interfaces may be sent from; none: all.
	Interfaces []string
	// MaxTTL is the greatest TTL, Max how many there may be, MaxPacketsPerSecond what they may send together.
	MaxTTL, Max, MaxPacketsPerSecond int
	// AnnounceInterval is the least time between two announcements of one.
	AnnounceInterval time.Duration
	// Origin is the address that descriptions name as ours; not valid: that of the loopback.
	Origin netip.Addr
}

// Policy is what of it package distribution knows.
func (d Distributions) Policy() distribution.Policy {
	return distribution.Policy{
		Groups: d.Groups, Listeners: d.Listeners, Interfaces: d.Interfaces, MaxTTL: d.MaxTTL, Max: d.Max, MaxPacketsPerSecond: d.MaxPacketsPerSecond,
	}
}

// Bounds of Distributions.
const (
	maxTTL              = 255
	maxDSCP             = 63
	maxDistributions    = 10_000
	maxDistributionRate = 1_000_000 // packets a second
	minAnnounceInterval = 5 * time.Second
	maxAnnounceInterval = time.Hour
)

func defaultDistributions() Distributions {
	return Distributions{
		Groups: distribution.DefaultGroups(), MaxTTL: distribution.SiteTTL, Max: distribution.DefaultMax, MaxPacketsPerSecond: distribution.DefaultMaxRate,
		AnnounceInterval: 5 * time.Minute,
	}
}

// distributionsKeys are those of distributions.
func distributionsKeys() []key {
	count := func(name string, most int, at func(*Distributions) *int) key {
		return key{
			path: "distributions." + name,
			set:  func(c *Config, s string) (err error) { *at(&c.Distributions), err = parseCount(s, 1, most); return err },
			get:  func(c *Config) string { return strconv.Itoa(*at(&c.Distributions)) },
		}
	}
	networks := func(name string, empty bool, check func(netip.Prefix) error, at func(*Distributions) *[]netip.Prefix) key {
		return key{
			path: "distributions." + name, shape: list, empty: empty,
			clear: func(c *Config) { *at(&c.Distributions) = nil },
			set:   func(c *Config, s string) error { return addNetwork(at(&c.Distributions), s, check) },
			get:   func(c *Config) string { return quotedList(*at(&c.Distributions), netip.Prefix.String) },
		}
	}
	return []key{
		networks("groups", false, checkGroups, func(d *Distributions) *[]netip.Prefix { return &d.Groups }),
		networks("listeners", true, checkListeners, func(d *Distributions) *[]netip.Prefix { return &d.Listeners }),
		{
			path: "distributions.interfaces", shape: list, empty: true,
			clear: func(c *Config) { c.Distributions.Interfaces = nil },
			set:   func(c *Config, s string) error { return addText(nil)(&c.Distributions.Interfaces, s) },
			get:   func(c *Config) string { return quotedList(c.Distributions.Interfaces, strings.Clone) },
		},
		count("max_ttl", maxTTL, func(d *Distributions) *int { return &d.MaxTTL }),
		count("max", maxDistributions, func(d *Distributions) *int { return &d.Max }),
		count("max_packets_per_second", maxDistributionRate, func(d *Distributions) *int { return &d.MaxPacketsPerSecond }),
		{
			path: "distributions.announce_interval",
			set: func(c *Config, s string) (err error) {
				c.Distributions.AnnounceInterval, err = parseDuration(s, minAnnounceInterval, maxAnnounceInterval)
				return err
			},
			get: func(c *Config) string { return durationYAML(c.Distributions.AnnounceInterval) },
		},
		{
			path: "distributions.origin",
			set:  func(c *Config, s string) (err error) { c.Distributions.Origin, err = parseHostAddr(s); return err },
			get:  func(c *Config) string { return addrYAML(c.Distributions.Origin) },
		},
	}
}

// addNetwork appends a network, or a single address, that check has no fault with.
func addNetwork(to *[]netip.Prefix, s string, check func(netip.Prefix) error) error {
	if err := addPrefix(to, s); err != nil {
		return err
	}
	return check((*to)[len(*to)-1])
}

func checkGroups(p netip.Prefix) error {
	if least := map[bool]int{true: 4, false: 8}[p.Addr().Is4()]; !p.Addr().IsMulticast() || p.Bits() < least {
		return fmt.Errorf("%s has addresses that are no groups", p)
	}
	return nil
}

func checkListeners(p netip.Prefix) error {
	if p.Addr().IsMulticast() {
		return fmt.Errorf("%s is groups, which belong into distributions.groups", p)
	}
	return nil
}

// parseHostAddr is the address of a host; not valid for nothing.
func parseHostAddr(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.IsMulticast() || a.IsUnspecified() || a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is not the address of a host", s)
	}
	return a.Unmap(), nil
}

func addrYAML(a netip.Addr) string {
	if !a.IsValid() {
		return `""`
	}
	return strconv.Quote(a.String())
}
