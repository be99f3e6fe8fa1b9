package rooms

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
)

// Feed is a way out for a room's mix besides its members: to a group, or to whoever else hears it without being there. It is sent what listeners hear,
// which is encoded once for all feeds and listeners of one profile. From Registry.Feed until Close every method is called on the room's goroutine and on
// no other. None may block, allocate, lock or log: they run inside the tick.
type Feed interface {
	// Profile is how Send's payloads are to be made. It never changes.
	Profile() codec.Profile
	// Tick is called once in every 20 ms in which the feed goes on, before Send.
	Tick(now time.Time)
	// Send is Leg.Send, and Mixed is Leg.Mixed.
	Send(now time.Time, payload []byte, units int)
	Mixed(sources []mixer.Source)
	// Begins says that who listens has not heard enough of the stream yet to know that it is there: it is sent sound, also in a pause.
	Begins() bool
	// Rest says that nothing is sent until the next Tick: nobody is in the room, and the feed is for when somebody is.
	Rest(now time.Time)
	// Close says goodbye to who listens and gives the sockets back. It is the last call.
	Close() error
}

// PooledFeed is a Feed whose packets an Exchange can send.
type PooledFeed interface {
	Feed
	// SendBy is Pooled.SendBy.
	SendBy(x Exchange)
}

// FeedConfig is how a room has a feed.
type FeedConfig struct {
	// ID is that of what the feed belongs to, for events.
	ID string
	// Occupied feeds rest while nobody is in the room; others go on, and the room ticks for them.
	Occupied bool
	// Pauses says that Send gets empty payloads while nothing is mixed, from a fifth of a second on; not where the stream begins (Feed.Begins).
	Pauses bool
	// Opening is heard in the room, and so by the feed, when the first one comes in: before a page.
	Opening []*mixer.Clip
}

// Feeding is a feed in a room. Its methods are safe for concurrent use.
type Feeding struct {
	room    *room
	stopped chan struct{}
	renamed chan struct{} // with room for one
}

// feeding is the room's side of it.
type feeding struct {
	FeedConfig
	to      Feed
	pooled  PooledFeed // to, if it is one; else nil
	of      *Feeding
	group   *group
	told    bool // of who is in the mix
	resting bool
}

// pauseTicks is for how many ticks nothing has been mixed when a pause begins: what the limiter, resamplers and packets of 60 ms hold back is out by then.
const pauseTicks = 10

// Feed has a room's mix go to a feed too, until Feeding.Stop is called, or the room or the bridge ends. A room that has one does not fall asleep (ErrNoRoom,
// ErrDraining; ErrInvalid where no encoder can be made for its profile). On an error the feed has not been closed.
func (g *Registry) Feed(ctx context.Context, number string, to Feed, cfg FeedConfig) (*Feeding, error) {
	if g.draining.Load() {
		return nil, wrap("feed from room", number, ErrDraining)
	}
	var f *Feeding
	err := g.do(ctx, number, func(s *state) (err error) {
		f, err = s.feed(to, cfg, time.Now())
		return err
	})
	return f, err
}

// Stop ends the feed, and returns when it has been closed.
func (f *Feeding) Stop() {
	_ = f.room.doAlways(func(s *state) error { s.unfeed(f); return nil }) // ErrClosed: it has been stopped with the room
	<-f.stopped
}

// Stopped is closed when the feed has been.
func (f *Feeding) Stopped() <-chan struct{} { return f.stopped }

// Renamed gets a value when the room has another name.
func (f *Feeding) Renamed() <-chan struct{} { return f.renamed }

// Tell has the room tell that something has become of the feed: KindFeedDown or KindFeedUp.
func (f *Feeding) Tell(k Kind) {
	_ = f.room.doAlways(func(s *state) error { // ErrClosed: nobody is to be told any more
		for _, o := range s.feeds {
			if o.of == f {
				s.raise(Event{Kind: k, Feed: o.ID})
			}
		}
		return nil
	})
}

func (s *state) feed(to Feed, cfg FeedConfig, now time.Time) (*Feeding, error) {
	if s.closed {
		return nil, ErrClosed
	}
	if err := to.Profile().Valid(); err != nil {
		return nil, errors.Join(ErrInvalid, err)
	}
	of := &Feeding{room: s.room, stopped: make(chan struct{}), renamed: make(chan struct{}, 1)}
	f := &feeding{FeedConfig: cfg, to: to, of: of, resting: cfg.Occupied && len(s.members) == 0}
	f.pooled, _ = to.(PooledFeed)
	s.feeds = append(s.feeds, f)
	s.timers.grace.Stop()
	s.retune()
	s.wind(now)
	s.raise(Event{Kind: KindFeedStarted, Feed: cfg.ID})
	return of, nil
}

