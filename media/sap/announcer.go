package sap

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/media/session"
)

// retryInterval is when an announcement is tried again that could not be sent: an interface that was down can be back.
const retryInterval = 10 * time.Second

// MaxAnnounced is how many sessions an [Announcer] announces.
const MaxAnnounced = 1000

// Announcement is a session that is announced, and how.
type Announcement struct {
	Session session.Session
	// Interface is the name of the one that the sound goes out of.
	Interface string
	// TTL is that of the sound, or its hop limit: the announcement gets as far and no farther. RFC 2974 §3 would have it 255 and the scope
	// left to the group's address; but a session here is bounded by both, and what is heard of must be heard.
	TTL int
}

// AnnouncerConfig is what an [Announcer] may be told. The zero value works.
type AnnouncerConfig struct {
	// Least is the least time between two announcements of one session; 0 means LeastInterval. Shorter ones are for small networks.
	Least time.Duration
	// Others says how many announcements there are at an address on an interface without our own, as [Neighbourhood.Count] knows; nil: none are known of. It is
	// called on the announcer's goroutine.
	Others func(nic string, to netip.AddrPort, ours func(source netip.Addr, hash uint16) bool) int
	Log    *slog.Logger // nil: nothing is logged

	network network // nil: the host's
}

// Announcer repeats announcements until they are withdrawn, and then takes them back. One goroutine has its state. It is safe for concurrent
// use.
//
// The first announcement of a session goes out at once, and not after an interval as RFC 2974 §3.1 has it: who is invited to a talk does not
// look for it five minutes later. Bursts do not come of it: whatever is announced waits until what was sent to that address before it has
// had its time by the limit.
type Announcer struct {
	cfg    AnnouncerConfig
	ops    chan func(*announcing)
	closed chan struct{}
	done   chan struct{}
	close  sync.Once

	sent, failed atomic.Uint64
}

