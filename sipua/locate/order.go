package locate

import (
	"context"
	"net"
	"net/netip"
	"slices"
)

// policy is the table of RFC 6724 §2.1, the longest prefixes first.
var policy = []struct {
	prefix            netip.Prefix
	precedence, label int
}{
	{netip.MustParsePrefix("::1/128"), 50, 0},
	{netip.MustParsePrefix("::ffff:0:0/96"), 35, 4},
	{netip.MustParsePrefix("::/96"), 1, 3},
	{netip.MustParsePrefix("2001::/32"), 5, 5},
	{netip.MustParsePrefix("2002::/16"), 30, 2},
	{netip.MustParsePrefix("3ffe::/16"), 1, 12},
	{netip.MustParsePrefix("fec0::/10"), 1, 11},
	{netip.MustParsePrefix("fc00::/7"), 3, 13},
	{netip.MustParsePrefix("::/0"), 40, 1},
}

func classify(a netip.Addr) (precedence, label int) {
	a = netip.AddrFrom16(a.As16()) // IPv4 in its IPv6 form
	for _, p := range policy {
		if p.prefix.Contains(a) || p.prefix.Bits() == 96 && a.Is4In6() && p.prefix.Addr().Is4In6() {
			return p.precedence, p.label
		}
	}
	return 0, 0
}

// prefer sorts addresses by rules 1, 5, and 6 of RFC 6724 §6: those without a way to them last, then those whose source
// is not of their kind, then by precedence. The order is otherwise kept. At most maxAddrs are returned.
func (l *Locator) prefer(ctx context.Context, ips []netip.Addr) []netip.Addr {
	ips = slices.Clone(ips[:min(len(ips), maxAddrs)])
	if len(ips) < 2 {
		return ips
	}
	rank := make(map[netip.Addr]int, len(ips))
	for _, ip := range ips {
		from := l.sources(ctx, ip)
		precedence, label := classify(ip)
		rank[ip] = precedence
		if from.IsValid() {
			rank[ip] += 1000
			if _, ours := classify(from); ours == label {
				rank[ip] += 100
			}
		}
	}
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return rank[b] - rank[a] })
	return ips
}

// source asks the kernel's routing table by connecting a UDP socket; nothing is sent.
func source(ctx context.Context, to netip.Addr) netip.Addr {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", netip.AddrPortFrom(to, 9).String())
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = c.Close() }()
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
