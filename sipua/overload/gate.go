package overload

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// lookEvery is the shortest time between two looks at the mixer.
const lookEvery = 100 * time.Millisecond

// Gate decides which requests outside of dialogs are taken. Its methods are safe for concurrent use, do not block and do not
// allocate.
type Gate struct {
	cfg   Config
	start time.Time
	count counters

	turns turns

	nextLook atomic.Int64  // all times in ns since start
	lateness atomic.Uint64 // at the last look

	mu       sync.Mutex
	sources  sources
	halfOpen int
	pace     pace
}

// New returns a gate that is open.
func New(cfg Config) *Gate {
	g := &Gate{cfg: cfg.withDefaults(), start: time.Now()}
	g.sources, g.turns = newSources(g.cfg.Sources), newTurns(g.cfg.Setups)
	g.lateness.Store(g.late())
	return g
}

// Admit decides on a new request from a source. If it is not taken, retryAfter is what a 503 should say, and 0 means that there
// is to be no answer. An INVITE that is taken is half open from then on; Release must be called for it once.
func (g *Gate) Admit(method message.Method, from netip.Addr) (retryAfter time.Duration, ok bool) {
	exempt := g.cfg.Exempt != nil && g.cfg.Exempt(from)
	from = origin(from)
	now := int64(time.Since(g.start))
	due, late := g.look(now)
	g.mu.Lock()
	defer g.mu.Unlock()
	if due {
		g.pace.look(now, late)
	}
	s := g.sources.take(from, now)
	var why *atomic.Uint64
	switch {
	case !exempt && !s.requests.pass(now, g.cfg.Rate, g.cfg.Burst):
		why = &g.count.rate
	case method == message.Invite && (over(g.halfOpen, g.cfg.MaxHalfOpen) || !exempt && over(s.halfOpen, g.cfg.MaxHalfOpenPerSource)):
		why = &g.count.halfOpen
	case method == message.Invite && !g.pace.pass(now, int(g.turns.waiting.Load())):
		why = &g.count.late
	}
	switch {
	case why == nil:
		if method == message.Invite {
			g.halfOpen++
			s.halfOpen++
		}
		return 0, true
	case !s.answers.pass(now, g.cfg.AnswerRate, g.cfg.AnswerRate):
		g.count.dropped.Add(1)
		return 0, false
	}
	why.Add(1)
	return g.cfg.RetryAfter, false
}

// over says whether a bound is reached.
func over(n, bound int) bool { return bound >= 0 && n >= bound }

// Release says that an INVITE is half open no more: its ACK has come, or it has ended without.
func (g *Gate) Release(from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.halfOpen = max(g.halfOpen-1, 0)
	g.pace.served++
	if s := g.sources.find(origin(from)); s != nil { // it may have made room for another
		s.halfOpen = max(s.halfOpen-1, 0)
	}
}

// look says whether it was time to look again whether the bridge is late, and if so, whether it has been since the last look. No lock is held meanwhile.
func (g *Gate) look(now int64) (due, late bool) {
	next := g.nextLook.Load()
	if now < next || !g.nextLook.CompareAndSwap(next, now+int64(lookEvery)) {
		return false, false
	}
	n := g.late()
	return true, g.lateness.Swap(n) < n
}

// late is how many ticks of the mixer, and how many turns at a setup, have been late until now.
func (g *Gate) late() uint64 {
	n := g.turns.slow.Load()
	if g.cfg.Late != nil {
		n += g.cfg.Late()
	}
	return n
}

// Stats counts what has happened since New.
type Stats struct {
	HalfOpen        int    // INVITEs that have had no ACK, now
	RefusedRate     uint64 // refused for their source's rate
	RefusedLate     uint64 // INVITEs refused because the mixer was late, or too many waited to be set up
	RefusedHalfOpen uint64 // INVITEs refused because too many were half open
	Dropped         uint64 // refused for any reason, and not even told
}

// counters are the living Stats.
type counters struct{ rate, late, halfOpen, dropped atomic.Uint64 }

// Stats returns the counters as of now.
func (g *Gate) Stats() Stats {
	g.mu.Lock()
	open := g.halfOpen
	g.mu.Unlock()
	return Stats{
		HalfOpen: open, RefusedRate: g.count.rate.Load(), RefusedLate: g.count.late.Load(),
		RefusedHalfOpen: g.count.halfOpen.Load(), Dropped: g.count.dropped.Load(),
	}
}
