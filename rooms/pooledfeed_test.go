package rooms

import (
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

// lender lends one exchange at a time, and writes down what is done with it.
type lender struct {
	lent bool
	log  []string
}

// lentExchange is what it lends.
type lentExchange struct{ by *lender }

func (x *lentExchange) Fetch() { x.by.log = append(x.by.log, "fetch") }

func (l *lender) Exchange() Exchange {
	if l.lent {
		return nil
	}
	l.lent = true
	l.log = append(l.log, "lend")
	return &lentExchange{l}
}

func (l *lender) Return(Exchange) {
	l.lent = false
	l.log = append(l.log, "return")
}

// pooledLeg sends by an exchange.
type pooledLeg struct {
	*fakeLeg
	by *lender
	x  Exchange
}

func (l *pooledLeg) FetchBy(Exchange)  {}
func (l *pooledLeg) SendBy(x Exchange) { l.x = x }

func (l *pooledLeg) Send(now time.Time, payload []byte, units int) {
	if l.x != nil && l.by.lent {
		l.by.log = append(l.by.log, "leg")
	}
	l.fakeLeg.Send(now, payload, units)
}

// pooledFeed does too.
type pooledFeed struct {
	*fakeFeed
	by *lender
	x  Exchange
}

func (f *pooledFeed) SendBy(x Exchange) { f.x = x }

func (f *pooledFeed) Send(now time.Time, payload []byte, units int) {
	if f.x != nil && f.by.lent {
		f.by.log = append(f.by.log, "feed")
	}
	f.fakeFeed.Send(now, payload, units)
}

func TestFeedsSendByTheExchangeOfTheLegs(t *testing.T) {
	s := newTestState(t)
	l := &lender{}
	s.room.registry.cfg.Exchanges = l
	feed := &pooledFeed{fakeFeed: newFakeFeed(t, pcmu), by: l}
	if _, err := s.feed(feed, FeedConfig{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	seat(t, s, &pooledLeg{fakeLeg: newFakeLeg(t, pcmu, 0), by: l})
	l.log = nil
	s.tick(time.Now().Add(frameDuration))
	want := []string{"lend", "fetch", "return", "lend", "leg", "feed", "return"}
	if !slices.Equal(l.log, want) {
		t.Errorf("a tick was %v, want %v", l.log, want)
	}
	l.lent, l.log = true, nil // somebody else has it
	s.tick(time.Now().Add(2 * frameDuration))
	if len(l.log) != 0 || feed.x != nil || feed.sends != 2 {
		t.Errorf("without an exchange: %v, the feed has %v and was sent %d packets, want 2", l.log, feed.x, feed.sends)
	}
}

// TestFeedsAndShardsAreSentTogether has others work at the members while the feeds are sent, in a profile that only a feed has and in one that it shares: for the race detector.
func TestFeedsAndShardsAreSentTogether(t *testing.T) {
	reg := NewRegistry(Config{})
	t.Cleanup(func() { reg.crew.stop() })
	s := newState(newRoom(reg, "1000", newEventLog("1000", 64, nil, 0)), Kept{}, false)
	feeds := []*fakeFeed{newFakeFeed(t, pcmu), newFakeFeed(t, opus)}
	for _, f := range feeds {
		if _, err := s.feed(f, FeedConfig{}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range sharedShards * shardMembers {
		leg := newFakeLeg(t, pcmu, 0)
		if i == 0 {
			leg.toneHz = 700
		}
		seat(t, s, leg)
	}
	s.timers.beat.known = true
	now := time.Now()
	const ticks = 10
	for range ticks {
		now = now.Add(mixer.FrameDuration)
		s.tick(now)
	}
	for i, f := range feeds {
		if f.sends != ticks {
			t.Errorf("feed %d was sent %d packets in %d ticks", i, f.sends, ticks)
		}
	}
}