// NewAnnouncer starts one that has nothing to announce. Close ends it.
func NewAnnouncer(cfg AnnouncerConfig) *Announcer {
	if cfg.Least <= 0 {
		cfg.Least = LeastInterval
	}
	if cfg.Others == nil {
		cfg.Others = func(string, netip.AddrPort, func(netip.Addr, uint16) bool) int { return 0 }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.network == nil {
		cfg.network = host{}
	}
	a := &Announcer{cfg: cfg, ops: make(chan func(*announcing)), closed: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

// Announce begins to announce a session under a key of the caller's, or changes what is announced under it: then the new description goes
// out with a hash of its own, in place of the old one (RFC 2974 §5). Its Session.Version has grown, the caller sees to that. The old one is taken back, and before that, where
// the new one is not a version of it to those who have heard it: it has another origin or goes elsewhere. A deletion of what is only another version
// would take back the session, which is known by its origin and not by its hash. What is the same as before changes nothing.
// The error is of [session.Session.Marshal], ErrTooLong, ErrTooMany, ErrNoScope, ErrInterface, or ErrClosed.
func (a *Announcer) Announce(key string, ann Announcement) error {
	var err error
	if !a.do(func(s *announcing) { err = s.announce(key, ann) }) {
		return ErrClosed
	}
	return err
}

// Withdraw takes a session back: its deletion has been sent when this returns. An unknown key is nothing to do.
func (a *Announcer) Withdraw(key string) {
	a.do(func(s *announcing) { s.withdraw(key) })
}

// Sent and failed packets so far.
func (a *Announcer) Sent() (sent, failed uint64) { return a.sent.Load(), a.failed.Load() }

// Close takes all sessions back and returns when that is sent.
func (a *Announcer) Close() {
	a.close.Do(func() { close(a.closed) })
	<-a.done
}

// do runs op on the announcer's goroutine and reports whether it did.
func (a *Announcer) do(op func(*announcing)) bool {
	ran := make(chan struct{})
	select {
	case a.ops <- func(s *announcing) { op(s); close(ran) }:
		<-ran
		return true
	case <-a.done:
		return false
	}
}

// run is the goroutine.
func (a *Announcer) run() {
	defer close(a.done)
	s := &announcing{Announcer: a, free: map[netip.AddrPort]time.Time{}}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(s.due(time.Now()))
		select {
		case op := <-a.ops:
			op(s)
		case <-timer.C:
		case <-a.closed:
			for len(s.entries) > 0 {
				s.withdraw(s.entries[0].key)
			}
			return
		}
	}
}

// announcing is what the goroutine owns.
type announcing struct {
	*Announcer
	entries []*entry
	free    map[netip.AddrPort]time.Time // from when on an address may be sent to again
}

// entry is one session.
type entry struct {
	key string
	Announcement
	to      netip.AddrPort
	payload []byte
	packet  Packet
	size    int
	old     *entry // what was announced before and is to be taken back before this is

	chance float64   // where between the bounds the next interval ends
	last   time.Time // zero: never
	down   bool      // the last try failed
}

func (s *announcing) announce(key string, ann Announcement) error {
	payload, err := ann.Session.Marshal()
	if err != nil {
		return err
	}
	e := &entry{key: key, Announcement: ann, payload: payload}
	if e.to, err = AddressFor(ann.Session.Group.Addr()); err != nil {
		return err
	}
	if ann.TTL < 1 || ann.TTL > 255 {
		return fmt.Errorf("%w: a TTL of %d", ErrNoScope, ann.TTL)
	}
	source, err := s.cfg.network.source(ann.Interface, ann.Session.Origin, e.to.Addr().Is4())
	if err != nil {
		return err
	}
	e.packet.Source = source
	i := slices.IndexFunc(s.entries, func(e *entry) bool { return e.key == key })
	if i < 0 && len(s.entries) == MaxAnnounced {
		return fmt.Errorf("%w: more than %d", ErrTooMany, MaxAnnounced)
	}
	if i >= 0 {
		was := s.entries[i]
		if bytes.Equal(was.payload, payload) && was.Interface == ann.Interface && was.TTL == ann.TTL && was.packet.Source == source {
			return nil
		}
		e.old = was.old // nobody has heard of was, or it is the same session
		if !was.last.IsZero() && !e.follows(was) {
			e.old = was
		}
	}
	e.packet = Packet{Hash: s.hash(payload), Source: source, Payload: payload}
	b, err := e.packet.Marshal()
	if err != nil {
		return err
	}
	e.size = len(b)
	if i >= 0 {
		s.entries[i] = e
	} else {
		s.entries = append(s.entries, e)
	}
	return nil
}

// hash is one that none of the sessions has, nor had just before.
func (s *announcing) hash(payload []byte) uint16 {
	h := HashOf(payload)
	for slices.ContainsFunc(s.entries, func(e *entry) bool { return e.packet.Hash == h || e.old != nil && e.old.packet.Hash == h }) {
		h = nonzero(h + 1)
	}
	return h
}

// follows says whether who has heard of another takes e for the next version of it.
func (e *entry) follows(o *entry) bool {
	a, b := e.Session, o.Session
	return a.ID == b.ID && a.Origin == b.Origin && e.packet.Source == o.packet.Source && e.to == o.to && e.Interface == o.Interface && e.TTL >= o.TTL
}

func (s *announcing) withdraw(key string) {
	i := slices.IndexFunc(s.entries, func(e *entry) bool { return e.key == key })
	if i < 0 {
		return
	}
	e := s.entries[i]
	s.entries = slices.Delete(s.entries, i, i+1)
	if e.old != nil {
		s.delete(e.old)
	}
	if !e.last.IsZero() {
		s.delete(e)
	}
}

// delete sends a deletion: once, as RFC 2974 has it; who does not hear it forgets the session by its age.
func (s *announcing) delete(e *entry) {
	p := e.packet
	p.Deletion, p.Payload = true, []byte(e.Session.OriginLine())
	_ = s.send(e, p) // it is counted
}

// due sends what is due and says how long nothing is.
func (s *announcing) due(now time.Time) time.Duration {
	const idle = time.Hour
	wait, counts := idle, s.counts()
	for _, e := range s.entries {
		at := s.next(e, now, counts)
		if !at.After(now) {
			s.say(e, now)
			at = s.next(e, now, counts)
		}
		wait = min(wait, at.Sub(now))
	}
	return wait
}

// next is when an entry is due. It is worked out anew each time, so that announcements that come and go have their effect at once
// (reconsideration, RFC 2974 §3.1).
func (s *announcing) next(e *entry, now time.Time, counts map[place]int) time.Time {
	at := now
	switch {
	case e.last.IsZero():
	case e.down:
		at = e.last.Add(min(retryInterval, s.cfg.Least))
	default:
		at = e.last.Add(spread(interval(counts[e.place()], e.size, s.cfg.Least), e.chance))
	}
	if free := s.free[e.to]; free.After(at) {
		return free
	}
	return at
}

// place is where announcements share a limit: an address, on the networks of an interface.
type place struct {
	nic string
	to  netip.AddrPort
}

func (e *entry) place() place { return place{e.Interface, e.to} }

// counts are how many announcements there are where ours are.
func (s *announcing) counts() map[place]int {
	ours := func(source netip.Addr, hash uint16) bool {
		return slices.ContainsFunc(s.entries, func(e *entry) bool { return e.packet.Source == source && e.packet.Hash == hash })
	}
	counts := map[place]int{}
	for _, e := range s.entries {
		if counts[e.place()] == 0 {
			counts[e.place()] = max(s.cfg.Others(e.Interface, e.to, ours), 0)
		}
		counts[e.place()]++
	}
	return counts
}

// say announces an entry, behind the end of what it stands in place of.
func (s *announcing) say(e *entry, now time.Time) {
	if e.old != nil {
		s.delete(e.old)
		e.old = nil
	}
	e.last, e.chance = now, rand.Float64()
	s.free[e.to] = now.Add(airtime(e.size))
	err := s.send(e, e.packet)
	if (err != nil) != e.down {
		e.down = err != nil
		if e.down {
			s.cfg.Log.Warn("a session is not announced", "session", e.Session.Name, "interface", e.Interface, "err", err)
		} else {
			s.cfg.Log.Info("a session is announced again", "session", e.Session.Name, "interface", e.Interface)
		}
	}
}

func (s *announcing) send(e *entry, p Packet) error {
	b, err := p.Marshal()
	if err == nil {
		err = s.cfg.network.send(datagram{to: e.to, from: p.Source, nic: e.Interface, ttl: e.TTL, bytes: b})
	}
	if err != nil {
		s.failed.Add(1)
		return err
	}
	s.sent.Add(1)
	return nil
}
