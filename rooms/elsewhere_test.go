package rooms

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/quality"
)

// elsewhereLeg is one of somebody who hears the room elsewhere: it fails the test where the room does anything for it.
type elsewhereLeg struct {
	t      testing.TB
	closed int
}

func (*elsewhereLeg) Profile() codec.Profile { return codec.Profile{Format: pcmu} }
func (*elsewhereLeg) Expects() codec.Format  { return pcmu }
func (*elsewhereLeg) KeysInSound() bool      { return false }
func (*elsewhereLeg) Elsewhere()             {}

func (l *elsewhereLeg) Receive(time.Time, Inlet) error { l.t.Error("received"); return nil }
func (l *elsewhereLeg) Send(time.Time, []byte, int)    { l.t.Error("sent to") }
func (l *elsewhereLeg) Mixed([]mixer.Source)           { l.t.Error("told who is mixed") }
func (l *elsewhereLeg) Observe(quality.Local)          { l.t.Error("told of quality") }
func (l *elsewhereLeg) Close() error                   { l.closed++; return nil }

func TestTheTickPassesOverWhoHearsTheRoomElsewhere(t *testing.T) {
	s := newTestState(t)
	feed, talker := newFakeFeed(t, pcmu), newFakeLeg(t, pcmu, 700)
	if _, err := s.feed(feed, FeedConfig{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	seat(t, s, &elsewhereLeg{t: t})
	seat(t, s, talker)
	now := time.Now()
	tick := func() {
		now = now.Add(frameDuration)
		s.tick(now)
		s.adapt()
		s.pending = s.pending[:0]
	}
	for range 2 * framesPerSecond {
		tick()
	}
	if got := testing.AllocsPerRun(framesPerSecond, tick); got != 0 {
		t.Errorf("%g allocations a tick", got)
	}
	if feed.sends < 2*framesPerSecond || talker.received < 2*framesPerSecond {
		t.Errorf("the feed was sent %d packets, the talker asked %d times", feed.sends, talker.received)
	}
	if m := s.members[0]; m.caller.Role != RoleListener || !m.hushed() || m.down.group != nil {
		t.Errorf("got a member of role %v in group %v", m.caller.Role, m.down.group)
	}
	if len(s.mix.groups) != 1 {
		t.Errorf("%d groups, want that of the feed and the talker", len(s.mix.groups))
	}
}

func TestWhoHearsTheRoomElsewhereIsSeenAndStaysWhereTheyAre(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		other := newFakeLeg(t, pcmu, 700)
		q := join(t, g, "1000", "Bob", other)
		leg := &elsewhereLeg{t: t}
		p := join(t, g, "1000", "Alice", leg)
		info, err := g.Participant(ctx, "1000", p.ID())
		if err != nil || info.Role != RoleListener || info.Place != PlaceInside || info.Format != pcmu {
			t.Errorf("got %+v, %v", info, err)
		}
		deaf, whisper := true, q.ID()
		if _, err := g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{Deaf: &deaf}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		_, moved := g.Move(ctx, "1000", p.ID(), "2000")
		_, told := g.AnnounceTo(ctx, "1000", p.ID(), &mixer.Clip{RateHz: 8000, PCM: make([]int16, 800)})
		_, whispered := g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{WhisperTo: &whisper})
		for what, err := range map[string]error{
			"move": moved, "tell": told, "whisper": whispered,
			"take the seat of": p.Swap(ctx, newFakeLeg(t, pcmu, 0), Caller{}), "take a seat for": q.Swap(ctx, leg, Caller{}),
		} {
			if !errors.Is(err, ErrElsewhere) {
				t.Errorf("%s: got %v, want ErrElsewhere", what, err)
			}
		}
		played, err := p.Play(ctx, &mixer.Clip{RateHz: 8000, PCM: make([]int16, 800)})
		if err != nil {
			t.Fatal(err)
		}
		<-played
		p.Leave(ReasonHangup)
		if leg.closed != 1 || other.closed != 0 {
			t.Errorf("closed %d times, the other %d times", leg.closed, other.closed)
		}
	})
}

func TestWhoWouldHaveToWaitDoesNotHearTheRoomElsewhere(t *testing.T) {
	for name, modes := range map[string]Modes{"a lobby": {Lobby: true}, "no host": {WaitForHost: true}} {
		inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
			if _, err := g.Create(ctx, "1000", Settings{Modes: modes}); err != nil {
				t.Fatal(err)
			}
			p, err := g.Admit(ctx, "1000", Caller{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Leave(ReasonHangup)
			if err := p.Join(ctx, &elsewhereLeg{t: t}); !errors.Is(err, ErrElsewhere) {
				t.Errorf("%s: got %v, want ErrElsewhere", name, err)
			}
		})
	}
}
