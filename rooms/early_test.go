package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// earlyRoom makes room 1000, which opens at ten for an hour, and lets callers wait from 15 minutes before.
func earlyRoom(ctx context.Context, t *testing.T, g *Registry, set Settings) {
	t.Helper()
	set.Schedule, set.EarlyWait = hoursOf(t, "2000-01-01T10:00 UTC 1h FREQ=DAILY;COUNT=2"), 15*time.Minute
	if _, err := g.Create(ctx, "1000", set); err != nil {
		t.Fatal(err)
	}
}

// placeOf is where somebody stands in room 1000.
func placeOf(ctx context.Context, t *testing.T, g *Registry, p *Participant) Place {
	t.Helper()
	synctest.Wait()
	info, err := g.Participant(ctx, "1000", p.ID())
	if err != nil {
		t.Fatal(err)
	}
	return info.Place
}

func TestEarlyCallersWaitAndAreLetInWhenTheRoomOpens(t *testing.T) {
	voice := &toneVoice{}
	inBubble(t, Config{Sounds: voice}, func(ctx context.Context, t *testing.T, g *Registry) {
		earlyRoom(ctx, t, g, Settings{MaxDuration: 30 * time.Minute, Speech: Speech{Music: "music"}})
		opens := start.Add(10 * time.Hour)
		time.Sleep(time.Until(opens.Add(-15*time.Minute - time.Nanosecond)))
		if _, err := g.Admit(ctx, "1000", Caller{}); !errors.Is(err, ErrNotOpen) {
			t.Errorf("too early: got %v, want ErrNotOpen", err)
		}
		time.Sleep(time.Nanosecond)
		leg := newFakeLeg(t, pcmu, 0)
		early := join(t, g, "1000", "ann", leg)
		host, err := g.Admit(ctx, "1000", Caller{DisplayName: "host", Role: RoleModerator})
		if err == nil {
			err = host.Join(ctx, newFakeLeg(t, pcmu, 440))
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []*Participant{early, host} {
			if got := placeOf(ctx, t, g, p); got != PlaceEarly {
				t.Errorf("before it opens: stands in %d, want %d", got, PlaceEarly)
			}
		}
		if _, err := g.LetIn(ctx, "1000", early.ID()); !errors.Is(err, ErrNotWaiting) {
			t.Errorf("LetIn: got %v, want ErrNotWaiting", err)
		}
		w := watch(t, g, "1000", nil)
		time.Sleep(10 * time.Second)
		if got := voice.recognise(leg.lastHeard(10 * time.Second)); !slices.Contains(got, sounds.NotOpen) || !slices.Contains(got, "opens-today") || !slices.Contains(got, "music") {
			t.Errorf("while waiting, heard %v, want that it is not open, when it opens, and music", got)
		}
		if level := measure.ToneDBFS(leg.lastHeard(time.Second), 8000, 440); level > -60 {
			t.Errorf("one who waits is heard by another, at %.0f dBFS", level)
		}
		time.Sleep(time.Until(opens) - time.Nanosecond)
		if got := placeOf(ctx, t, g, early); got != PlaceEarly {
			t.Errorf("a nanosecond before it opens: stands in %d", got)
		}
		time.Sleep(time.Nanosecond)
		if got := placeOf(ctx, t, g, early); got != PlaceInside {
			t.Errorf("as it opens: stands in %d", got)
		}
		var told []string
		for len(told) < 4 {
			e, err := w.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == KindOpened || e.Kind == KindLetIn || e.Kind == KindHostArrived {
				told = append(told, fmt.Sprint(e.Kind, e.Participant.DisplayName))
			}
		}
		want := []string{fmt.Sprint(KindOpened, ""), fmt.Sprint(KindLetIn, "ann"), fmt.Sprint(KindLetIn, "host"), fmt.Sprint(KindHostArrived, "host")}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		time.Sleep(time.Second)
		if level := measure.ToneDBFS(leg.lastHeard(500*time.Millisecond), 8000, 440); level < -30 {
			t.Errorf("inside, the other is heard at %.0f dBFS", level)
		}
		time.Sleep(time.Until(opens.Add(30*time.Minute)) - time.Nanosecond)
		synctest.Wait()
		if why := early.Reason(); why != ReasonUnspecified {
			t.Errorf("before the conference has had its time from the opening on, it ends: %v", why)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if why := early.Reason(); why != ReasonMaxDuration {
			t.Errorf("then: got %v, want %v", why, ReasonMaxDuration)
		}
	})
}

func TestEarlyCallersStandWhereTheyWouldOnceItIsOpen(t *testing.T) {
	for _, row := range []struct {
		name  string
		modes Modes
		want  Place
		moved Place // of who was inside elsewhere, and is not to be let in once more
	}{
		{"inside", Modes{}, PlaceInside, PlaceInside},
		{"in the lobby", Modes{Lobby: true}, PlaceLobby, PlaceInside},
		{"waiting for a host", Modes{WaitForHost: true}, PlaceWaiting, PlaceWaiting},
		{"in the lobby, where the moved wait for a host", Modes{Lobby: true, WaitForHost: true}, PlaceLobby, PlaceWaiting},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
				earlyRoom(ctx, t, g, Settings{Modes: row.modes})
				time.Sleep(10*time.Hour - time.Minute)
				p := join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 0))
				moved := join(t, g, "2000", "bob", newFakeLeg(t, pcmu, 0))
				if info, err := g.Move(ctx, "2000", moved.ID(), "1000"); err != nil || info.Place != PlaceEarly {
					t.Errorf("who is moved there stands in %d, %v, want %d", info.Place, err, PlaceEarly)
				}
				time.Sleep(time.Minute)
				if got := placeOf(ctx, t, g, p); got != row.want {
					t.Errorf("got %d, want %d", got, row.want)
				}
				if got := placeOf(ctx, t, g, moved); got != row.moved {
					t.Errorf("who was moved there: got %d, want %d", got, row.moved)
				}
			})
		})
	}
}