// unfeed ends a feed, if the room has it.
func (s *state) unfeed(of *Feeding) {
	i := slices.IndexFunc(s.feeds, func(f *feeding) bool { return f.of == of })
	if i < 0 {
		return
	}
	f := s.feeds[i]
	s.feeds = slices.Delete(s.feeds, i, i+1)
	if err := f.to.Close(); err != nil {
		s.room.registry.cfg.Log.Warn("feed did not close", "room", s.room.number, "feed", f.ID, "err", err)
	}
	s.retune()
	s.unwind()
	s.raise(Event{Kind: KindFeedStopped, Feed: f.ID})
	if len(s.feeds) == 0 {
		s.armGrace()
	}
	close(of.stopped)
}

// unfeedAll ends all feeds, with the room.
func (s *state) unfeedAll() {
	for len(s.feeds) > 0 {
		s.unfeed(s.feeds[len(s.feeds)-1].of)
	}
}

// wakeFeeds has those go on that rest while nobody is there: the first has come, who hears with them what opens a page.
func (s *state) wakeFeeds() {
	for _, f := range s.feeds {
		f.resting = false
	}
	if i := slices.IndexFunc(s.feeds, func(f *feeding) bool { return len(f.Opening) > 0 }); i >= 0 {
		if _, ok := s.announcer.play(s.feeds[i].Opening); !ok {
			s.room.registry.cfg.Log.Warn("too much waits to be announced: nothing opens the page", "room", s.room.number, "feed", s.feeds[i].ID)
		}
	}
}

// restFeeds has those rest that are for when somebody is there.
func (s *state) restFeeds(now time.Time) {
	for _, f := range s.feeds {
		if f.Occupied && !f.resting {
			f.resting, f.told = true, false
			f.to.Rest(now)
		}
	}
}

// renameFeeds tells those who have feeds that the room is called otherwise; it does not wait.
func (s *state) renameFeeds() {
	for _, f := range s.feeds {
		select {
		case f.of.renamed <- struct{}{}:
		default: // it is still to look
		}
	}
}

// audible says whether anybody hears what the room mixes: the room ticks.
func (s *state) audible() bool {
	return len(s.members) > 0 || slices.ContainsFunc(s.feeds, func(f *feeding) bool { return !f.resting })
}

// wind starts the clock of a room that begins to be audible.
func (s *state) wind(now time.Time) {
	if c := &s.timers.clock; !c.runs && s.audible() {
		c.runs = true
		s.room.registry.tickingRooms.Add(1)
		c.restart(now, s.room.registry.phases.take())
	}
}

// unwind stops the clock of a room that is audible no more.
func (s *state) unwind() {
	if c := &s.timers.clock; c.runs && !s.audible() {
		c.runs = false
		c.timer.Stop()
		s.forgetLateness()
		s.room.registry.tickingRooms.Add(-1)
		s.room.registry.phases.leave(c.phase)
		s.announcer.stop()
	}
}

// wantFeeds has groups of feeds make what they hear in this tick, before others work at it.
func (s *state) wantFeeds() {
	for _, f := range s.feeds {
		if !f.resting {
			f.group.wanted = true
		}
	}
}

// sendFeeds sends what listeners hear in this tick to all feeds. It is part of the second half of the tick, in which others may send to members.
func (s *state) sendFeeds(w *worker, now time.Time) {
	if s.mix.still++; s.mix.bus.Frames() > 0 {
		s.mix.still = 0
	}
	for _, f := range s.feeds {
		if f.resting {
			continue
		}
		if f.pooled != nil {
			f.pooled.SendBy(w.exchange)
		}
		f.to.Tick(now)
		if s.mix.cast.changed || !f.told {
			f.to.Mixed(s.mix.cast.heard())
			f.told = true
		}
		pause := f.Pauses && s.mix.still >= pauseTicks && !f.to.Begins()
		for i := range f.group.packets[:f.group.count] {
			p := &f.group.packets[i]
			if pause {
				f.to.Send(now, nil, p.units)
				continue
			}
			f.to.Send(now, p.payload, p.units)
		}
	}
}
