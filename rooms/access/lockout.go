package access

import (
	"net/netip"
	"sync"
	"time"
)

// Caller is who dials a PIN, and for which room.
type Caller struct {
	// Address is where the call comes from; of an IPv6 address its network of 64 bits counts.
	Address netip.Addr
	// Identity is who the caller is, as far as the trunk vouches for it (P-Asserted-Identity of one that is trusted); empty otherwise. With it
	// callers from one address are told apart. What anybody can write there is not to be in it.
	Identity string
	// Trunk is the trunk's name; empty for calls from none, which count as one trunk.
	Trunk string
	// Room is the number of the room.
	Room string
}

// source is what counts as one source.
type source struct {
	address  netip.Addr
	identity string
}

func (c Caller) source() source {
	a := c.Address.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // of an IPv6 address it does not fail
		a = p.Addr()
	}
	return source{a, c.Identity}
}

// visit is a source in a room.
type visit struct {
	source source
	room   string
}

// Rules of the lock-out.
const (
	// How many wrong PINs cost no time: of one source, in one room, and over one trunk.
	freeSource, freeRoom, freeTrunk = 5, 8, 30
	// share is how many wrong PINs of one source count against its room and trunk: one dialler locks neither.
	share = 3
	// firstWait follows the first wrong PIN that is not free; each further one doubles it, up to longestWait.
	firstWait, longestWait = time.Minute, 12 * time.Hour
	// forgive is the time without a wrong PIN for which one is forgotten.
	forgive = 12 * time.Hour
	// welcome is how long who has come into a room is let try again though the room or trunk is locked for others.
	welcome = 30 * 24 * time.Hour
)

// count is the wrong PINs of one source, trunk or room.
type count struct {
	wrong   int
	pending int // PINs that are being checked, each of which may turn out wrong
	last    time.Time
	since   time.Time // from when on the next one is forgiven
}

// forget takes off what is forgiven.
func (c *count) forget(now time.Time) {
	if n := int(now.Sub(c.since) / forgive); n > 0 {
		c.wrong = max(c.wrong-n, 0)
		c.since = c.since.Add(time.Duration(n) * forgive)
	}
}

// wait is how long nothing may be tried.
func (c *count) wait(free int, now time.Time) time.Duration {
	if c.wrong < free {
		return 0
	}
	d := longestWait
	if n := c.wrong - free; n < 10 { // 2^10 min is longer
		d = min(firstWait<<n, longestWait)
	}
	return c.last.Add(d).Sub(now)
}

// full says that one more wrong PIN could cost time, if all of those turn out wrong that are being checked.
func (c *count) full(free int) bool { return c.pending > 0 && c.wrong+c.pending >= free }

func (c *count) fail(now time.Time) {
	c.wrong++
	c.last, c.since = now, now
}

// lockout counts wrong PINs.
type lockout struct {
	mu      sync.Mutex
	sources table[source]
	trunks  table[string]
	rooms   table[string]
	visits  table[visit] // those that came in; seen is when
	settled chan struct{}
}

// Sizes of the tables: some 6 MB in all, without the names.
const (
	sourcesKept = 16384
	trunksKept  = 512
	roomsKept   = 8192
	visitsKept  = 16384
)

func newLockout() *lockout {
	return &lockout{
		sources: newTable[source](sourcesKept), trunks: newTable[string](trunksKept), rooms: newTable[string](roomsKept),
		visits: newTable[visit](visitsKept), settled: make(chan struct{}),
	}
}

// try is one PIN that is being checked.
type try struct {
	caller  Caller
	counted bool // against room and trunk
}

// begin lets a caller try one PIN, or says why not (*LockedOutError). Where the outcome of others decides, it returns neither, and a channel that
// is closed with the next outcome.
func (l *lockout) begin(c Caller, now time.Time) (t *try, settled <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sources.take(c.source(), now)
	if s == nil {
		return nil, l.settled, nil
	}
	s.forget(now)
	if wait := s.wait(freeSource, now); wait > 0 {
		return nil, nil, &LockedOutError{BySource, wait}
	}
	if s.full(freeSource) {
		return nil, l.settled, nil
	}
	if v := l.visits.find(visit{c.source(), c.Room}); v != nil && now.Sub(v.seen) < welcome {
		s.pending++
		return &try{c, false}, nil, nil
	}
	room, trunk := l.rooms.take(c.Room, now), l.trunks.take(c.Trunk, now)
	if room == nil || trunk == nil {
		return nil, l.settled, nil
	}
	room.forget(now)
	trunk.forget(now)
	if wait := room.wait(freeRoom, now); wait > 0 {
		return nil, nil, &LockedOutError{ByRoom, wait}
	}
	if wait := trunk.wait(freeTrunk, now); wait > 0 {
		return nil, nil, &LockedOutError{ByTrunk, wait}
	}
	counted := s.wrong+s.pending < share
	if room.full(freeRoom) || trunk.full(freeTrunk) {
		return nil, l.settled, nil
	}
	s.pending++
	if counted {
		room.pending++
		trunk.pending++
	}
	return &try{c, counted}, nil, nil
}

// outcome is how a try ended.
type outcome int

const (
	wrong outcome = iota
	right
	unknown // it was never checked
)

// end tells how a try ended; once.
func (l *lockout) end(t *try, how outcome, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	settle := func(c *count) {
		c.pending--
		if how == wrong {
			c.fail(now)
		}
	}
	settle(&l.sources.find(t.caller.source()).count) // who has a try pending keeps its place
	if t.counted {
		settle(&l.rooms.find(t.caller.Room).count)
		settle(&l.trunks.find(t.caller.Trunk).count)
	}
	if how == right {
		l.visits.take(visit{t.caller.source(), t.caller.Room}, now)
	}
	close(l.settled)
	l.settled = make(chan struct{})
}
