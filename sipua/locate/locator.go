package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// Errors of this package.
var (
	// ErrNotFound says that a URI leads nowhere that we can send to: there is no such name, or it has no transport of ours.
	ErrNotFound = errors.New("no place to send to")
	// ErrDNS says that the servers did not answer, or that they failed; later it may be otherwise.
	ErrDNS = errors.New("DNS failed")
)

// Config is how a locator behaves. The zero value works.
type Config struct {
	// Servers are DNS servers, "192.0.2.53:53"; nil means those of /etc/resolv.conf, which is read again when it may have
	// changed.
	Servers []string
	// HostsFile is asked before DNS for A and AAAA; empty means /etc/hosts.
	HostsFile string
	// Timeout is how long one server has for one query (1 s); Attempts how often all are asked (2).
	Timeout  time.Duration
	Attempts int
	// Usable says whether a transport (UDP, TCP, TLS, ...) can be used to IPv4 or IPv6 addresses; nil: UDP and TCP to both.
	// It must be safe for concurrent use.
	Usable func(transport string, ip4 bool) bool
	// Draw returns a number from 0 to n-1, for the weights of SRV (RFC 2782); nil means at random. It must be safe for
	// concurrent use.
	Draw func(n int) int
}

// What one URI may cost.
const (
	maxQueries = 80 // DNS names and types asked about
	maxTargets = 32 // targets returned
	maxNAPTR   = 16 // records looked at
	maxSRV     = 32
	maxAddrs   = 16 // of one name
	maxCNAME   = 8  // links of one chain
)

// Locator finds targets. Its methods are safe for concurrent use.
type Locator struct {
	usable  func(transport string, ip4 bool) bool
	draw    func(n int) int
	dns     *resolver
	hosts   hosts
	failed  memory
	sources func(ctx context.Context, to netip.Addr) netip.Addr // ours that a packet would go out from; zero: no way
}

// New returns a locator. It opens and asks nothing.
func New(cfg Config) *Locator {
	l := &Locator{
		usable: cfg.Usable, draw: cfg.Draw, sources: source,
		hosts: hosts{file: cmp.Or(cfg.HostsFile, "/etc/hosts")},
		dns:   newResolver(cfg),
	}
	if l.usable == nil {
		l.usable = func(name string, _ bool) bool { return name == "UDP" || name == "TCP" }
	}
	if l.draw == nil {
		l.draw = rand.IntN
	}
	return l
}

// Locate returns where a request to u may go, best first; at least one target where err is nil (RFC 3263 §4). Those that
// have failed lately come last. The list is the caller's. It blocks on DNS as long as ctx lets it. Errors: ErrNotFound,
// ErrDNS, the context's.
func (l *Locator) Locate(ctx context.Context, u message.URI) ([]transport.Target, error) {
	q := &quest{l: l, left: maxQueries}
	list, err := q.locate(ctx, u)
	if len(list) == 0 {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("%s: %w", u.Host, cmp.Or(err, ErrNotFound))
	}
	return l.failed.sort(list, time.Now()), nil
}

// Failed puts a target at the end of the lists for a while: after a timeout, a transport error, or a 503 with Retry-After
// (RFC 3263 §4.3, RFC 3261 §21.5.4). At most an hour.
func (l *Locator) Failed(t transport.Target, wait time.Duration) {
	now := time.Now()
	l.failed.add(t, now, now.Add(min(wait, time.Hour)))
}

// Worked forgets that a target has failed.
func (l *Locator) Worked(t transport.Target) { l.failed.remove(t) }

// can says whether a transport can be used at all.
func (l *Locator) can(name string) bool { return l.usable(name, true) || l.usable(name, false) }

// endpoint is what a URI says about where it leads.
type endpoint struct {
	host      string
	port      int
	transport string // empty where the URI does not say
	secure    bool   // sips
	domain    string // for TLS: the URI's own host where it is a name
	addr      netip.Addr
}

// read takes apart a URI (RFC 3263 §4).
func read(u message.URI) (endpoint, error) {
	if !u.IsSIP() {
		return endpoint{}, fmt.Errorf("%w: URI scheme %q", ErrNotFound, u.Scheme)
	}
	e := endpoint{host: strings.TrimSuffix(u.Host, "."), port: u.Port, secure: u.Scheme == "sips"}
	if _, err := netip.ParseAddr(e.host); err != nil {
		e.domain = strings.ToLower(e.host)
	}
	if p, ok := u.Param("maddr"); ok {
		e.host = strings.TrimSuffix(strings.Trim(p, "[]"), ".")
	}
	if a, err := netip.ParseAddr(e.host); err == nil {
		e.addr = a.Unmap()
	}
	p, ok := u.Param("transport")
	if !ok {
		return e, nil
	}
	e.transport = strings.ToUpper(p)
	if e.secure {
		switch e.transport { // RFC 3261 §26.2.2, RFC 7118 §4.1
		case "TCP":
			e.transport = "TLS"
		case "WS":
			e.transport = "WSS"
		case "TLS", "WSS":
		default:
			return e, fmt.Errorf("%w: sips over %s", ErrNotFound, e.transport)
		}
	}
	return e, nil
}

// plain are the transports tried where nothing says which, in our order of preference.
func (e endpoint) plain() []string {
	if e.secure {
		return []string{"TLS"}
	}
	return []string{"UDP", "TCP", "SCTP", "TLS"}
}

// target makes a target of an address.
func (e endpoint) target(name string, ip netip.Addr, port int) transport.Target {
	t := transport.Target{Transport: name, Addr: netip.AddrPortFrom(ip, uint16(port))}
	if name == "TLS" || name == "WSS" {
		t.Name = e.domain
	}
	return t
}
