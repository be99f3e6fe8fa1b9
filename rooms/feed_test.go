package rooms

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
)

// fakeFeed is a group that hears as a telephone does, and counts.
type fakeFeed struct {
	*fakeLeg
	sends, ticks, rests int
	pauses              int // of sends
	sources             []mixer.Source
	begins              bool
}

func newFakeFeed(t testing.TB, f codec.Format) *fakeFeed {
	return &fakeFeed{fakeLeg: newFakeLeg(t, f, 0)}
}

func (f *fakeFeed) Tick(time.Time) { f.with(func(*fakeLeg) { f.ticks++ }) }
func (f *fakeFeed) Begins() bool   { return f.begins }
func (f *fakeFeed) Rest(time.Time) { f.with(func(*fakeLeg) { f.rests++ }) }

func (f *fakeFeed) Send(now time.Time, payload []byte, units int) {
	f.with(func(*fakeLeg) { f.sends++ })
	if len(payload) == 0 {
		f.with(func(*fakeLeg) { f.pauses++ })
		return
	}
	f.fakeLeg.Send(now, payload, units)
}

func (f *fakeFeed) Mixed(sources []mixer.Source) {
	f.with(func(*fakeLeg) { f.sources = append(f.sources[:0], sources...) })
}

// counts are how often Send, Tick, Rest and Close have been called.
func (f *fakeFeed) counts() (sends, ticks, rests, closed int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sends, f.ticks, f.rests, f.closed
}

