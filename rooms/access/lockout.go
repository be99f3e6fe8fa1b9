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
	// callers from one address are told apart; without it those of a trunk count as many. What anybody can write there is not to be in it.
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
	room     string // empty: it is one for all rooms
}

// source is one person, or, where a trunk does not tell who calls, all whom it brings to one room: so that a dialler keeps nobody from the others.
func (c Caller) source() source {
	a := c.Address.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // of an IPv6 address it does not fail
		a = p.Addr()
	}
	if c.Trunk != "" && c.Identity == "" {
		return source{address: a, room: c.Room}
	}
	return source{address: a, identity: c.Identity}
}

// rule is that of a source: many people dial more wrong PINs than one.
func (s source) rule() *rule {
	if s.room != "" {
		return &manyRule
	}
	return &personRule
}

// visit is a source in a room.
type visit struct {
	source source
	room   string
}

// rule is how many wrong PINs cost no time, and what those cost that follow.
type rule struct {
	free    int           // wrong PINs
	forgive time.Duration // for which one of them is forgotten, whether others follow or not
	daily   bool          // no more than perDay within 24 hours
}

// The rules of one person, of a room and of all whom a trunk brings to it without a name, and of a trunk (decision 0035). A room's is for honest callers, six wrong PINs
// a day, and for those who dial all of them: 20 a day, and eight in the long run.
var (
	personRule = rule{free: 5, forgive: 12 * time.Hour}
	manyRule   = rule{free: 40, forgive: 3 * time.Hour, daily: true}
	trunkRule  = rule{free: 20, forgive: time.Hour}
)

const (
	// share is how many wrong PINs of one source count against its room and trunk: one dialler locks neither. A person dials more only while all
	// that strangers have dialled wrong in the room is no more than a room's rule lets be.
	share = 3
	// perDay is how many wrong PINs a daily rule lets be dialled within 24 hours.
	perDay = 20
	// firstWait follows the first wrong PIN that is not free; each further one doubles it, up to longestWait.
	firstWait, longestWait = time.Minute, 12 * time.Hour
	// welcome is how long who has come into a room is let try again though the room or trunk is locked for others.
	welcome = 30 * 24 * time.Hour
)

// count is the wrong PINs of one source, trunk or room.
type count struct {
	wrong   int
	pending int // PINs that are being checked, each of which may turn out wrong
	last    time.Time
	since   time.Time // from when on the next one is forgiven
	day     day
}

// day is when the last wrong PINs were dialled, in nanoseconds of Unix time.
type day struct {
	at   [perDay]int64
	next int // the oldest
}

func (d *day) fail(now time.Time) {
	d.at[d.next] = now.UnixNano()
	d.next = (d.next + 1) % perDay
}

// wait is how long it takes until another one would be no more than perDay, if pending others turn out wrong before; 0 or less: it may be dialled now.
func (d *day) wait(pending int, now time.Time) time.Duration {
	oldest := d.at[(d.next+pending)%perDay]
	return time.Unix(0, oldest).Add(24 * time.Hour).Sub(now)
}

// forget takes off what is forgiven.
func (c *count) forget(r *rule, now time.Time) {
	if n := int(now.Sub(c.since) / r.forgive); n > 0 {
		c.wrong = max(c.wrong-n, 0)
		c.since = c.since.Add(time.Duration(n) * r.forgive)
	}
}

// wait is how long nothing may be tried.
func (c *count) wait(r *rule, now time.Time) time.Duration {
	var d time.Duration
	if n := c.wrong - r.free; n >= 0 {
		d = longestWait
		if n < 10 { // 2^10 min is longer
			d = min(firstWait<<n, longestWait)
		}
		d = c.last.Add(d).Sub(now)
	}
	if r.daily {
		d = max(d, c.day.wait(0, now))
	}
	return d
}

// full says that one more wrong PIN could cost time, if all of those turn out wrong that are being checked.
func (c *count) full(r *rule, now time.Time) bool {
	return c.pending > 0 && (c.wrong+c.pending >= r.free || r.daily && (c.pending >= perDay || c.day.wait(c.pending, now) > 0))
}

