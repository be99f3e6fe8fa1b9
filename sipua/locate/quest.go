package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// quest is one call of Locate, and what it may still cost.
type quest struct {
	l    *Locator
	mu   sync.Mutex
	left int          // queries
	dead atomic.Value // error: the servers do not answer, nothing more is asked
}

// locate is RFC 3263 §4.1 and §4.2.
func (q *quest) locate(ctx context.Context, u message.URI) ([]transport.Target, error) {
	e, err := read(u)
	if err != nil {
		return nil, err
	}
	if e.transport != "" && !q.l.can(e.transport) {
		return nil, fmt.Errorf("%w: transport %s cannot be used", ErrNotFound, e.transport)
	}
	if e.addr.IsValid() || e.port != 0 {
		return q.direct(ctx, e)
	}
	if e.transport != "" {
		return q.services(ctx, e, []string{e.transport})
	}
	if list := q.byNAPTR(ctx, e); len(list) > 0 {
		return list, nil
	}
	return q.services(ctx, e, e.plain())
}

// direct is for a URI with a numeric host or a port: no NAPTR, no SRV.
func (q *quest) direct(ctx context.Context, e endpoint) ([]transport.Target, error) {
	name := e.transport
	if name == "" {
		// RFC 3263 §4.1: UDP, or TLS for sips; another only where we have none.
		for _, one := range e.plain() {
			if q.l.can(one) && (!e.addr.IsValid() || q.l.usable(one, e.addr.Is4())) {
				name = one
				break
			}
		}
	}
	return q.hostTargets(ctx, e, name, e.host, e.port)
}

// byNAPTR asks which transports a domain has (RFC 3263 §4.1). The records of the first order that leads anywhere count.
func (q *quest) byNAPTR(ctx context.Context, e endpoint) []transport.Target {
	rrs, _ := q.ask(ctx, dns.Fqdn(e.host), dns.TypeNAPTR) // without them, RFC 3263 has SRV asked
	list := q.usableNAPTR(rrs, e.secure)
	for len(list) > 0 {
		order := list[0].Order
		var found []transport.Target
		for len(list) > 0 && list[0].Order == order {
			one, _ := q.srvTargets(ctx, e, service(list[0]), list[0].Replacement)
			found = append(found, one...)
			list = list[1:]
		}
		if len(found) > 0 {
			return capped(found)
		}
	}
	return nil
}

// usableNAPTR keeps the records whose transport we have, sorted.
func (q *quest) usableNAPTR(rrs []dns.RR, secure bool) []*dns.NAPTR {
	var list []*dns.NAPTR
	for _, rr := range rrs[:min(len(rrs), maxNAPTR)] {
		n, ok := rr.(*dns.NAPTR)
		if !ok || !strings.EqualFold(n.Flags, "s") || n.Regexp != "" || n.Replacement == "." {
			continue
		}
		name := service(n)
		if name != "" && q.l.can(name) && (!secure || name == "TLS" || name == "WSS") {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b *dns.NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	return list
}

// service is the transport of a NAPTR record (RFC 3263 §4.1, RFC 4168 §7, RFC 7118 §8); empty for others.
func service(n *dns.NAPTR) string {
	switch strings.ToUpper(n.Service) {
	case "SIP+D2U":
		return "UDP"
	case "SIP+D2T":
		return "TCP"
	case "SIPS+D2T":
		return "TLS"
	case "SIP+D2S":
		return "SCTP"
	case "SIP+D2W":
		return "WS"
	case "SIPS+D2W":
		return "WSS"
	}
	return ""
}

// srvPrefix begins the names of a transport's SRV records.
func srvPrefix(name string) string {
	switch name {
	case "TLS":
		return "_sips._tcp."
	case "WSS":
		return "_sips._ws."
	}
	return "_sip._" + strings.ToLower(name) + "."
}

// services asks for the SRV records of each transport at once; where there are none, the host's own addresses count
// (RFC 3263 §4.1, §4.2).
func (q *quest) services(ctx context.Context, e endpoint, names []string) ([]transport.Target, error) {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !q.l.can(name) })
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: no transport can be used", ErrNotFound)
	}
	found := make([][]transport.Target, len(names))
	served := make([]bool, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { found[i], served[i] = q.srvTargets(ctx, e, name, srvPrefix(name)+dns.Fqdn(e.host)) })
	}
	wg.Wait()
	if list := slices.Concat(found...); len(list) > 0 {
		return capped(list), nil
	}
	if slices.Contains(served, true) {
		return nil, fmt.Errorf("%w: its SRV records lead nowhere", ErrNotFound)
	}
	return q.hostTargets(ctx, e, names[0], e.host, 0)
}

