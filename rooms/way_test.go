package rooms

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
)

// joinSession lets a stream into a room that others hear too.
func joinSession(ctx context.Context, t *testing.T, g *Registry, leg Leg) *Participant {
	t.Helper()
	p, err := g.Admit(ctx, "1000", Caller{Address: "rtp://239.1.2.3:5004", Way: WaySession})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Join(ctx, leg); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestASessionIsHeardAndIsSentNothing(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		stage, listener := newFakeLeg(t, pcmu, 700), newFakeLeg(t, pcmu, 0)
		p := joinSession(ctx, t, g, stage)
		defer p.Leave(ReasonHangup)
		defer join(t, g, "1000", "listener", listener).Leave(ReasonHangup)
		talker := join(t, g, "1000", "talker", newFakeLeg(t, pcmu, 1900))
		defer talker.Leave(ReasonHangup)
		time.Sleep(2 * time.Second)
		if level := measure.ToneDBFS(listener.lastHeard(500*time.Millisecond), 8000, 700); level < -30 {
			t.Errorf("the session is heard at %.1f dBFS", level)
		}
		stage.with(func(l *fakeLeg) {
			if l.sent != nil {
				t.Error("something is sent to the session")
			}
		})
		if _, err := g.UpdateParticipant(ctx, "1000", talker.ID(), ParticipantPatch{WhisperTo: new(p.ID())}); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("a whisper to a session: got %v, want ErrNotAllowed", err)
		}
		info, err := g.Participant(ctx, "1000", p.ID())
		if err != nil || info.Way != WaySession {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}

func TestALegThatKnowsWhyItEnds(t *testing.T) {
	for _, want := range []*EndError{{Reason: ReasonHangup}, {Reason: ReasonLooped, Feed: "hall"}} {
		t.Run(want.Error(), func(t *testing.T) {
			inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
				stage := newFakeLeg(t, pcmu, 700)
				p := joinSession(ctx, t, g, stage)
				stage.with(func(l *fakeLeg) { l.dies = want })
				<-p.Left()
				if p.Reason() != want.Reason {
					t.Errorf("left for %v, want %v", p.Reason(), want.Reason)
				}
				w, err := g.Watch(ctx, "1000", new(uint64(0)))
				if err != nil {
					t.Fatal(err)
				}
				told := false
				for e := (Event{}); e.Kind != KindLeft; {
					if e, err = w.Next(ctx); err != nil {
						t.Fatal(err)
					}
					if e.Kind == KindFeedLooped {
						told = e.Feed == want.Feed && e.Participant.ID == p.ID()
					}
				}
				if told != (want.Reason == ReasonLooped) {
					t.Errorf("a loop of %q was told: %v", want.Feed, told)
				}
			})
		})
	}
}
