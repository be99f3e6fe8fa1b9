package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SIP is where telephones reach the bridge, and who may call.
type SIP struct {
	Listen []Listener
	// Advertise is the host put into Contact and SDP; empty means the address that the call came in on.
	Advertise string
	// ExternalNetworks are those whose peers are told Advertise, as "203.0.113.0/24", or "!10.0.0.0/8" for all but these; nil means all.
	ExternalNetworks []string
	// Domain is the host that request URIs must name; empty means any.
	Domain string
	TLS    TLS
	// Origins are the web origins that WebSockets are taken from, besides the bridge's own host.
	Origins []string
	// Ring is how long a caller hears ringing before the answer; 0 means not at all.
	Ring time.Duration
	// SessionExpires is how often a call must show that it stands (RFC 4028).
	SessionExpires time.Duration
	// Anonymous says what becomes of calls that come from no trunk: auto, allow, challenge or reject.
	Anonymous string
	// Realm is what digest passwords belong to; empty means "confbridge".
	Realm string
	// Algorithms are the hashes that passwords are asked for with, best first: SHA-256, MD5.
	Algorithms []string
	Limits     Limits
	DialOut    DialOut
	Trunks     []Trunk
}

// Limits is what one source, and all of them together, may ask for.
type Limits struct {
	Calls                int // at once
	RequestsPerSecond    int // of one source, outside of calls
	HalfOpen             int // calls that are not acknowledged yet
	HalfOpenPerSource    int
	Connections          int
	ConnectionsPerSource int
}

// TLS is the bridge's certificate and whom it trusts.
type TLS struct {
	// Certificate and Key are PEM files; both empty: one is made in data_dir when tls:// or wss:// is listened on.
	Certificate, Key string
	// More are for other names: who connects gets that of the name it asks for (SNI), or the first.
	More []KeyPair
	// CA is a PEM file of the authorities that peers' certificates must come from; empty: the system's.
	CA string
	// Clients says whether callers show a certificate: none, optional or required.
	Clients string
}

// KeyPair is a certificate and its key, as PEM files.
type KeyPair struct{ Certificate, Key string }

// Listener is one transport address, as "udp://0.0.0.0:5060". Port 0 takes any free one.
type Listener struct {
	Transport string // udp, tcp, tls, ws, wss, sctp or sctp+udp
	Addr      netip.AddrPort
	Advertise string // host for Contact and SDP of this listener alone; empty: SIP.Advertise
}

func (l Listener) String() string { return l.Transport + "://" + l.Addr.String() }

// network is what the port is taken of.
func (l Listener) network() string {
	switch l.Transport {
	case "udp", "sctp+udp":
		return "udp"
	case "sctp":
		return "sctp"
	}
	return "tcp"
}

func defaultSIP() SIP {
	return SIP{
		Listen: []Listener{
			{Transport: "udp", Addr: netip.MustParseAddrPort("0.0.0.0:5060")},
			{Transport: "tcp", Addr: netip.MustParseAddrPort("0.0.0.0:5060")},
		},
		TLS:            TLS{Clients: "none"},
		SessionExpires: 30 * time.Minute,
		Anonymous:      "auto",
		Realm:          "confbridge",
		Algorithms:     []string{"SHA-256", "MD5"},
		DialOut:        defaultDialOut(),
		Limits: Limits{
			Calls: 10000, RequestsPerSecond: 1000, HalfOpen: 4096, HalfOpenPerSource: 1024, Connections: 4096, ConnectionsPerSource: 64,
		},
	}
}

