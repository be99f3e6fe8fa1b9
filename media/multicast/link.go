package multicast

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/confbridge/confbridge/media/internal/udp"
)

// Link is the index of the interface that what is sent to an address goes out by, as things stand (ErrPath): the one that is named, whatever name of it that is, the
// one that has the source's address, or the route's.
func (p *Path) Link(to netip.AddrPort) (index int, err error) {
	if p.Interface != "" {
		link, err := udp.LinkNamed(p.Interface)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrPath, err)
		}
		return link.Index, nil
	}
	source := p.Source
	if !source.IsValid() {
		if source, err = udp.SourceFor(udp.Plain(to), udp.Route{}); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrPath, err)
		}
	}
	links, err := net.Interfaces()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrPath, err)
	}
	for _, link := range links {
		if addrs, err := link.Addrs(); err == nil && has(addrs, source) {
			return link.Index, nil
		}
	}
	return 0, fmt.Errorf("no interface has %s: %w", source, ErrPath)
}

// has says whether an address is among those of an interface.
func has(all []net.Addr, a netip.Addr) bool {
	for _, one := range all {
		if n, ok := one.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == a.Unmap().WithZone("") {
				return true
			}
		}
	}
	return false
}
