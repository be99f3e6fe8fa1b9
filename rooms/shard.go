package rooms

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

const (
	// shardMembers is how many members a shard has at most: as many as an Exchange fetches for.
	shardMembers = 64
	// sharedShards is how many shards a room has that lets others help with its ticks (449 members). Below that it gains nothing, and costs a sixth more
	// (docs/decisions/0050-one-room-on-all-processors.md).
	sharedShards = 8
)

// shard is some of a room's members: what one system call fetches, and what one goroutine does in one go. A tick has two halves in which shards do not
// touch each other, so that other goroutines of the bridge can do some of them: taking in, and sending out. What somebody does that concerns the room
// is noted meanwhile, and told between the halves in the order of the members.
type shard struct {
	members []*member
	turned  []*member // who has begun or stopped to talk
	pressed []pressed
}

// pressed is a key that was told or found in a tick.
type pressed struct {
	by    *member
	digit byte
	held  time.Duration
}

// worker is the memory of one goroutine that works on a room's shards.
type worker struct {
	exchange  Exchange // while it works; nil: there is none
	own, next []int16  // what one member hears, and what it goes over to
	payload   [maxPayload]byte
	without   [mixer.MaxSources]mixer.Source
}

// reshard sorts the members into shards, of a room that mixes at that rate, between ticks.
func (s *state) reshard(rateHz int) {
	n := (len(s.members) + shardMembers - 1) / shardMembers
	if had := len(s.shards); n < had {
		clear(s.shards[n:])
	} else {
		s.shards = slices.Grow(s.shards, n-had)
	}
	s.shards = s.shards[:n]
	i := 0
	for members := range slices.Chunk(s.members, shardMembers) {
		s.shards[i].hold(members)
		i++
	}
	workers := 1
	if n >= sharedShards {
		s.crew = s.room.registry.hire()
		workers += s.crew.size()
	}
	for len(s.workers) < workers {
		s.workers = append(s.workers, &worker{})
	}
	for _, w := range s.workers {
		w.tune(rateHz)
	}
}

func (w *worker) tune(rateHz int) {
	if n := mixer.FrameSamples(rateHz); len(w.own) != n {
		w.own, w.next = make([]int16, n), make([]int16, n)
	}
}

// hold makes members those of the shard, with room for what they do in a tick: each may turn, and as many press keys as reserve reckons with.
func (d *shard) hold(members []*member) {
	d.members = members
	d.turned = slices.Grow(d.turned[:0], len(members))
	d.pressed = slices.Grow(d.pressed[:0], len(members)+keysReserved)
	for _, m := range members {
		m.shard = d
	}
}

// takeIn is the first half of a tick: it takes in what has come for the members, and has each of them claim a place in the mix.
func (d *shard) takeIn(w *worker, now time.Time) {
	if w.exchange != nil {
		for _, m := range d.members {
			if m.pooled != nil && !m.elsewhere {
				m.pooled.FetchBy(w.exchange)
			}
		}
		w.exchange.Fetch()
	}
	for _, m := range d.members {
		if m.elsewhere {
			continue
		}
		if err := m.leg.Receive(now, m); err != nil {
			m.dead = err
		}
		m.hear(now)
		m.watchQuality()
	}
}

// sendOut is the second half: it sends the members what they hear.
func (d *shard) sendOut(w *worker, x *mixdown, now time.Time) {
	for _, m := range d.members {
		if m.elsewhere {
			continue
		}
		if m.pooled != nil {
			m.pooled.SendBy(w.exchange)
		}
		x.cast.tell(m, w.without[:])
		x.send(w, m, now)
	}
}

// tellShards tells what was noted in the first half.
func (s *state) tellShards(now time.Time) {
	for i := range s.shards {
		d := &s.shards[i]
		for _, m := range d.turned {
			m.turn()
		}
		for _, p := range d.pressed {
			p.by.press(p.digit, p.held, now)
		}
		d.turned, d.pressed = d.turned[:0], d.pressed[:0]
	}
}

// half is one of the two halves of a tick, in which shards do not touch each other.
type half uint8

const (
	takingIn half = iota
	sendingOut
)

// work is what is to be done with the shards of a room in one half of a tick. Whoever has the time takes the next shard, the room's own goroutine first of all;
// it waits for nobody who has not begun.
type work struct {
	half half
	now  time.Time
	next atomic.Int32 // shard
	// opened counts the halves in which others may help.
	opened atomic.Uint32
	// busy is how many of the crew work at it, and whether anybody may begin: below 0, by closedWork, nobody may.
	busy   atomic.Int32
	free   chan struct{} // from the last of the crew, when the room waits
	called bool          // the crew, for this tick
}

const (
	closedWork = -1 << 16
	// callEarly is how long before a tick the crew is called: a thread that sleeps is not there at once.
	callEarly = 150 * time.Microsecond
	// patience is how long one looks for what another is about to do, until it does something else or sleeps: between two halves, or for the rest of a shard.
	patience = 300 * time.Microsecond
)