// sipKeys are the settings of sip.
func sipKeys() []key {
	return slices.Concat([]key{
		{
			path: listenKey, env: "CONFBRIDGE_SIP_LISTEN", shape: list,
			clear:  func(c *Config) { c.SIP.Listen = nil },
			set:    addListener,
			add:    func(c *Config) { c.SIP.Listen = append(c.SIP.Listen, Listener{}) },
			fields: listenerKeys,
			get:    func(c *Config) string { return listenersYAML(c.SIP.Listen) },
		},
		{
			path: "sip.advertise", env: "CONFBRIDGE_SIP_ADVERTISE",
			set: func(c *Config, s string) error { c.SIP.Advertise = s; return checkHost(s) },
			get: func(c *Config) string { return strconv.Quote(c.SIP.Advertise) },
		},
		{
			path: "sip.external_networks", shape: list, empty: true,
			clear: func(c *Config) { c.SIP.ExternalNetworks = nil },
			set:   func(c *Config, s string) error { return addExternal(&c.SIP.ExternalNetworks, s) },
			get:   func(c *Config) string { return quotedList(c.SIP.ExternalNetworks, strings.Clone) },
		},
		{
			path: "sip.domain",
			set:  func(c *Config, s string) error { c.SIP.Domain = s; return checkHost(s) },
			get:  func(c *Config) string { return strconv.Quote(c.SIP.Domain) },
		},
		fileKey("sip.tls.certificate", func(c *Config) *string { return &c.SIP.TLS.Certificate }),
		fileKey("sip.tls.key", func(c *Config) *string { return &c.SIP.TLS.Key }),
		recordKey("sip.tls.more", func(c *Config) *[]KeyPair { return &c.SIP.TLS.More }, []field[KeyPair]{
			fileField("certificate", func(p *KeyPair) *string { return &p.Certificate }),
			fileField("key", func(p *KeyPair) *string { return &p.Key }),
		}),
		fileKey("sip.tls.ca", func(c *Config) *string { return &c.SIP.TLS.CA }),
		{
			path: "sip.tls.clients",
			set: func(c *Config, s string) error {
				c.SIP.TLS.Clients = s
				return oneOf(s, "none", "optional", "required")
			},
			get: func(c *Config) string { return c.SIP.TLS.Clients },
		},
		{
			path: "sip.origins", shape: list, empty: true,
			clear: func(c *Config) { c.SIP.Origins = nil },
			set:   func(c *Config, s string) error { c.SIP.Origins = append(c.SIP.Origins, s); return nil },
			get:   func(c *Config) string { return quotedList(c.SIP.Origins, strings.Clone) },
		},
		{
			path: "sip.ring",
			set: func(c *Config, s string) (err error) {
				c.SIP.Ring, err = parseDuration(s, 0, 2*time.Minute)
				return err
			},
			get: func(c *Config) string { return durationYAML(c.SIP.Ring) },
		},
		{
			path: "sip.session_expires",
			set: func(c *Config, s string) (err error) {
				c.SIP.SessionExpires, err = parseDuration(s, 90*time.Second, 24*time.Hour)
				return err
			},
			get: func(c *Config) string { return durationYAML(c.SIP.SessionExpires) },
		},
		{
			path: "sip.anonymous", env: "CONFBRIDGE_SIP_ANONYMOUS",
			set: func(c *Config, s string) error {
				c.SIP.Anonymous = s
				return oneOf(s, "auto", "allow", "challenge", "reject")
			},
			get: func(c *Config) string { return c.SIP.Anonymous },
		},
		{
			path: "sip.realm",
			set:  func(c *Config, s string) error { c.SIP.Realm = s; return checkRealm(s) },
			get:  func(c *Config) string { return strconv.Quote(c.SIP.Realm) },
		},
		{
			path: "sip.algorithms", shape: list,
			clear: func(c *Config) { c.SIP.Algorithms = nil },
			set:   func(c *Config, s string) error { return addText(checkAlgorithm)(&c.SIP.Algorithms, s) },
			get:   func(c *Config) string { return quotedList(c.SIP.Algorithms, strings.Clone) },
		},
		countKey("sip.limits.calls", func(c *Config) *int { return &c.SIP.Limits.Calls }),
		countKey("sip.limits.requests_per_second", func(c *Config) *int { return &c.SIP.Limits.RequestsPerSecond }),
		countKey("sip.limits.half_open", func(c *Config) *int { return &c.SIP.Limits.HalfOpen }),
		countKey("sip.limits.half_open_per_source", func(c *Config) *int { return &c.SIP.Limits.HalfOpenPerSource }),
		countKey("sip.limits.connections", func(c *Config) *int { return &c.SIP.Limits.Connections }),
		countKey("sip.limits.connections_per_source", func(c *Config) *int { return &c.SIP.Limits.ConnectionsPerSource }),
	}, dialOutKeys(), []key{
		recordKey("sip.trunks", func(c *Config) *[]Trunk { return &c.SIP.Trunks }, trunkFields()),
	})
}

