package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	maxCached    = 1024             // questions
	maxKept      = 64               // records of one answer that are kept
	maxTTL       = time.Hour        // of an answer
	maxNegative  = 5 * time.Minute  // RFC 2308 §7.1 lets it be longer
	noSOA        = 30 * time.Second // of a negative answer that does not say
	failureTTL   = 2 * time.Second  // of a server's failure (RFC 2308 §7.1)
	datagramSize = 1232             // RFC 6891 §6.2.3: what passes without fragments nearly everywhere
)

// errSilent says that no server has answered.
var errSilent = errors.New("no server answered")

// question is what is asked; the name is in lower case and has its final dot.
type question struct {
	name string
	kind uint16
}

// entry is an answer, or one that is being waited for.
type entry struct {
	done    chan struct{} // closed when the rest is there
	rrs     []dns.RR
	err     error
	expires time.Time
	given   bool // up, because its asker's context ended: ask again
}

// resolver asks DNS servers and keeps what they say.
type resolver struct {
	timeout  time.Duration
	attempts int
	exchange func(ctx context.Context, m *dns.Msg, server string, tcp bool) (*dns.Msg, error)
	system   systemServers

	mu    sync.Mutex
	cache map[question]*entry
}

func newResolver(cfg Config) *resolver {
	r := &resolver{
		timeout: cmp.Or(cfg.Timeout, time.Second), attempts: cmp.Or(cfg.Attempts, 2),
		system: systemServers{file: "/etc/resolv.conf", fixed: cfg.Servers}, cache: make(map[question]*entry),
	}
	r.exchange = r.overNetwork
	return r
}

// overNetwork is one query to one server.
func (r *resolver) overNetwork(ctx context.Context, m *dns.Msg, server string, tcp bool) (*dns.Msg, error) {
	c := dns.Client{Net: "udp", Timeout: r.timeout, UDPSize: datagramSize}
	if tcp {
		c.Net = "tcp"
	}
	res, _, err := c.ExchangeContext(ctx, m, server)
	return res, err
}

// names are what a host's name may stand for: itself, and with the system's search list.
func (r *resolver) names(host string) []string {
	if len(r.system.fixed) > 0 {
		return []string{dns.Fqdn(host)}
	}
	cfg := r.system.config()
	if cfg == nil {
		return []string{dns.Fqdn(host)}
	}
	names := cfg.NameList(host)
	return names[:min(len(names), 7)]
}

