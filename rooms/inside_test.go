package rooms

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/rooms/schedule"
)

// Nobody comes in, or is heard inside, by way of a side room or a whisper, who waits.
func TestWhoWaitsIsNotTakenAsideAndDoesNotWhisper(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{Modes: Modes{Lobby: true}}); err != nil {
			t.Fatal(err)
		}
		host, err := g.Admit(ctx, "1000", Caller{Role: RoleModerator})
		if err != nil {
			t.Fatal(err)
		}
		if err := host.Join(ctx, newFakeLeg(t, pcmu, 0)); err != nil {
			t.Fatal(err)
		}
		inside, waits := join(t, g, "1000", "inside", newFakeLeg(t, pcmu, 0)), join(t, g, "1000", "waits", newFakeLeg(t, pcmu, toneHz(1)))
		if _, err := g.LetIn(ctx, "1000", inside.ID()); err != nil {
			t.Fatal(err)
		}
		if _, err := g.OpenSideRoom(ctx, "1000", host.ID(), waits.ID()); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("OpenSideRoom: got %v, want ErrNotAllowed", err)
		}
		side, err := g.OpenSideRoom(ctx, "1000", host.ID(), inside.ID())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Move(ctx, "1000", waits.ID(), side.Number); !errors.Is(err, ErrNotAllowed) || waits.Room() != "1000" {
			t.Errorf("Move: got %v, and is in %s; want ErrNotAllowed", err, waits.Room())
		}
		if err := g.CloseSideRoom(ctx, side.Number); err != nil {
			t.Fatal(err)
		}
		for _, row := range [][2]*Participant{{waits, inside}, {inside, waits}} {
			to := row[1].ID()
			if _, err := g.UpdateParticipant(ctx, "1000", row[0].ID(), ParticipantPatch{WhisperTo: &to}); !errors.Is(err, ErrNotAllowed) {
				t.Errorf("a whisper: got %v, want ErrNotAllowed", err)
			}
		}
		for _, p := range []*Participant{host, inside, waits} {
			p.Leave(ReasonHangup)
		}
	})
}

// What was whispered for one is not for those of another room.
func TestACoachWhoMovesIsMutedThere(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		there := newFakeLeg(t, pcmu, 0)
		coach, agent := join(t, g, "1000", "coach", newFakeLeg(t, pcmu, toneHz(0))), join(t, g, "1000", "agent", newFakeLeg(t, pcmu, 0))
		other := join(t, g, "2000", "other", there)
		to := agent.ID()
		if _, err := g.UpdateParticipant(ctx, "1000", coach.ID(), ParticipantPatch{WhisperTo: &to}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		info, err := g.Move(ctx, "1000", coach.ID(), "2000")
		if err != nil || !info.Muted {
			t.Errorf("got %+v, %v; want them muted", info, err)
		}
		time.Sleep(2 * time.Second)
		if level := measure.ToneDBFS(there.lastHeard(2*time.Second), 8000, toneHz(0)); level > -70 {
			t.Errorf("the other room hears the coach at %.0f dBFS", level)
		}
		for _, p := range []*Participant{coach, agent, other} {
			p.Leave(ReasonHangup)
		}
	})
}

func TestWhoMayNotUnmuteMayNotBehindASideRoomEither(t *testing.T) {
	inBubble(t, Config{OnDemand: true, Defaults: Settings{Modes: Modes{AllowSelfUnmute: true}}}, func(ctx context.Context, t *testing.T, g *Registry) {
		p, q := join(t, g, "1000", "muted", newFakeLeg(t, pcmu, 0)), join(t, g, "1000", "other", newFakeLeg(t, pcmu, 0))
		if _, err := g.MuteAll(ctx, "1000", false); err != nil {
			t.Fatal(err)
		}
		side, err := g.OpenSideRoom(ctx, "1000", p.ID(), q.ID())
		if err != nil {
			t.Fatal(err)
		}
		if err := p.ToggleSelfMute(ctx); err != nil { // nobody presides there
			t.Errorf("in the side room: %v", err)
		}
		if err := g.CloseSideRoom(ctx, side.Number); err != nil {
			t.Fatal(err)
		}
		if err := p.ToggleSelfMute(ctx); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("back: got %v, want ErrNotAllowed", err)
		}
		p.Leave(ReasonHangup)
		q.Leave(ReasonHangup)
	})
}

func TestALockKeepsNoHostOut(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{Locked: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Admit(ctx, "1000", Caller{}); !errors.Is(err, ErrLocked) {
			t.Errorf("a speaker: got %v, want ErrLocked", err)
		}
		host, err := g.Admit(ctx, "1000", Caller{Role: RoleModerator})
		if err != nil {
			t.Fatalf("a host: %v", err)
		}
		host.Leave(ReasonHangup)
	})
}

// A room that is kept was made long ago: whether it is open is a matter of now.
func TestARoomThatIsRestoredKnowsTheHour(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		time.Sleep(10 * 24 * time.Hour) // a bubble begins with the year 2000, before which no schedule can
		now := time.Now().UTC()
		hours, err := schedule.Parse([]schedule.Window{{
			Start: now.Add(-26 * time.Hour).Format("2006-01-02T15:04"), Zone: "UTC", Duration: time.Hour, Rule: "FREQ=DAILY",
		}})
		if err != nil {
			t.Fatal(err)
		}
		made := now.Add(-25*time.Hour - 30*time.Minute) // while it was open
		err = g.Restore(ctx, Memory{Rooms: []Kept{{Number: "1000", Created: made, Settings: Settings{Schedule: hours}}}})
		if err != nil {
			t.Fatal(err)
		}
		w, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		info, err := g.Info(ctx, "1000")
		if err != nil || !info.Closed || !info.TurnsAt.After(now) {
			t.Errorf("closed %v until %v, %v; want it closed until after %v", info.Closed, info.TurnsAt, err, now)
		}
		if e, err := w.Next(ctx); err != nil || e.Kind != KindOpened || time.Since(now) < 21*time.Hour {
			t.Errorf("got %v after %v, %v; want that it opens, and nothing before that", e.Kind, time.Since(now), err)
		}
	})
}
