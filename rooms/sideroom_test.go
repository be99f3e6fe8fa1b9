package rooms

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
)

func TestTwoGoAsideAndComeBack(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		var legs [3]*fakeLeg
		var people [3]*Participant
		for i := range legs {
			legs[i] = newFakeLeg(t, pcmu, toneHz(i))
			people[i] = join(t, g, "1000", "somebody", legs[i])
		}
		hears := func(to, from int) bool {
			return measure.ToneDBFS(legs[to].lastHeard(time.Second), 8000, toneHz(from)) > -40
		}
		for name, ids := range map[string][]string{"nobody": {}, "one": {people[0].ID()}, "one twice": {people[0].ID(), people[0].ID()}} {
			if _, err := g.OpenSideRoom(ctx, "1000", ids...); !errors.Is(err, ErrInvalid) {
				t.Errorf("for %s: got %v, want ErrInvalid", name, err)
			}
		}
		if _, err := g.OpenSideRoom(ctx, "1000", people[0].ID(), "nobody"); !errors.Is(err, ErrNoParticipant) || people[0].Room() != "1000" {
			t.Errorf("with a stranger: got %v, and the other is in %s", err, people[0].Room())
		}
		locked := true
		if _, err := g.Update(ctx, "1000", SettingsPatch{Locked: &locked}); err != nil {
			t.Fatal(err)
		}
		side, err := g.OpenSideRoom(ctx, "1000", people[0].ID(), people[1].ID())
		if err != nil || side.SideOf != "1000" || side.Participants != 2 {
			t.Fatalf("got %+v, %v", side, err)
		}
		time.Sleep(2 * time.Second)
		if !hears(0, 1) || !hears(1, 0) || hears(2, 0) || hears(0, 2) {
			t.Error("the two are to hear each other and nobody else")
		}
		if _, err := g.Admit(ctx, side.Number, Caller{}); !errors.Is(err, ErrLocked) {
			t.Errorf("a stranger at the door: got %v, want ErrLocked", err)
		}
		if _, err := g.OpenSideRoom(ctx, side.Number, people[0].ID(), people[1].ID()); !errors.Is(err, ErrInvalid) {
			t.Errorf("a side room's side room: got %v, want ErrInvalid", err)
		}
		if err := g.CloseSideRoom(ctx, "1000"); !errors.Is(err, ErrInvalid) {
			t.Errorf("close what is no side room: got %v, want ErrInvalid", err)
		}
		if err := g.CloseSideRoom(ctx, side.Number); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if !hears(2, 0) || !hears(2, 1) || people[0].Room() != "1000" || people[1].Room() != "1000" {
			t.Error("not both are back, though the room is locked for others")
		}
		for i, leg := range legs {
			if worst, at := worstStep(leg.lastHeard(time.Hour), 8000); worst > 8 {
				t.Errorf("leg %d: a step of %.1f times the RMS step at %d ms", i, worst, at/8)
			}
		}
		for _, p := range people {
			p.Leave(ReasonHangup)
		}
	})
}

func TestWhoIsLeftInASideRoomComesBack(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		p, q := join(t, g, "1000", "stays", newFakeLeg(t, pcmu, 0)), join(t, g, "1000", "goes", newFakeLeg(t, pcmu, 0))
		side, err := g.OpenSideRoom(ctx, "1000", p.ID(), q.ID())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		q.Leave(ReasonHangup)
		time.Sleep(time.Second)
		if p.Room() != "1000" {
			t.Errorf("who is left is in %s", p.Room())
		}
		time.Sleep(time.Minute)
		if _, err := g.Info(ctx, side.Number); !errors.Is(err, ErrNoRoom) {
			t.Errorf("the side room after a minute: got %v, want ErrNoRoom", err)
		}
		p.Leave(ReasonHangup)
	})
}

func TestASideRoomEndsWithItsRoom(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		var people [3]*Participant
		for i := range people {
			people[i] = join(t, g, "1000", "somebody", newFakeLeg(t, pcmu, 0))
		}
		if _, err := g.OpenSideRoom(ctx, "1000", people[0].ID(), people[1].ID()); err != nil {
			t.Fatal(err)
		}
		people[2].Leave(ReasonEnded)
		time.Sleep(time.Minute) // nobody is in the room, but they may come back
		if err := g.Delete(ctx, "1000", false); !errors.Is(err, ErrOccupied) {
			t.Errorf("Delete: got %v, want ErrOccupied", err)
		}
		if err := g.End(ctx, "1000", ReasonEnded); err != nil {
			t.Fatal(err)
		}
		for _, p := range people {
			<-p.Left()
			if p.Reason() != ReasonEnded {
				t.Errorf("got %v, want that the conference has ended", p.Reason())
			}
		}
	})
}
