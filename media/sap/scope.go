package sap

import (
	"fmt"
	"net/netip"
)

// Port is where announcements go (RFC 2974 §3).
const Port = 9875

// The addresses of announcements in IPv4: the highest of the administrative scopes that RFC 2365 §6 gives bounds to, and one for all that is in
// none. Groups of 239/8 outside of these bounds are in scopes that only their network knows; theirs are announced at the address of
// all, where players listen, and their TTL keeps them as near as the sound.
var (
	globalIPv4       = netip.MustParseAddr("224.2.127.254")
	organizationIPv4 = netip.MustParseAddr("239.195.255.255")
	localIPv4        = netip.MustParseAddr("239.255.255.255")
	linkIPv4         = netip.MustParseAddr("224.0.0.255")

	organizationRange = netip.MustParsePrefix("239.192.0.0/14")
	localRange        = netip.MustParsePrefix("239.255.0.0/16")
	linkRange         = netip.MustParsePrefix("224.0.0.0/24")
	adminRange        = netip.MustParsePrefix("239.0.0.0/8")
)

// scopesIPv6 are the names of RFC 4291 §2.7, and RFC 7346 §2, by their digit in the address.
var scopesIPv6 = map[byte]string{1: "interface", 2: "link", 3: "realm", 4: "admin", 5: "site", 8: "organization", 0xe: "global"}

// AddressFor is where a session with a group is announced: within the scope of the group, so that who hears of it can hear it (RFC 2974 §3).
//
// Source-specific groups (RFC 4607) are announced as others are: to anybody's announcements a listener can listen without knowing who makes
// them, and the description names the source that the sound comes from. 232/8 is in no administrative scope; ff3x:: has the scope's digit
// where other groups have it. The error is ErrNoScope: a unicast address is announced to nobody.
func AddressFor(group netip.Addr) (netip.AddrPort, error) {
	group = group.Unmap().WithZone("")
	switch {
	case !group.IsMulticast():
		return netip.AddrPort{}, fmt.Errorf("%w: %v", ErrNoScope, group)
	case !group.Is4():
		return netip.AddrPortFrom(addressIPv6(group.As16()[1]&0xf), Port), nil
	case localRange.Contains(group):
		return netip.AddrPortFrom(localIPv4, Port), nil
	case organizationRange.Contains(group):
		return netip.AddrPortFrom(organizationIPv4, Port), nil
	case linkRange.Contains(group):
		return netip.AddrPortFrom(linkIPv4, Port), nil
	}
	return netip.AddrPortFrom(globalIPv4, Port), nil
}

// addressIPv6 is ff0X::2:7ffe.
func addressIPv6(scope byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xff, 1: scope, 13: 2, 14: 0x7f, 15: 0xfe})
}

// addresses are all that a [Listener] joins, of IPv4 or IPv6.
func addresses(v4 bool) []netip.Addr {
	if v4 {
		return []netip.Addr{globalIPv4, organizationIPv4, localIPv4, linkIPv4}
	}
	var all []netip.Addr
	for scope := byte(1); scope < 0xf; scope++ {
		if _, named := scopesIPv6[scope]; named {
			all = append(all, addressIPv6(scope))
		}
	}
	return all
}

// Scope is how far a group reaches by its address, in one word: link, local, organization, site, global and a few more. What is in IPv4
// in no scope with bounds is global, and of 239/8 admin: its network knows.
func Scope(group netip.Addr) string {
	group = group.Unmap()
	switch {
	case !group.IsMulticast():
		return "unicast"
	case !group.Is4():
		if name, ok := scopesIPv6[group.As16()[1]&0xf]; ok {
			return name
		}
		return "unknown"
	case localRange.Contains(group):
		return "local"
	case organizationRange.Contains(group):
		return "organization"
	case linkRange.Contains(group):
		return "link"
	case adminRange.Contains(group):
		return "admin"
	}
	return "global"
}
