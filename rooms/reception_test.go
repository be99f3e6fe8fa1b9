package rooms

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/rooms/access"
)

// receive puts a leg into a reception.
func receive(t *testing.T, g *Registry, name string, leg Leg) *Participant {
	t.Helper()
	p, err := g.AdmitToReception(t.Context(), Caller{DisplayName: name, Origin: &Origin{Trunk: "carrier"}})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Joined():
		t.Error("it is said to have joined before it did")
	default:
	}
	if err := p.Join(t.Context(), leg); err != nil {
		t.Fatal(err)
	}
	<-p.Joined()
	return p
}

func TestTheReceptionIsNobodysRoom(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		a, b := newFakeLeg(t, pcmu, toneHz(0)), newFakeLeg(t, pcmu, toneHz(1))
		for range runtime.GOMAXPROCS(0) - 1 { // so that b comes to where a is
			defer receive(t, g, "Other", newFakeLeg(t, pcmu, toneHz(2))).Leave(ReasonHangup)
		}
		p := receive(t, g, "Alice", a)
		for range runtime.GOMAXPROCS(0) - 1 {
			defer receive(t, g, "Other", newFakeLeg(t, pcmu, toneHz(2))).Leave(ReasonHangup)
		}
		q := receive(t, g, "Bob", b)
		if p.room.Load() != q.room.Load() {
			t.Fatal("two that should share a reception do not")
		}
		time.Sleep(2 * time.Second)
		for i, leg := range []*fakeLeg{a, b} {
			for j := range 3 {
				if level := measure.ToneDBFS(leg.lastHeard(time.Second), 8000, toneHz(j)); level > -70 {
					t.Errorf("caller %d hears tone %d at %.0f dBFS", i, j, level)
				}
			}
		}
		infos, err := g.List(ctx, "", 10)
		if len(infos) != 0 || err != nil {
			t.Errorf("listed: %+v, %v", infos, err)
		}
		if _, err := g.Info(ctx, p.Room()); !errors.Is(err, ErrNoRoom) {
			t.Errorf("its room is shown: %v", err)
		}
		if _, err := g.Watch(ctx, p.Room(), nil); !errors.Is(err, ErrNoRoom) {
			t.Errorf("its room is watched: %v", err)
		}
		if _, err := g.Admit(ctx, p.Room(), Caller{}); !errors.Is(err, ErrNoRoom) {
			t.Errorf("its room can be dialled: %v", err)
		}
		if _, err := g.Move(ctx, p.Room(), p.ID(), "1000"); !errors.Is(err, ErrNoRoom) {
			t.Errorf("somebody else can take them out: %v", err)
		}
	})
}

func TestOutOfTheReceptionIntoARoom(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{MaxParticipants: 2}); err != nil {
			t.Fatal(err)
		}
		there := newFakeLeg(t, pcmu, toneHz(1))
		join(t, g, "1000", "Host", there)
		watch, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		leg := newFakeLeg(t, pcmu, toneHz(0))
		p := receive(t, g, "Alice", leg)
		keys := make(chan byte, 8)
		if err := p.TakeKeys(ctx, keys); err != nil {
			t.Fatal(err)
		}
		leg.with(func(l *fakeLeg) { l.keys = append(l.keys, "135"...) })
		time.Sleep(time.Second)
		if got := len(keys); got != 3 {
			t.Errorf("%d keys came, want 3", got)
		}
		if err := p.MoveTo(ctx, "nowhere", Pass{}); !errors.Is(err, ErrNoRoom) || ended(p.Left()) {
			t.Errorf("to a room that is not there: %v, left: %v", err, ended(p.Left()))
		}
		if err := p.MoveTo(ctx, "1000", Pass{Role: RoleModerator, DisplayName: "Ann"}); err != nil {
			t.Fatal(err)
		}
		leg.with(func(l *fakeLeg) { l.keys = append(l.keys, '7') })
		time.Sleep(2 * time.Second)
		if level := measure.ToneDBFS(there.lastHeard(time.Second), 8000, toneHz(0)); level < -40 {
			t.Errorf("the room hears it at %.0f dBFS", level)
		}
		if got := len(keys); got != 3 {
			t.Errorf("%d keys came to whoever asked, want those before the move", got)
		}
		info, err := g.Participant(ctx, "1000", p.ID())
		if err != nil || info.Role != RoleModerator || info.DisplayName != "Ann" || info.Origin != nil {
			t.Errorf("got %+v, %v", info, err)
		}
		var pressed []byte
		for e := range eventsOf(ctx, t, watch, KindKeyPressed) {
			pressed = append(pressed, e.Key)
		}
		if !slices.Equal(pressed, []byte{'7'}) {
			t.Errorf("the room's events tell of keys %q, want those pressed there", pressed)
		}
		late := receive(t, g, "Carol", newFakeLeg(t, pcmu, toneHz(2)))
		if err := late.MoveTo(ctx, "1000", Pass{}); !errors.Is(err, ErrFull) || ended(late.Left()) {
			t.Errorf("into a full room: %v, left: %v", err, ended(late.Left()))
		}
		late.Leave(ReasonRoomFull)
		if err := late.MoveTo(ctx, "1000", Pass{}); err == nil {
			t.Error("who has left moves")
		}
	})
}

// goroutines is how many there are, once there are as many as wanted, or for good: what the runtime runs for a moment behind a collection is one of them.
func goroutines(want int) int {
	for range 10_000 {
		if runtime.NumGoroutine() == want {
			break
		}
		runtime.Gosched()
	}
	return runtime.NumGoroutine()
}

func TestAnEmptyReceptionEndsAndOpensAgain(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		before := runtime.NumGoroutine()
		for range 3 {
			p := receive(t, g, "Alice", newFakeLeg(t, pcmu, toneHz(0)))
			p.Leave(ReasonHangup)
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := goroutines(before); n != before {
				t.Errorf("%d goroutines when nobody is there, %d before", n, before)
			}
		}
		p := receive(t, g, "Alice", newFakeLeg(t, pcmu, toneHz(0)))
		g.Drain()
		if _, err := g.AdmitToReception(ctx, Caller{}); !errors.Is(err, ErrDraining) {
			t.Errorf("got %v, want ErrDraining", err)
		}
		if err := g.Close(ctx); err != nil || p.Reason() != ReasonDraining {
			t.Errorf("Close: %v; who was in the reception left as %v", err, p.Reason())
		}
	})
}

func TestARoomSaysWhetherItHasPINs(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		guard := access.NewGuard(access.Config{Cost: access.Cost{MemoryKiB: 8, Passes: 1, Lanes: 1}})
		pin, err := access.ParsePIN("1357")
		if err != nil {
			t.Fatal(err)
		}
		ring, err := guard.Rekey(ctx, nil, &pin, nil)
		if err != nil {
			t.Fatal(err)
		}
		info, err := g.Create(ctx, "1000", Settings{PINs: ring})
		if err != nil || !info.HasPIN || info.HasModeratorPIN {
			t.Errorf("created: %+v, %v", info, err)
		}
		watch, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		info, err = g.Update(ctx, "1000", SettingsPatch{PINs: new(*access.Ring)})
		if err != nil || info.HasPIN {
			t.Errorf("updated: %+v, %v", info, err)
		}
		told := 0
		for e := range eventsOf(ctx, t, watch, KindUpdated) {
			told++
			if e.Info.HasPIN {
				t.Errorf("the event says %+v", e.Info)
			}
		}
		if told != 1 {
			t.Errorf("told of it %d times, want once", told)
		}
	})
}
