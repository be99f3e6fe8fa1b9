package transport

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Listener is one address to listen on and what peers are told of it.
type Listener struct {
	// URL is such as "tls://0.0.0.0:5061" or "ws://[::1]:8088"; port 0 takes a free one, no port is the transport's default.
	URL string
	// Advertise is the host, or host:port, that peers find this listener at: behind a NAT 1:1 its outside. Empty:
	// Config.Advertise.
	Advertise string
	// External says to which peers Advertise is shown; the others are shown the local address. Empty: Config.External.
	External []string
}

// shown is what peers are told of a listener.
type shown struct {
	host     string
	port     int // 0: the local one
	external networks
}

// networks are addresses by their prefixes. The longest prefix that has an address decides; a "!" excludes.
type networks []network1

type network1 struct {
	prefix netip.Prefix
	not    bool
}

// parseNetworks reads "203.0.113.0/24", "!10.0.0.0/8" or a single address.
func parseNetworks(list []string) (networks, error) {
	var out networks
	for _, s := range list {
		text, not := strings.CutPrefix(strings.TrimSpace(s), "!")
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, aerr := netip.ParseAddr(text)
			if aerr != nil {
				return nil, fmt.Errorf("%w: external network %q: want a form such as 203.0.113.0/24 or !10.0.0.0/8", ErrConfig, s)
			}
			p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		}
		out = append(out, network1{p.Masked(), not})
	}
	slices.SortStableFunc(out, func(a, b network1) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
	return out, nil
}

// AllButPrivate are the networks that a NAT 1:1 is mostly in front of, for Config.External: all but loopback, link-local, private
// and shared addresses (RFC 6890).
func AllButPrivate() []string {
	return []string{
		"!127.0.0.0/8", "!10.0.0.0/8", "!172.16.0.0/12", "!192.168.0.0/16", "!169.254.0.0/16", "!100.64.0.0/10",
		"!::1/128", "!fc00::/7", "!fe80::/10",
	}
}

// has says whether a peer is in the networks. None at all is everybody; where all are excluding, the rest is in.
func (n networks) has(peer netip.Addr) bool {
	peer = peer.Unmap().WithZone("")
	rest := true
	for _, one := range n {
		if one.prefix.Contains(peer) {
			return !one.not
		}
		rest = rest && one.not
	}
	return rest
}

// parseShown reads what one listener advertises.
func parseShown(advertise string, external []string) (shown, error) {
	n, err := parseNetworks(external)
	s := shown{host: advertise, external: n}
	if err != nil || advertise == "" {
		return s, err
	}
	if a, err := netip.ParseAddr(strings.Trim(advertise, "[]")); err == nil {
		s.host = a.String()
		return s, nil
	}
	if host, port, err := net.SplitHostPort(advertise); err == nil {
		p, err := strconv.ParseUint(port, 10, 16)
		if err != nil || p == 0 || host == "" {
			return s, fmt.Errorf("%w: advertise %q: want a host, or host:port", ErrConfig, advertise)
		}
		s.host, s.port = host, int(p)
	}
	if strings.ContainsAny(s.host, "/@ <>;,\r\n") {
		return s, fmt.Errorf("%w: advertise %q: want a host, or host:port", ErrConfig, advertise)
	}
	return s, nil
}

// sentBy is where a peer finds us by a transport: the local address, or what its listener advertises.
func (m *Manager) sentBy(name string, local netip.AddrPort, peer netip.Addr) HostPort {
	at := HostPort{local.Addr().WithZone("").String(), int(local.Port())}
	s := m.shown
	for i, t := range m.addrs {
		a := t.Addr.Addr()
		if t.Transport == name && t.Addr.Port() == local.Port() && (a == local.Addr().WithZone("") || a.IsUnspecified() && a.Is4() == local.Addr().Is4()) {
			s = m.shownAt[i]
			break
		}
	}
	if s.host == "" || !s.external.has(peer) {
		return at
	}
	return HostPort{s.host, cmp.Or(s.port, at.Port)}
}