func (c *count) fail(r *rule, now time.Time) {
	if c.wrong == 0 {
		c.since = now
	}
	c.wrong++
	c.last = now
	if r.daily {
		c.day.fail(now)
	}
}

// lockout counts wrong PINs.
type lockout struct {
	mu      sync.Mutex
	sources table[source]
	trunks  table[string]
	rooms   table[string]
	strays  table[string] // of rooms: all wrong PINs of strangers, those beyond a source's share too
	visits  table[visit]  // those that came in; seen is when
	settled chan struct{}
}

// Sizes of the tables: some 15 MB in all, without the names.
const (
	sourcesKept = 16384
	trunksKept  = 512
	roomsKept   = 8192
	visitsKept  = 16384
)

func newLockout() *lockout {
	return &lockout{
		sources: newTable[source](sourcesKept), trunks: newTable[string](trunksKept), rooms: newTable[string](roomsKept),
		strays: newTable[string](roomsKept), visits: newTable[visit](visitsKept), settled: make(chan struct{}),
	}
}

// try is one PIN that is being checked.
type try struct {
	caller   Caller
	counted  bool // against room and trunk
	stranger bool // has never been in
}

// begin lets a caller try one PIN, or says why not (*LockedOutError). Where the outcome of others decides, it returns neither, and a channel that
// is closed with the next outcome.
func (l *lockout) begin(c Caller, now time.Time) (t *try, settled <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, rule := l.sources.take(c.source(), now), c.source().rule()
	if s == nil {
		return nil, l.settled, nil
	}
	s.forget(rule, now)
	if wait := s.wait(rule, now); wait > 0 {
		return nil, nil, &LockedOutError{BySource, wait}
	}
	if s.full(rule, now) {
		return nil, l.settled, nil
	}
	if v := l.visits.find(visit{c.source(), c.Room}); v != nil && now.Sub(v.seen) < welcome {
		s.pending++
		return &try{caller: c}, nil, nil
	}
	room, trunk, all := l.rooms.take(c.Room, now), l.trunks.take(c.Trunk, now), l.strays.take(c.Room, now)
	if room == nil || trunk == nil || all == nil {
		return nil, l.settled, nil
	}
	room.forget(&manyRule, now)
	trunk.forget(&trunkRule, now)
	all.forget(&manyRule, now)
	if wait := room.wait(&manyRule, now); wait > 0 {
		return nil, nil, &LockedOutError{ByRoom, wait}
	}
	if wait := trunk.wait(&trunkRule, now); wait > 0 {
		return nil, nil, &LockedOutError{ByTrunk, wait}
	}
	counted := s.wrong+s.pending < share
	if !counted && rule == &personRule { // a few diallers would stay below what locks the room, and each go on by itself
		if wait := all.wait(&manyRule, now); wait > 0 {
			return nil, nil, &LockedOutError{ByRoom, wait}
		}
		if all.full(&manyRule, now) {
			return nil, l.settled, nil
		}
	}
	if room.full(&manyRule, now) || trunk.full(&trunkRule, now) {
		return nil, l.settled, nil
	}
	s.pending++
	all.pending++
	if counted {
		room.pending++
		trunk.pending++
	}
	return &try{c, counted, true}, nil, nil
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
	settle := func(c *count, r *rule) {
		c.pending--
		if how == wrong {
			c.fail(r, now)
		}
	}
	from := t.caller.source()
	settle(&l.sources.find(from).count, from.rule()) // who has a try pending keeps its place
	if t.stranger {
		settle(&l.strays.find(t.caller.Room).count, &manyRule)
	}
	if t.counted {
		settle(&l.rooms.find(t.caller.Room).count, &manyRule)
		settle(&l.trunks.find(t.caller.Trunk).count, &trunkRule)
	}
	if how == right {
		l.visits.take(visit{t.caller.source(), t.caller.Room}, now)
	}
	close(l.settled)
	l.settled = make(chan struct{})
}
