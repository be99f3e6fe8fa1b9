package rooms

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
)

func TestAnotherLegTakesTheSameSeat(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		old, next, other := newFakeLeg(t, pcmu, toneHz(0)), newFakeLeg(t, opus, toneHz(1)), newFakeLeg(t, pcmu, toneHz(2))
		p := join(t, g, "1000", "Alice", old)
		q := join(t, g, "1000", "Bob", other)
		role, gain := RoleModerator, 3.0
		if _, err := g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{Role: &role, GainDB: &gain}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*time.Second + frameDuration/2) // between two ticks
		before := other.calls()
		heard := len(other.lastHeard(time.Hour))
		if err := p.Swap(ctx, next, Caller{DisplayName: "Carol", Address: "sip:carol@example.org", CallID: "second"}); err != nil {
			t.Fatal(err)
		}
		if old.closed != 1 || next.closed != 0 {
			t.Errorf("old leg closed %d times, new leg %d; want 1 and 0", old.closed, next.closed)
		}
		time.Sleep(2 * time.Second)
		info, err := g.Participant(ctx, "1000", p.ID())
		if err != nil {
			t.Fatal(err)
		}
		if info.DisplayName != "Carol" || info.CallID != "second" || info.Role != RoleModerator || info.GainDB != 3 || info.Format.Name != codec.Opus {
			t.Errorf("got %+v", info)
		}
		// No frame was left out for the other one, and the new leg is heard where the old one was.
		if got := len(other.lastHeard(time.Hour)) - heard; got != 2*8000 {
			t.Errorf("%d samples in 2 s after the change, want 16000", got)
		}
		if got := other.calls() - before; got != 100 {
			t.Errorf("%d ticks in 2 s, want 100", got)
		}
		sound := other.lastHeard(time.Second)
		if is, was := measure.ToneDBFS(sound, 8000, toneHz(1)), measure.ToneDBFS(sound, 8000, toneHz(0)); is < -30 || was > is-40 {
			t.Errorf("the new leg's tone at %.0f dB, the old one's at %.0f", is, was)
		}
		if level := measure.ToneDBFS(next.lastHeard(time.Second), 48000, toneHz(2)); level < -30 {
			t.Errorf("the new leg hears the other at %.0f dB", level)
		}
		p.Leave(ReasonHangup)
		if next.closed != 1 || old.closed != 1 {
			t.Errorf("after Leave: old leg closed %d times, new leg %d; want 1 and 1", old.closed, next.closed)
		}
		if err := p.Swap(ctx, newFakeLeg(t, pcmu, 0), Caller{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Swap after Leave: got %v, want ErrClosed", err)
		}
		q.Leave(ReasonHangup)
	})
}

func TestWhoIsBannedTakesNobodysSeat(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		enter := func(number, address string) *Participant {
			p, err := g.Admit(ctx, number, Caller{DisplayName: "Ann", Address: address})
			if err == nil {
				err = p.Join(ctx, newFakeLeg(t, pcmu, 0))
			}
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		const banned, good = "sip:mallory@192.0.2.1", "sip:ann@192.0.2.2"
		if err := g.Ban(ctx, "1000", enter("1000", banned).ID(), time.Hour); err != nil {
			t.Fatal(err)
		}
		p, next := enter("1000", good), newFakeLeg(t, pcmu, 0)
		if err := p.Swap(ctx, next, Caller{DisplayName: "Ann", Address: banned}); !errors.Is(err, ErrBanned) {
			t.Errorf("a seat in the room: got %v, want ErrBanned", err)
		}
		if info, err := g.Participant(ctx, "1000", p.ID()); err != nil || info.Address != good || next.closed != 0 {
			t.Errorf("got %+v, %v, the leg closed %d times; want all as before", info, err, next.closed)
		}
		p.Leave(ReasonHangup)

		p = enter("1001", good)
		if err := p.Swap(ctx, newFakeLeg(t, pcmu, 0), Caller{Address: banned}); err != nil {
			t.Fatalf("a seat in another room: %v", err)
		}
		if _, err := g.Move(ctx, "1001", p.ID(), "1000"); !errors.Is(err, ErrBanned) {
			t.Errorf("from the other room: got %v, want ErrBanned", err)
		}
		p.Leave(ReasonHangup)

		p = enter("1001", banned)
		if err := p.Swap(ctx, newFakeLeg(t, pcmu, 0), Caller{Address: good}); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Move(ctx, "1001", p.ID(), "1000"); err != nil {
			t.Errorf("whose seat was that of somebody who is banned: %v", err)
		}
		p.Leave(ReasonHangup)
	})
}

func TestASwapKeepsWhoIsMutedMuted(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		next, other := newFakeLeg(t, pcmu, toneHz(1)), newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "Alice", newFakeLeg(t, pcmu, toneHz(0)))
		q := join(t, g, "1000", "Bob", other)
		if _, err := g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{Muted: ptr(true)}); err != nil {
			t.Fatal(err)
		}
		w, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Swap(ctx, next, Caller{DisplayName: "Carol"}); err != nil {
			t.Fatal(err)
		}
		if ev, err := w.Next(ctx); err != nil || ev.Kind != KindUpdated || !ev.Participant.Muted || ev.Participant.DisplayName != "Carol" {
			t.Errorf("got %+v, %v; want Updated with Carol, muted", ev, err)
		}
		time.Sleep(2 * time.Second)
		if level := measure.ToneDBFS(other.lastHeard(time.Second), 8000, toneHz(1)); level > -80 {
			t.Errorf("a muted seat is heard at %.0f dB", level)
		}
		if err := admit(t, g, "1000", "late").Swap(ctx, newFakeLeg(t, pcmu, 0), Caller{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Swap before Join: got %v, want ErrClosed", err)
		}
		p.Leave(ReasonHangup)
		q.Leave(ReasonHangup)
	})
}