func TestEarlyCallersAreSentAwayWhereTheRoomOpensLater(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		earlyRoom(ctx, t, g, Settings{})
		time.Sleep(10*time.Hour - time.Minute)
		p := join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 0))
		soon, later := hoursOf(t, "2000-01-01T10:10 UTC 1h"), hoursOf(t, "2000-01-01T12:00 UTC 1h")
		if _, err := g.Update(ctx, "1000", SettingsPatch{Schedule: &soon}); err != nil || p.Reason() != ReasonUnspecified {
			t.Errorf("ten minutes later: got %v, %v", p.Reason(), err)
		}
		if _, err := g.Update(ctx, "1000", SettingsPatch{Schedule: &later}); err != nil || p.Reason() != ReasonClosed {
			t.Errorf("two hours later: got %v, %v, want %v", p.Reason(), err, ReasonClosed)
		}
	})
}

// Who talks on when the room has closed is not joined by who waits for it to open again.
func TestEarlyCallersDoNotHearWhoOutlastsTheHours(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		set := Settings{Schedule: hoursOf(t, "2000-01-01T00:00 UTC 10m", "2000-01-01T00:20 UTC 10m"), OutlastsSchedule: true, Modes: Modes{EarlyWait: 5 * time.Minute}}
		if _, err := g.Create(ctx, "1000", set); err != nil {
			t.Fatal(err)
		}
		on := join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 440))
		time.Sleep(15 * time.Minute)
		leg := newFakeLeg(t, pcmu, 0)
		early := join(t, g, "1000", "bob", leg)
		started := func() time.Time {
			info, err := g.Info(ctx, "1000")
			if err != nil {
				t.Fatal(err)
			}
			return info.Started
		}
		before := started()
		time.Sleep(time.Second)
		if got := placeOf(ctx, t, g, on); got != PlaceInside {
			t.Errorf("who talks on stands in %d", got)
		}
		if level := measure.ToneDBFS(leg.lastHeard(time.Second), 8000, 440); level > -60 {
			t.Errorf("is heard by who waits, at %.0f dBFS", level)
		}
		time.Sleep(5 * time.Minute)
		if got := placeOf(ctx, t, g, early); got != PlaceInside || !started().Equal(before) {
			t.Errorf("when it opens again: stands in %d, a conference since %v, want %v", got, started(), before)
		}
	})
}

// A room may let callers wait for longer than its conferences may last.
func TestWaitingForTheOpeningTakesNoneOfTheConferencesTime(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		earlyRoom(ctx, t, g, Settings{MaxDuration: 10 * time.Minute, Modes: Modes{WarnBefore: [MaxWarnings]time.Duration{time.Minute}}})
		w := watch(t, g, "1000", nil)
		opens := start.Add(10 * time.Hour)
		time.Sleep(time.Until(opens.Add(-15 * time.Minute)))
		p := join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 0))
		time.Sleep(time.Until(opens) - time.Second)
		if got := placeOf(ctx, t, g, p); got != PlaceEarly {
			t.Errorf("a second before it opens: stands in %d, want %d", got, PlaceEarly)
		}
		for {
			e, err := w.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind != KindTimeWarning && e.Kind != KindEnded {
				continue
			}
			if at := opens.Add(9 * time.Minute); e.Kind != KindTimeWarning || !e.Time.Equal(at) {
				t.Errorf("got %v at %v, want a warning at %v", e.Kind, e.Time, at)
			}
			break
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if why := p.Reason(); why != ReasonMaxDuration {
			t.Errorf("ten minutes after the opening: got %v, want %v", why, ReasonMaxDuration)
		}
	})
}
