package trunk

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// MaxSources is how many addresses are remembered for what failed from there.
const MaxSources = 1 << 14

// guard counts what fails, by source: an IPv4 address, or the /64 of an IPv6 address.
//
// Only wrong credentials for a nonce that was sent to that source block it: whoever has the nonce reads what is sent there, so
// nobody can block others by forging their address. All else that is refused only counts towards the line in the log.
type guard struct {
	limit  int
	window time.Duration
	log    *slog.Logger

	mu      sync.Mutex
	sources map[netip.Addr]*record
}

// record is what one source did since its first failure.
type record struct {
	since    time.Time
	failures int  // wrong credentials for a nonce of ours
	points   int  // all that was refused, weighted
	logged   bool // in this window
}

// challengePoints is how many challenges that nobody answered weigh as much as one refusal: every telephone's first INVITE
// is challenged, scanners go on and on.
const challengePoints = 10

func newGuard(cfg Config) *guard {
	return &guard{limit: cfg.MaxFailures, window: cfg.FailureWindow, log: cfg.Log, sources: map[netip.Addr]*record{}}
}

// sourceOf is what an address is counted under.
func sourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // of an IPv6 address it does not fail
		return p.Addr()
	}
	return a
}

// blocked says whether nothing is to be done for a source.
func (g *guard) blocked(a netip.Addr, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.sources[sourceOf(a)]
	return r != nil && r.failures >= g.limit && now.Sub(r.since) < g.window
}

// refused counts a refusal; own says that it was for wrong credentials with a nonce that the source was sent. The log line is
// read by fail2ban (deploy/fail2ban): it has nothing in it that the peer could have chosen.
func (g *guard) refused(a netip.Addr, why Reason, own bool, now time.Time) {
	if g.count(a, why, own, now) {
		g.log.Warn(failedTooOften, "remote", a.Unmap().WithZone("").String(), "reason", string(why))
	}
}

// failedTooOften is the message that deploy/fail2ban/filter.d/confbridge.conf looks for.
const failedTooOften = "source failed too often"

// count says whether to log.
func (g *guard) count(a netip.Addr, why Reason, own bool, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := sourceOf(a)
	r := g.sources[key]
	if r == nil || now.Sub(r.since) >= g.window {
		if r == nil && len(g.sources) >= MaxSources {
			g.evict(now)
		}
		r = &record{since: now}
		g.sources[key] = r
	}
	if why == NoCredentials {
		r.points++
	} else {
		r.points += challengePoints
	}
	if own {
		r.failures++
	}
	if r.points < g.limit*challengePoints || r.logged {
		return false
	}
	r.logged = true
	return true
}

// succeeded forgets the challenges: they have been answered. What was wrong stays, or who has one password could try others
// for ever.
func (g *guard) succeeded(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := sourceOf(a)
	r := g.sources[key]
	switch {
	case r == nil:
	case r.failures == 0 && !r.logged:
		delete(g.sources, key)
	default:
		r.points = min(r.points, r.failures*challengePoints)
	}
}

// evictTries bounds the work of making room.
const evictTries = 16

// evict makes room for one source: of the few that it looks at, in the map's random order, one whose window is over, or the
// one that has failed the least.
func (g *guard) evict(now time.Time) {
	var least netip.Addr
	fewest, tries := -1, 0
	for a, r := range g.sources {
		weight := r.points
		if now.Sub(r.since) >= g.window {
			weight = 0
		}
		if fewest < 0 || weight < fewest {
			least, fewest = a, weight
		}
		if tries++; tries == evictTries || fewest == 0 {
			break
		}
	}
	delete(g.sources, least)
}
