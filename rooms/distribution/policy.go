package distribution

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Policy is which distributions a bridge may have. The zero value is that of one that nobody has configured.
type Policy struct {
	// Groups may be sent to; none given: DefaultGroups.
	Groups []netip.Prefix
	// Listeners may be; none given: none.
	Listeners []netip.Prefix
	// Interfaces may be sent from, and then each distribution names one; none given: all.
	Interfaces []string
	// MaxTTL is the greatest of groups; 0 means SiteTTL.
	MaxTTL int
	// Max is how many distributions there may be in all rooms; 0 means 100.
	Max int
	// MaxPacketsPerSecond is how many packets all of them may send together; 0 means 50,000.
	MaxPacketsPerSecond int
}

// What a Policy allows that says nothing.
const (
	DefaultMax     = 100
	DefaultMaxRate = 50_000 // packets a second
)

// DefaultGroups are those within organizations: administratively scoped ones (RFC 2365), source-specific ones (RFC 4607), and of IPv6 those whose scope is
// site to organization (RFC 4291 §2.7), of both kinds.
func DefaultGroups() []netip.Prefix {
	groups := []netip.Prefix{netip.MustParsePrefix("239.0.0.0/8"), netip.MustParsePrefix("232.0.0.0/8")}
	for scope := 5; scope <= 8; scope++ {
		groups = append(groups, netip.MustParsePrefix(fmt.Sprintf("ff0%d::/16", scope)), netip.MustParsePrefix(fmt.Sprintf("ff3%d::/16", scope)))
	}
	return groups
}

func notAllowed(field, format string, args ...any) error {
	return &Error{Field: field, Text: fmt.Sprintf(format, args...), Err: ErrNotAllowed}
}

// Allow says whether d may be (an Error). It does not look at how many there are.
func (p *Policy) Allow(d Distribution) error {
	for _, to := range d.To {
		switch a := to.Addr(); {
		case a.IsMulticast() && !p.allowsGroup(a):
			return notAllowed("destinations", "group %s is outside distributions.groups", a)
		case !a.IsMulticast() && !contains(p.Listeners, a):
			return notAllowed("destinations", "%s is no group, and outside distributions.listeners", a)
		}
	}
	if _, group := d.Group(); group && d.TTL > p.TTL() { // listeners are allowed one by one, wherever they are
		return notAllowed("ttl", "%d leaves the site: distributions.max_ttl is %d", d.TTL, p.TTL())
	}
	return p.allowInterface(d.Interface)
}

// AllowSource says whether rooms may take in what is sent to a group, by the interface of that name (an Error, of the fields of what is taken in).
func (p *Policy) AllowSource(group netip.Addr, by string) error {
	if !p.allowsGroup(group) {
		return notAllowed("group", "group %s is outside distributions.groups", group)
	}
	return p.allowInterface(by)
}

// TTL is the greatest that groups may have.
func (p *Policy) TTL() int { return cmp.Or(p.MaxTTL, SiteTTL) }

// Most is how many distributions there may be in all rooms, and as many sessions may be taken in.
func (p *Policy) Most() int { return cmp.Or(p.Max, DefaultMax) }

func (p *Policy) allowsGroup(a netip.Addr) bool {
	if len(p.Groups) == 0 {
		return contains(DefaultGroups(), a)
	}
	return contains(p.Groups, a)
}

func (p *Policy) allowInterface(name string) error {
	switch {
	case len(p.Interfaces) > 0 && name == "":
		return notAllowed("interface", "none is named, and distributions.interfaces allows some only")
	case len(p.Interfaces) > 0 && !slices.Contains(p.Interfaces, name):
		return notAllowed("interface", "%s is not among distributions.interfaces", name)
	}
	return nil
}

func contains(all []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(all, func(n netip.Prefix) bool { return n.Contains(a) })
}

// AllowAll says whether all of these may be together (an Error).
func (p *Policy) AllowAll(all []Distribution) error {
	rate := 0
	for _, d := range all {
		rate += len(d.To) * int(time.Second/max(d.Packet, time.Millisecond))
	}
	if most := p.Most(); len(all) > most {
		return notAllowed("destinations", "%d distributions, and distributions.max is %d", len(all), most)
	}
	if most := cmp.Or(p.MaxPacketsPerSecond, DefaultMaxRate); rate > most {
		return notAllowed("destinations", "%d packets a second of all distributions, and distributions.max_packets_per_second is %d", rate, most)
	}
	return nil
}