// maxListeners bounds sip.listen.
const maxListeners = 16

// transports are the schemes of sip.listen.
var transports = []string{"udp", "tcp", "tls", "ws", "wss", "sctp", "sctp+udp"}

func addListener(c *Config, s string) error {
	l, err := parseListener(s)
	if err != nil {
		return err
	}
	if len(c.SIP.Listen) == maxListeners {
		return fmt.Errorf("more than %d listeners", maxListeners)
	}
	c.SIP.Listen = append(c.SIP.Listen, l)
	return nil
}

func parseListener(s string) (Listener, error) {
	transport, addr, ok := strings.Cut(s, "://")
	if !ok {
		return Listener{}, fmt.Errorf("%q is not of the form udp://0.0.0.0:5060", s)
	}
	if err := oneOf(transport, transports...); err != nil {
		return Listener{}, fmt.Errorf("no such SIP transport: %w", err)
	}
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return Listener{}, fmt.Errorf("%q is not an IP address with a port, like 0.0.0.0:5060 or [::]:5060", addr)
	}
	return Listener{Transport: transport, Addr: a}, nil
}

// listenerKeys are the keys of a listener that is a mapping; it is the last one.
func listenerKeys(at string) []key {
	last := func(c *Config) *Listener { return &c.SIP.Listen[len(c.SIP.Listen)-1] }
	return []key{
		{
			path: at + ".url", needed: true,
			set: func(c *Config, s string) error {
				l, err := parseListener(s)
				last(c).Transport, last(c).Addr = l.Transport, l.Addr
				return err
			},
		},
		{
			path: at + ".advertise",
			set:  func(c *Config, s string) error { last(c).Advertise = s; return checkHost(s) },
		},
	}
}

func listenersYAML(all []Listener) string {
	entries := make([]string, len(all))
	for i, l := range all {
		entries[i] = strconv.Quote(l.String())
		if l.Advertise != "" {
			entries[i] = fmt.Sprintf("{url: %q, advertise: %q}", l, l.Advertise)
		}
	}
	return "[" + strings.Join(entries, ", ") + "]"
}

// countKey is a key that takes a number of 1 and more.
func countKey(path string, at func(*Config) *int) key {
	return key{
		path: path,
		set:  func(c *Config, s string) (err error) { *at(c), err = parseCount(s, 1, 1000000); return err },
		get:  func(c *Config) string { return strconv.Itoa(*at(c)) },
	}
}

// fileKey is a key that names a file, which must be there.
func fileKey(path string, at func(*Config) *string) key {
	return key{
		path: path,
		set:  func(c *Config, s string) error { *at(c) = s; return checkReadable(s) },
		get:  func(c *Config) string { return strconv.Quote(*at(c)) },
	}
}

// fileField is fileKey in a list of mappings, where it is needed.
func fileField[T any](name string, at func(*T) *string) field[T] {
	return field[T]{
		name: name, needed: true,
		set: func(r *T, s string) error { *at(r) = s; return checkReadable(s) },
		get: func(r *T) string { return strconv.Quote(*at(r)) },
	}
}

// maxPrefixes bounds a list of networks.
const maxPrefixes = 256

// addPrefix takes a network, or an address alone.
func addPrefix(to *[]netip.Prefix, s string) error {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("%q is not a network, like 192.0.2.0/24, nor an address", s)
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	if len(*to) == maxPrefixes {
		return fmt.Errorf("more than %d networks", maxPrefixes)
	}
	*to = append(*to, p.Masked())
	return nil
}

// addExternal takes a network, or one that is left out.
func addExternal(to *[]string, s string) error {
	rest, but := strings.CutPrefix(s, "!")
	var one []netip.Prefix
	if err := addPrefix(&one, rest); err != nil {
		return err
	}
	if len(*to) == maxPrefixes {
		return fmt.Errorf("more than %d networks", maxPrefixes)
	}
	text := one[0].String()
	if but {
		text = "!" + text
	}
	*to = append(*to, text)
	return nil
}

func checkRealm(s string) error {
	if s == "" || len(s) > 128 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '"' || r == '\\' }) {
		return fmt.Errorf("%q is not 1 to 128 characters without quotes", s)
	}
	return nil
}