// feedFrom has a room feed it.
func feedFrom(ctx context.Context, t *testing.T, g *Registry, number string, to Feed, cfg FeedConfig) *Feeding {
	t.Helper()
	f, err := g.Feed(ctx, number, to, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAFeedIsSentWhatListenersAre(t *testing.T) {
	s := newTestState(t)
	feed, other := newFakeFeed(t, pcmu), newFakeFeed(t, pcmu)
	for _, f := range []Feed{feed, other} {
		if _, err := s.feed(f, FeedConfig{}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	listener := newFakeLeg(t, pcmu, 0)
	seat(t, s, listener)
	talker := newFakeLeg(t, pcmu, 700)
	talker.source = 77
	seat(t, s, talker)
	now := time.Now()
	for range 50 {
		now = now.Add(frameDuration)
		s.tick(now)
		if feed.sent != listener.sent || other.sent != listener.sent {
			t.Fatal("a feed was sent another payload than a listener: there was more than one encode")
		}
	}
	if len(s.mix.groups) != 1 {
		t.Errorf("%d groups, want 1", len(s.mix.groups))
	}
	if feed.ticks != 50 || feed.sends != 50 {
		t.Errorf("%d ticks and %d packets in 50 ticks", feed.ticks, feed.sends)
	}
	if len(feed.sources) != 1 || feed.sources[0].ID != 77 {
		t.Errorf("told of %v, want the talker", feed.sources)
	}
	if level := measure.ToneDBFS(feed.lastHeard(500*time.Millisecond), 8000, 700); level < -30 {
		t.Errorf("the talker is heard at %.1f dBFS", level)
	}
}

func TestAFeedThatPausesIsSentNothingWhileNobodyIsHeard(t *testing.T) {
	s := newTestState(t)
	feed, other := newFakeFeed(t, pcmu), newFakeFeed(t, pcmu)
	for f, pauses := range map[Feed]bool{feed: true, other: false} {
		if _, err := s.feed(f, FeedConfig{Pauses: pauses}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	talker := newFakeLeg(t, pcmu, 700)
	seat(t, s, talker)
	now := time.Now()
	run := func(ticks int) {
		for range ticks {
			now = now.Add(frameDuration)
			s.tick(now)
		}
	}
	run(50)
	if feed.pauses != 0 {
		t.Errorf("%d pauses while somebody talks", feed.pauses)
	}
	talker.toneHz = 0
	run(100)
	before := feed.pauses
	run(50)
	if got := feed.pauses - before; got != 50 || other.pauses != 0 {
		t.Errorf("%d of 50 packets were pauses, and %d of the one that does not pause", got, other.pauses)
	}
	before = feed.pauses
	feed.begins = true
	run(10)
	if feed.pauses != before {
		t.Error("a stream begins with a pause")
	}
	feed.begins = false
	if feed.sends != 210 {
		t.Errorf("told of %d packets, want 210: the timestamp has to go on", feed.sends)
	}
	talker.toneHz = 700
	run(20)
	before = feed.pauses
	run(20)
	if feed.pauses != before {
		t.Error("it pauses while somebody talks again")
	}
}

func TestAFeedMakesTheRoomAsWideAsItIs(t *testing.T) {
	s := newTestState(t)
	seat(t, s, newFakeLeg(t, pcmu, 0))
	if _, err := s.feed(newFakeFeed(t, opus), FeedConfig{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if s.mix.rateHz != 48000 {
		t.Errorf("the room mixes at %d Hz, want 48000", s.mix.rateHz)
	}
	s.unfeed(s.feeds[0].of)
	if s.mix.rateHz != 8000 {
		t.Errorf("the room mixes at %d Hz without the feed, want 8000", s.mix.rateHz)
	}
}

func TestAFeedGoesOnInAnEmptyRoomThatDoesNotFallAsleep(t *testing.T) {
	inBubble(t, Config{EmptyGrace: time.Second}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{}); err != nil {
			t.Fatal(err)
		}
		feed := newFakeFeed(t, pcmu)
		f := feedFrom(ctx, t, g, "1000", feed, FeedConfig{ID: "a"})
		time.Sleep(10 * time.Second)
		if sends, ticks, rests, _ := feed.counts(); sends < 499 || sends > 500 || ticks != sends || rests != 0 {
			t.Errorf("%d packets, %d ticks, %d rests in 10 s, want 500, 500, 0", sends, ticks, rests)
		}
		if _, asleep := g.asleep("1000"); asleep {
			t.Error("the room has fallen asleep")
		}
		p := join(t, g, "1000", "Alice", newFakeLeg(t, pcmu, 700))
		time.Sleep(2 * time.Second)
		p.Leave(ReasonHangup)
		time.Sleep(2 * time.Second)
		if sends, _, _, _ := feed.counts(); sends < 698 || sends > 700 {
			t.Errorf("%d packets in 14 s, want 700", sends)
		}
		if _, err := g.Announce(ctx, "1000", clip(clipHz, time.Second)); err != nil {
			t.Errorf("nothing can be announced to a feed alone: %v", err)
		}
		time.Sleep(time.Second)
		if level := measure.ToneDBFS(feed.lastHeard(500*time.Millisecond), 8000, clipHz); level < -30 {
			t.Errorf("what is announced is heard at %.1f dBFS", level)
		}
		f.Stop()
		if _, _, _, closed := feed.counts(); closed != 1 {
			t.Errorf("closed %d times, want once", closed)
		}
		f.Stop() // again: nothing happens
		time.Sleep(2 * time.Second)
		if _, asleep := g.asleep("1000"); !asleep {
			t.Error("the room is awake without a feed and without anybody")
		}
	})
}

func TestAFeedForWhenSomebodyIsThereRestsOtherwise(t *testing.T) {
	inBubble(t, Config{EmptyGrace: time.Second}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{}); err != nil {
			t.Fatal(err)
		}
		feed := newFakeFeed(t, pcmu)
		opening := []*mixer.Clip{clip(clipHz, time.Second)}
		feedFrom(ctx, t, g, "1000", feed, FeedConfig{ID: "a", Occupied: true, Opening: opening})
		time.Sleep(5 * time.Second)
		if sends, ticks, _, _ := feed.counts(); sends+ticks != 0 {
			t.Fatalf("%d packets, %d ticks in an empty room", sends, ticks)
		}
		if _, err := g.Announce(ctx, "1000", clip(clipHz, time.Second)); !errors.Is(err, ErrEmpty) {
			t.Errorf("Announce to nobody: got %v, want ErrEmpty", err)
		}
		caller := newFakeLeg(t, pcmu, 0)
		for page := range 2 {
			p := join(t, g, "1000", "Alice", caller)
			time.Sleep(900 * time.Millisecond)
			for who, leg := range map[string]*fakeLeg{"the caller": caller, "the feed": feed.fakeLeg} {
				if level := measure.ToneDBFS(leg.lastHeard(500*time.Millisecond), 8000, clipHz); level < -30 {
					t.Errorf("page %d: what opens it is heard by %s at %.1f dBFS", page, who, level)
				}
			}
			p.Leave(ReasonHangup)
			time.Sleep(time.Second)
			sends, _, rests, _ := feed.counts()
			if rests != page+1 {
				t.Errorf("told %d times to rest, want %d", rests, page+1)
			}
			if want := 45 * (page + 1); sends < want-2*(page+1) || sends > want+2*(page+1) {
				t.Errorf("%d packets in %d pages of 0.9 s, want %d", sends, page+1, want)
			}
			caller = newFakeLeg(t, pcmu, 0)
		}
	})
}

func TestFeedsEndWithTheirRoomAndAreToldOf(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{}); err != nil {
			t.Fatal(err)
		}
		w, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		feed := newFakeFeed(t, pcmu)
		f := feedFrom(ctx, t, g, "1000", feed, FeedConfig{ID: "a"})
		f.Tell(KindFeedDown)
		f.Tell(KindFeedUp)
		if err := g.Delete(ctx, "1000", false); err != nil {
			t.Fatalf("a room with a feed cannot be deleted: %v", err)
		}
		<-f.Stopped()
		if _, _, _, closed := feed.counts(); closed != 1 {
			t.Errorf("closed %d times, want once", closed)
		}
		f.Tell(KindFeedDown) // nobody is told any more
		f.Stop()
		var got []Kind
		for range 4 {
			e, err := w.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if e.Feed != "a" {
				t.Errorf("kind %d is about feed %q, want a", e.Kind, e.Feed)
			}
			got = append(got, e.Kind)
		}
		if want := []Kind{KindFeedStarted, KindFeedDown, KindFeedUp, KindFeedStopped}; !slices.Equal(got, want) {
			t.Errorf("events: got %v, want %v", got, want)
		}
		if _, err := g.Feed(ctx, "1000", feed, FeedConfig{}); !errors.Is(err, ErrNoRoom) {
			t.Errorf("Feed from no room: got %v, want ErrNoRoom", err)
		}
	})
}

func TestAFeedOfAProfileThatCannotBeMadeIsRefused(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{}); err != nil {
			t.Fatal(err)
		}
		feed := newFakeFeed(t, pcmu)
		feed.format.SampleRateHz = 11025
		if _, err := g.Feed(ctx, "1000", feed, FeedConfig{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	})
}
