package trunk

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/confbridge/confbridge/sipua/message"
)

// guests is the name of those whom Config.Anonymous lets in, in metrics and State.
const guests = "anonymous"

// Book is the trunks of one bridge. Its methods are safe for concurrent use.
type Book struct {
	cfg      Config
	trunks   []*entry
	guests   *entry
	verifier *verifier
	guard    *guard
	dials    dials

	mu       sync.Mutex
	failures map[Reason]uint64
}

// entry is one trunk, or the guests.
type entry struct {
	Trunk
	tlsNames []string // as they are compared
	line     line
}

// New makes a book, or returns all faults of cfg (ErrConfig).
func New(cfg Config) (*Book, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	b := &Book{
		cfg: cfg, guests: &entry{Trunk: Trunk{Name: guests, Terms: cfg.Guests}},
		verifier: &verifier{
			realm: cfg.Realm, users: map[string]*user{}, mint: newMint(), uses: newUses(cfg.NonceLife),
		},
		guard: newGuard(cfg), failures: map[Reason]uint64{},
	}
	for _, t := range cfg.Trunks {
		e := &entry{Trunk: t}
		if len(e.Algorithms) == 0 {
			e.Algorithms = cfg.Algorithms
		}
		for _, n := range t.TLSNames {
			e.tlsNames = append(e.tlsNames, identity(n))
		}
		for _, c := range t.Users {
			b.verifier.users[c.User] = c.hashed(e, cfg.Realm)
		}
		e.hideSecrets()
		b.trunks = append(b.trunks, e)
	}
	b.cfg.Trunks = nil
	return b, nil
}

// hideSecrets forgets the passwords.
func (e *entry) hideSecrets() {
	names := make([]Credential, len(e.Users))
	for i, c := range e.Users {
		names[i].User = c.User
	}
	e.Users = names
}

// Source is where a request comes from.
type Source struct {
	Addr netip.AddrPort
	// TLSNames are the identities of the peer's certificate that have been verified (RFC 5922 §7.1); nil without one.
	TLSNames []string
	// Registered is the trunk that it comes in from by a registration of ours; empty for most.
	Registered string
}

// Caller is whose a request is.
type Caller struct{ entry *entry }

// Trunk is the trunk's name, empty for anonymous callers.
func (c Caller) Trunk() string {
	if c.entry == nil || c.entry.Name == guests {
		return ""
	}
	return c.entry.Name
}

// Identify says whose request it is: that of the first trunk without users whose source it is; else that of the trunk
// whose user it proves to be; else by the policy for anonymous callers, unless the source is a trunk's that has users. It
// is not for ACK and CANCEL, which cannot be sent again with credentials (RFC 3261 §22.1). Errors: *ChallengeError, ErrURI,
// ErrForbidden, ErrBlocked.
func (b *Book) Identify(req *message.Message, from Source) (Caller, error) {
	from.Addr = netip.AddrPortFrom(from.Addr.Addr().Unmap().WithZone(""), from.Addr.Port())
	var could []*entry // whose users could call from there
	var must bool      // and nobody else
	for _, e := range b.trunks {
		switch {
		case e.Registered && e.Name == from.Registered: // a provider proves nothing to its customers
			return Caller{e}, nil
		case !e.comesFrom(from):
		case len(e.Users) == 0:
			return Caller{e}, nil
		default:
			could = append(could, e)
			must = must || e.bound()
		}
	}
	return b.ask(req, from, could, must)
}

// ask is Identify of a source that is no trunk's without users. could are the trunks whose users could call from there; must
// says that nobody else may.
func (b *Book) ask(req *message.Message, from Source, could []*entry, must bool) (Caller, error) {
	q := asked{
		source: from.Addr.Addr(), offer: b.offer(could), now: b.cfg.Now(),
		fits: func(e *entry) bool { return slices.Contains(could, e) },
	}
	if b.guard.blocked(q.source, q.now) {
		b.count(Blocked)
		return Caller{}, ErrBlocked
	}
	p := b.verifier.verify(req, q)
	if p.user != nil {
		b.guard.succeeded(q.source)
		return Caller{p.user.trunk}, nil
	}
	if p.why == NoCredentials && !must {
		switch policy := b.policy(q.source); {
		case policy == Allow:
			return Caller{b.guests}, nil
		case policy == Reject && len(could) == 0:
			p.why = Rejected
		}
	}
	return Caller{}, b.refuse(q, p)
}

// offer is what is offered to a source: what one of the trunks takes, the best first; to strangers what Config has.
func (b *Book) offer(could []*entry) []Algorithm {
	var list []Algorithm
	for _, a := range []Algorithm{SHA256, MD5} {
		takes := func(e *entry) bool { return oneOf(a, e.Algorithms...) }
		if slices.ContainsFunc(could, takes) || len(could) == 0 && oneOf(a, b.cfg.Algorithms...) {
			list = append(list, a)
		}
	}
	return list
}

// refuse counts what was not proved, and makes an error of it.
func (b *Book) refuse(q asked, p proof) error {
	b.count(p.why)
	switch p.why {
	case Stale, Replay: // the password was right: no failure of theirs
		return b.verifier.challenge(q, true)
	case WrongURI:
		return ErrURI
	}
	b.guard.refused(q.source, p.why, p.own, q.now)
	if p.why == Rejected {
		return ErrForbidden
	}
	return b.verifier.challenge(q, false)
}

// policy is Anonymous as it is for a source. Shared addresses (RFC 6598) are not private: behind a carrier's NAT one's
// neighbours are strangers.
func (b *Book) policy(a netip.Addr) Policy {
	switch {
	case b.cfg.Anonymous != PrivateOnly && b.cfg.Anonymous != auto:
		return b.cfg.Anonymous
	case a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast():
		return Allow
	}
	return Challenge
}

// bound says whether a trunk has sources at all.
func (e *entry) bound() bool { return len(e.Networks)+len(e.tlsNames) > 0 }

// comesFrom says whether a source can be the trunk's. Of a trunk that is known by our registration alone none is.
func (e *entry) comesFrom(s Source) bool {
	return (e.bound() || len(e.Users) > 0) && e.fromNetwork(s.Addr) && e.fromName(s.TLSNames)
}

func (e *entry) fromNetwork(a netip.AddrPort) bool {
	if len(e.Ports) > 0 && !oneOf(a.Port(), e.Ports...) {
		return false
	}
	for _, n := range e.Networks {
		if n.Contains(a.Addr()) {
			return true
		}
	}
	return len(e.Networks) == 0
}

func (e *entry) fromName(names []string) bool {
	for _, n := range names {
		if oneOf(identity(n), e.tlsNames...) {
			return true
		}
	}
	return len(e.tlsNames) == 0
}

// identity is a certificate's identity as it is compared (RFC 5922 §7.2): the whole domain, in any case, without scheme.
func identity(name string) string {
	name = strings.ToLower(name)
	return strings.TrimSuffix(strings.TrimPrefix(name, "sip:"), ".")
}

func (b *Book) count(why Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures[why]++
}