// shared says whether others help with the room's ticks. They do not as long as it looks for its beat: that is of the room's first packets, in order.
func (s *state) shared() bool {
	return s.crew != nil && len(s.shards) >= sharedShards && s.timers.beat.known
}

// summon calls the crew shortly before the next tick, and sleeps until then.
func (s *state) summon(now time.Time) {
	if s.shared() {
		s.timers.clock.approach(now, callEarly)
		s.work.called = false
		s.callCrew()
	}
}

// callCrew calls the crew for a tick, once.
func (s *state) callCrew() {
	if s.shared() && !s.work.called {
		s.work.called = true
		s.crew.call(s, min(len(s.workers), len(s.shards))-1)
	}
}

// each does one half of a tick.
func (s *state) each(do half, now time.Time) {
	k := &s.work
	k.half, k.now = do, now
	k.next.Store(0)
	if s.shared() {
		k.opened.Add(1)
		k.busy.Store(0)
		defer k.end()
	}
	k.called = k.called && do == takingIn
	w := s.workers[0]
	lender := s.borrow(w)
	s.doShards(w)
	if do == sendingOut {
		s.sendFeeds(w, now)
	}
	w.giveBack(lender)
}

// borrow has a worker have an exchange, where there is one.
func (s *state) borrow(w *worker) Exchanges {
	lender := s.room.registry.cfg.Exchanges
	if lender != nil {
		w.exchange = lender.Exchange()
	}
	return lender
}

// giveBack sends what still waits.
func (w *worker) giveBack(lender Exchanges) {
	if w.exchange != nil {
		lender.Return(w.exchange)
		w.exchange = nil
	}
}

// end keeps others from beginning, and waits for those who have.
func (k *work) end() {
	if k.busy.Add(closedWork) == closedWork {
		return
	}
	for until := time.Now().Add(patience); len(k.free) == 0 && time.Now().Before(until); {
	}
	<-k.free
}

// begin says whether one may help.
func (k *work) begin() bool {
	for {
		n := k.busy.Load()
		if n < 0 {
			return false
		}
		if k.busy.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (k *work) leave() {
	if k.busy.Add(-1) == closedWork {
		k.free <- struct{}{}
	}
}

// await waits for a half to open that is not the one seen before, and begins. It says whether that came to be in time.
func (k *work) await(seen uint32) bool {
	for until := time.Now().Add(patience); time.Now().Before(until); {
		if k.opened.Load() != seen && k.begin() {
			return true
		}
	}
	return false
}

// doShards does shards until there are none left.
func (s *state) doShards(w *worker) {
	k := &s.work
	for i := k.next.Add(1) - 1; int(i) < len(s.shards); i = k.next.Add(1) - 1 {
		switch k.half {
		case takingIn:
			s.shards[i].takeIn(w, k.now)
		case sendingOut:
			s.shards[i].sendOut(w, &s.mix, k.now)
		}
	}
}

// crew is goroutines that help rooms of many members with their ticks: one for each processor but one. Those that have nothing to do wait for a
// call.
type crew struct {
	calls []chan *state // of each; who does not wait at it is busy
	ends  sync.WaitGroup
}

// hire returns the crew of the registry, which begins with the first room that needs it and ends with Close; nil where there is one processor.
func (g *Registry) hire() *crew {
	g.crewOnce.Do(func() {
		n := runtime.GOMAXPROCS(0) - 1
		if n < 1 {
			return
		}
		c := &crew{calls: make([]chan *state, n)}
		for i := range c.calls {
			c.calls[i] = make(chan *state)
			c.ends.Go(func() { help(c.calls[i], i+1) })
		}
		g.crew = c
	})
	return g.crew
}

func (c *crew) size() int {
	if c == nil {
		return 0
	}
	return len(c.calls)
}

// stop ends the crew. No room may tick any more.
func (c *crew) stop() {
	if c == nil {
		return
	}
	for _, calls := range c.calls {
		close(calls)
	}
	c.ends.Wait()
}

// call has up to n of the crew help with a room's tick, of those who are free.
func (c *crew) call(s *state, n int) {
	for _, calls := range c.calls {
		if n <= 0 {
			return
		}
		select {
		case calls <- s:
			n--
		default:
		}
	}
}

// help works with the worker of that index wherever it is called.
func help(calls <-chan *state, index int) {
	for s := range calls {
		s.assist(index)
	}
}

// assist does shards with the worker of that index in both halves of a tick, as far as there are any left.
func (s *state) assist(index int) {
	k := &s.work
	for seen, last := uint32(0), false; !last && k.await(seen); {
		seen, last = k.opened.Load(), k.half == sendingOut
		w := s.workers[index]
		lender := s.borrow(w)
		s.doShards(w)
		w.giveBack(lender)
		k.leave()
	}
}