// lookup returns the records for a question, nil where there are none. Several askers of one question wait for one
// answer. The records must not be changed. Errors: ErrDNS, the context's.
func (r *resolver) lookup(ctx context.Context, q question) ([]dns.RR, error) {
	if _, ok := dns.IsDomainName(q.name); !ok {
		return nil, fmt.Errorf("%w: %q is no domain name", ErrNotFound, q.name)
	}
	for {
		e, mine := r.entry(q)
		if mine {
			r.fill(ctx, q, e)
			return e.rrs, e.err
		}
		select {
		case <-e.done:
			if !e.given {
				return e.rrs, e.err
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// entry returns the answer that is there or under way, or a new one that is the caller's to fill.
func (r *resolver) entry(q question) (e *entry, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if e = r.cache[q]; e != nil && (!settled(e) || now.Before(e.expires)) {
		return e, false
	}
	if e == nil && len(r.cache) >= maxCached {
		r.evict(now)
	}
	e = &entry{done: make(chan struct{})}
	r.cache[q] = e
	return e, true
}

func settled(e *entry) bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// evict makes room: what is over goes, or else anything that is settled.
func (r *resolver) evict(now time.Time) {
	var any question
	for q, e := range r.cache {
		switch {
		case !settled(e):
		case !now.Before(e.expires):
			delete(r.cache, q)
		default:
			any = q
		}
	}
	if len(r.cache) >= maxCached {
		delete(r.cache, any)
	}
}

// fill asks, and settles an entry.
func (r *resolver) fill(ctx context.Context, q question, e *entry) {
	rrs, ttl, err := r.follow(ctx, q)
	if ctx.Err() != nil && err != nil {
		e.given, err, ttl = true, context.Cause(ctx), -1
	}
	e.rrs, e.err, e.expires = rrs, err, time.Now().Add(ttl)
	close(e.done)
}

// follow asks, and asks on where an answer is only a CNAME.
func (r *resolver) follow(ctx context.Context, q question) (rrs []dns.RR, ttl time.Duration, err error) {
	ttl = maxTTL
	for range maxCNAME {
		res, err := r.ask(ctx, q)
		if err != nil {
			return nil, failureTTL, err
		}
		found, next, lasts := pick(res, q)
		ttl = min(ttl, lasts)
		if len(found) > 0 {
			return found, ttl, nil
		}
		if next == q.name || hasSOA(res) { // RFC 2308 §2.2: it is the end of the chain that has none
			return nil, min(ttl, negative(res)), nil
		}
		q.name = next
	}
	return nil, failureTTL, fmt.Errorf("%w: %s: a chain of CNAMEs without end", ErrDNS, q.name)
}

// pick takes what a response has for a question, along its chain of CNAMEs. next is where the chain ends.
func pick(res *dns.Msg, q question) (rrs []dns.RR, next string, ttl time.Duration) {
	next, ttl = q.name, maxTTL
	for range maxCNAME {
		alias := ""
		for _, rr := range res.Answer {
			h := rr.Header()
			if h.Class != dns.ClassINET || !strings.EqualFold(h.Name, next) {
				continue
			}
			if h.Rrtype == q.kind && len(rrs) < maxKept {
				rrs = append(rrs, rr)
				ttl = min(ttl, seconds(h.Ttl))
			} else if c, ok := rr.(*dns.CNAME); ok && alias == "" {
				alias = dns.CanonicalName(c.Target)
				ttl = min(ttl, seconds(h.Ttl))
			}
		}
		if len(rrs) > 0 || alias == "" {
			return rrs, next, ttl
		}
		next = alias
	}
	return nil, next, ttl
}

// negative is how long a response holds that has nothing (RFC 2308 §5).
func negative(res *dns.Msg) time.Duration {
	for _, rr := range res.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return min(seconds(min(soa.Hdr.Ttl, soa.Minttl)), maxNegative)
		}
	}
	return noSOA
}

func hasSOA(res *dns.Msg) bool {
	return slices.ContainsFunc(res.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA })
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

// ask asks the servers in turn until one has an answer: records, none, or no such name.
func (r *resolver) ask(ctx context.Context, q question) (*dns.Msg, error) {
	servers := r.system.servers()
	if len(servers) == 0 {
		return nil, fmt.Errorf("%w: there is no server to ask", ErrDNS)
	}
	fault := fmt.Errorf("%w: %w", ErrDNS, errSilent)
	for range r.attempts {
		for _, server := range servers {
			res, err := r.askOne(ctx, q, server)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			switch {
			case err != nil: // one that has failed otherwise has at least answered
			case res.Rcode == dns.RcodeSuccess || res.Rcode == dns.RcodeNameError:
				return res, nil
			default:
				fault = fmt.Errorf("%w: %s for %s", ErrDNS, dns.RcodeToString[res.Rcode], q.name)
			}
		}
	}
	return nil, fault
}

// askOne asks one server: over UDP, and over TCP where the answer is too long for that.
func (r *resolver) askOne(ctx context.Context, q question, server string) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*r.timeout)
	defer cancel()
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.kind)
	m.SetEdns0(datagramSize, false)
	res, err := r.checked(ctx, m, server, false)
	if err == nil && res.Rcode == dns.RcodeFormatError { // RFC 6891 §7: an old server
		m.Extra = nil
		res, err = r.checked(ctx, m, server, false)
	}
	if err == nil && res.Truncated {
		res, err = r.checked(ctx, m, server, true)
	}
	return res, err
}

var errStrange = errors.New("an answer to something else")

// checked is an exchange whose response is one to the question.
func (r *resolver) checked(ctx context.Context, m *dns.Msg, server string, tcp bool) (*dns.Msg, error) {
	res, err := r.exchange(ctx, m, server, tcp)
	if err != nil {
		return nil, err
	}
	asked := m.Question[0]
	if !res.Response || res.Id != m.Id || len(res.Question) != 1 || res.Question[0].Qtype != asked.Qtype ||
		res.Question[0].Qclass != asked.Qclass || !strings.EqualFold(res.Question[0].Name, asked.Name) {
		if res.Rcode == dns.RcodeFormatError && len(res.Question) == 0 {
			return res, nil
		}
		return nil, errStrange
	}
	return res, nil
}

// systemServers are the servers to ask.
type systemServers struct {
	file  string
	fixed []string

	mu   sync.Mutex
	read time.Time
	cfg  *dns.ClientConfig
}

// config is what the system's file says; nil where it cannot be read.
func (s *systemServers) config() *dns.ClientConfig {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.read.IsZero() || now.Sub(s.read) >= rereadAfter {
		s.read = now
		if cfg, err := dns.ClientConfigFromFile(s.file); err == nil {
			s.cfg = cfg
		}
	}
	return s.cfg
}

// servers are at most three, as the system's own resolver has it.
func (s *systemServers) servers() []string {
	if len(s.fixed) > 0 {
		return s.fixed
	}
	cfg := s.config()
	if cfg == nil {
		return nil
	}
	var out []string
	for _, host := range cfg.Servers[:min(len(cfg.Servers), 3)] {
		out = append(out, net.JoinHostPort(host, cfg.Port))
	}
	return out
}
