package rooms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/rooms/schedule"
)

// hoursOf is a schedule of these windows. In virtual time it is midnight of 1 January 2000, UTC.
func hoursOf(t *testing.T, texts ...string) *schedule.Schedule {
	t.Helper()
	var windows []schedule.Window
	for _, text := range texts {
		w, err := schedule.ParseWindow(text)
		if err != nil {
			t.Fatal(err)
		}
		windows = append(windows, w)
	}
	s, err := schedule.Parse(windows)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start is when virtual time begins.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestEarlyCallersAreToldWhenTheRoomOpens(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		info, err := g.Create(ctx, "1000", Settings{Schedule: hoursOf(t, "2000-01-01T10:00 Europe/Berlin 1h FREQ=DAILY;COUNT=2")})
		if err != nil {
			t.Fatal(err)
		}
		opens := start.Add(9 * time.Hour)
		if !info.Closed || !info.TurnsAt.Equal(opens) {
			t.Errorf("got closed %v until %v", info.Closed, info.TurnsAt)
		}
		refused := func(opens time.Time, says string) {
			t.Helper()
			_, err := g.Admit(ctx, "1000", Caller{})
			var early *NotOpenError
			if !errors.Is(err, ErrNotOpen) || !errors.As(err, &early) || !early.Opens.Equal(opens) || !strings.HasSuffix(err.Error(), says) {
				t.Errorf("got %v, want one that opens at %v and says %q", err, opens, says)
			}
		}
		refused(opens, "room is not open, it opens at 2000-01-01T10:00:00+01:00")
		time.Sleep(time.Until(opens) - time.Nanosecond)
		refused(opens, "10:00:00+01:00")
		time.Sleep(time.Nanosecond) // and the alarm may not have been heard yet
		p := admit(t, g, "1000", "ann")
		p.Leave(ReasonHangup)
		time.Sleep(time.Hour)
		refused(opens.Add(24*time.Hour), "2000-01-02T10:00:00+01:00")
		time.Sleep(25 * time.Hour)
		refused(time.Time{}, "room is not open, and will not be again")
	})
}

func TestAConferenceEndsWithItsWindowUnlessItOutlastsIt(t *testing.T) {
	for _, outlasts := range []bool{false, true} {
		t.Run(fmt.Sprintf("outlasts %v", outlasts), func(t *testing.T) {
			inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
				set := Settings{Schedule: hoursOf(t, "2000-01-01T00:00 UTC 1m FREQ=DAILY;COUNT=2"), OutlastsSchedule: outlasts}
				if _, err := g.Create(ctx, "1000", set); err != nil {
					t.Fatal(err)
				}
				w, err := g.Watch(ctx, "1000", nil)
				if err != nil {
					t.Fatal(err)
				}
				p := join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 0))
				time.Sleep(time.Minute)
				synctest.Wait()
				wantReason := ReasonClosed
				if outlasts {
					wantReason = ReasonUnspecified
				}
				if got := p.Reason(); got != wantReason {
					t.Errorf("as it closes: got %v, want %v", got, wantReason)
				}
				if _, err := g.Admit(ctx, "1000", Caller{}); !errors.Is(err, ErrNotOpen) {
					t.Errorf("somebody else: got %v", err)
				}
				p.Leave(ReasonHangup)
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				var got []string
				for len(got) < 5 {
					e, err := w.Next(ctx)
					if err != nil {
						t.Fatal(err)
					}
					switch e.Kind {
					case KindOpened, KindClosed:
						got = append(got, fmt.Sprintf("%v %v", e.Kind == KindOpened, !e.Info.Closed))
					case KindLeft, KindEnded, KindJoined:
						got = append(got, e.Reason.String())
					}
				}
				want := []string{"unspecified", "false false", "room has closed", "room has closed", "true true"}
				if outlasts {
					want[2], want[3] = "caller hung up", "nobody left"
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestOtherHoursHoldAtOnce(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{}); err != nil {
			t.Fatal(err)
		}
		p := join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 0))
		later := hoursOf(t, "2000-01-01T10:00 UTC 1h")
		info, err := g.Update(ctx, "1000", SettingsPatch{Schedule: &later})
		if err != nil || !info.Closed || p.Reason() != ReasonClosed || !info.TurnsAt.Equal(start.Add(10*time.Hour)) {
			t.Errorf("hours that are later: got %+v, %v, %v", info, err, p.Reason())
		}
		w, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		before := w.Snapshot.Sequence
		same := hoursOf(t, "2000-01-01T10:00 UTC 1h")
		if info, err = g.Update(ctx, "1000", SettingsPatch{Schedule: &same}); err != nil || info.Sequence != before {
			t.Errorf("the same hours once more are %d events, %v", info.Sequence-before, err)
		}
		var none *schedule.Schedule
		info, err = g.Update(ctx, "1000", SettingsPatch{Schedule: &none})
		if err != nil || info.Closed || !info.TurnsAt.IsZero() {
			t.Errorf("no hours any more: got %+v, %v", info, err)
		}
		admit(t, g, "1000", "ann").Leave(ReasonHangup)
	})
}

// A clock that is set does not make an alarm go off: it goes off now and then by itself, and nothing happens.
func TestALongWayToTheNextWindowIsGoneInSteps(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{Schedule: hoursOf(t, "2000-01-03T00:00 UTC 1h")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(47 * time.Hour)
		synctest.Wait()
		if info, err := g.Info(ctx, "1000"); err != nil || !info.Closed || info.Sequence != 0 {
			t.Errorf("got %+v, %v", info, err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if info, err := g.Info(ctx, "1000"); err != nil || info.Closed || info.Sequence != 1 {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}

func TestSettingsAreEqualByTheirWindows(t *testing.T) {
	a, b := Settings{Schedule: hoursOf(t, "2000-01-03T00:00 UTC 1h")}, Settings{Schedule: hoursOf(t, "2000-01-03T00:00 UTC 1h")}
	c := Settings{Schedule: hoursOf(t, "2000-01-03T00:00 UTC 2h")}
	d := b
	d.Locked = true
	if !a.equal(b) || a.equal(c) || a.equal(d) || a.equal(Settings{}) || !(Settings{}).equal(Settings{}) {
		t.Error("equal settings differ, or others are equal")
	}
}