// srvTargets are the targets of one name's SRV records, sorted (RFC 2782), and whether there are any records.
func (q *quest) srvTargets(ctx context.Context, e endpoint, name, owner string) (out []transport.Target, served bool) {
	rrs, err := q.ask(ctx, owner, dns.TypeSRV)
	if err != nil {
		return nil, false
	}
	var list []*dns.SRV
	for _, rr := range rrs[:min(len(rrs), maxSRV)] {
		if s, ok := rr.(*dns.SRV); ok && s.Target != "." && s.Port != 0 {
			list = append(list, s)
		}
	}
	for _, s := range weigh(list, q.l.draw) {
		if len(out) >= maxTargets {
			break
		}
		one, err := q.hostTargets(ctx, e, name, s.Target, int(s.Port))
		if err == nil {
			out = append(out, one...)
		}
	}
	return out, len(rrs) > 0
}

// hostTargets are the addresses of one host as targets.
func (q *quest) hostTargets(ctx context.Context, e endpoint, name, host string, port int) ([]transport.Target, error) {
	if port == 0 {
		port = message.DefaultPort(name)
	}
	ips, err := q.addresses(ctx, host)
	var out []transport.Target
	for _, ip := range ips {
		if name != "" && q.l.usable(name, ip.Is4()) {
			out = append(out, e.target(name, ip, port))
		}
	}
	if len(out) == 0 && err == nil {
		err = fmt.Errorf("%w: nothing that can be used over %s", ErrNotFound, cmp.Or(name, "any transport"))
	}
	return out, err
}

// addresses are a host's addresses, both families, best first (RFC 6724, RFC 7984 §4).
func (q *quest) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	if ips := q.l.hosts.find(host); len(ips) > 0 {
		return q.l.prefer(ctx, ips), nil
	}
	var fault error
	for _, name := range q.l.dns.names(host) {
		var found [2][]dns.RR
		var errs [2]error
		var wg sync.WaitGroup
		for i, kind := range []uint16{dns.TypeAAAA, dns.TypeA} {
			wg.Go(func() { found[i], errs[i] = q.ask(ctx, name, kind) })
		}
		wg.Wait()
		if ips := addrs(slices.Concat(found[:]...)); len(ips) > 0 {
			return q.l.prefer(ctx, ips), nil
		}
		fault = cmp.Or(fault, errs[0], errs[1])
	}
	return nil, cmp.Or(fault, ErrNotFound)
}

// addrs are the addresses of A and AAAA records.
func addrs(rrs []dns.RR) []netip.Addr {
	var out []netip.Addr
	for _, rr := range rrs {
		var ip netip.Addr
		var ok bool
		switch rr := rr.(type) {
		case *dns.A:
			ip, ok = netip.AddrFromSlice(rr.A)
		case *dns.AAAA:
			ip, ok = netip.AddrFromSlice(rr.AAAA)
		}
		if ip = ip.Unmap(); ok && !ip.IsUnspecified() && !ip.IsMulticast() && !slices.Contains(out, ip) {
			out = append(out, ip)
		}
	}
	return out
}

var errSpent = errors.New("too many DNS queries for one URI")

// ask asks for one name and type, as long as the quest may.
func (q *quest) ask(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	if err, ok := q.dead.Load().(error); ok {
		return nil, err
	}
	q.mu.Lock()
	q.left--
	spent := q.left < 0
	q.mu.Unlock()
	if spent {
		return nil, fmt.Errorf("%w: %w", ErrDNS, errSpent)
	}
	rrs, err := q.l.dns.lookup(ctx, question{dns.CanonicalName(name), kind})
	if errors.Is(err, errSilent) {
		q.dead.CompareAndSwap(nil, err)
	}
	return rrs, err
}

// capped returns list without what comes twice, and at most maxTargets of it.
func capped(list []transport.Target) []transport.Target {
	out := make([]transport.Target, 0, min(len(list), maxTargets))
	for _, t := range list {
		if len(out) < maxTargets && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}
