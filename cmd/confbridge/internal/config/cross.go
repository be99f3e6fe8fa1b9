package config

import (
	"net"
	"net/netip"
)

// endpoint is one address that the bridge listens on.
type endpoint struct {
	key     string
	network string // "udp", "tcp" or "sctp"
	addr    netip.AddrPort
	at      place // without a source: a default
}

// cross checks what no key can know by itself: ports that are wanted twice, a voice that is nowhere.
func (l *loader) cross() {
	l.crossVoice()
	l.crossCommands()
	all := l.endpoints()
	for i, e := range all {
		for _, other := range all[:i] {
			if e.collides(other) {
				l.blame(e, other.at, other.key, "%s %s is wanted by both %s and %s", e.network, e.addr, other.key, e.key)
				break
			}
		}
		if e.network == "udp" && l.cfg.Media.Ports.contains(int(e.addr.Port())) {
			l.blame(e, l.places["media.ports"], "media.ports", "port %d of %s lies in media.ports, %v",
				e.addr.Port(), e.key, l.cfg.Media.Ports)
		}
	}
}

// blame reports a fault of two keys at the one that somebody has set: e's, else the other's.
func (l *loader) blame(e endpoint, other place, otherKey, format string, args ...any) {
	at, key := e.at, e.key
	if at.source == "" {
		at, key = other, otherKey
	}
	l.fault(at, key, format, args...)
}

func (l *loader) endpoints() []endpoint {
	var all []endpoint
	for i, lis := range l.cfg.SIP.Listen {
		e := endpoint{key: "sip.listen", network: lis.network(), addr: lis.Addr}
		if len(l.listeners) > 0 {
			e.key, e.at = l.listeners[i].path, l.listeners[i].at
		}
		all = append(all, e)
	}
	for _, api := range []struct{ key, addr string }{{"api.grpc", l.cfg.API.GRPC}, {"api.http", l.cfg.API.HTTP}} {
		if addr, ok := addrOf(api.addr); ok {
			all = append(all, endpoint{key: api.key, network: "tcp", addr: addr, at: l.places[api.key]})
		}
	}
	return all
}

// addrOf is the address behind host:port without asking a name server; false where only one would know.
func addrOf(hostPort string) (netip.AddrPort, bool) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.AddrPort{}, false
	}
	switch host {
	case "":
		host = "::"
	case "localhost":
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	return addr, err == nil
}

// collides says whether both cannot be bound. An unspecified address takes the port of all addresses of its family,
// and :: that of both families.
func (e endpoint) collides(other endpoint) bool {
	if e.network != other.network || e.addr.Port() != other.addr.Port() || e.addr.Port() == 0 {
		return false
	}
	a, b := e.addr.Addr().Unmap(), other.addr.Addr().Unmap()
	return a == b || covers(a, b) || covers(b, a)
}

func covers(wide, narrow netip.Addr) bool {
	return wide.IsUnspecified() && (wide.Is6() || narrow.Is4())
}
