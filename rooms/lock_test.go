package rooms

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A conference that is over leaves the room as it was set.
func TestALockByKeyEndsWithTheConference(t *testing.T) {
	for _, test := range []struct {
		name  string
		set   bool // before
		then  func(k *keypads)
		after bool
		last  string // of the story
	}{
		{"dialled", false, func(k *keypads) { k.dials("HOST", "*#1") }, false, "unlocked"},
		{"unlocked by key", true, func(k *keypads) { k.dials("HOST", "*#1") }, true, "locked"},
		{"dialled twice", false, func(k *keypads) { k.dials("HOST", "*#1*#1") }, false, "ends"},
		{"set", false, func(k *keypads) { k.do(k.g.Update(k.ctx, "1000", SettingsPatch{Locked: ptr(true)})) }, true, "ends"},
		{"dialled, then set", false, func(k *keypads) {
			k.dials("HOST", "*#1")
			k.do(k.g.Update(k.ctx, "1000", SettingsPatch{Locked: ptr(true)}))
		}, true, "ends"},
		{"dialled, and another setting changed", false, func(k *keypads) {
			k.dials("HOST", "*#1")
			k.do(k.g.Update(k.ctx, "1000", SettingsPatch{DisplayName: ptr("Sales")}))
			if info, err := k.g.Info(k.ctx, "1000"); err != nil || !info.Locked {
				k.Errorf("got %+v, %v; want it to be locked still", info, err)
			}
		}, false, "unlocked"},
		{"dialled, then unlocked by the API", false, func(k *keypads) {
			k.dials("HOST", "*#1")
			k.do(k.g.Update(k.ctx, "1000", SettingsPatch{Locked: ptr(false)}))
		}, false, "ends"},
	} {
		t.Run(test.name, func(t *testing.T) {
			atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
				k.do(k.g.Update(k.ctx, "1000", SettingsPatch{Locked: &test.set}))
				k.come("HOST")
				test.then(k)
				k.people["HOST"].Leave(ReasonHangup)
				synctest.Wait()
				story := k.story()
				if last := story[len(story)-1]; !strings.HasPrefix(last, test.last) {
					k.Errorf("got %q, want it to end with %q", story, test.last)
				}
				if info, err := k.g.Info(k.ctx, "1000"); err != nil || info.Locked != test.after || info.LockDialled {
					k.Errorf("locked: %v, dialled: %v, %v; want %v", info.Locked, info.LockDialled, err, test.after)
				}
			})
		})
	}
}

// What is dialled is no setting: a bridge that has died in the middle finds the room as it was set.
func TestALockByKeyIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keeper := newFakeKeeper()
		g := restored(t, keeper)
		defer closeRegistry(t, g)
		if _, err := g.Create(t.Context(), "1000", Settings{}); err != nil {
			t.Fatal(err)
		}
		err := g.do(t.Context(), "1000", func(s *state) error {
			s.lock.dialled = true
			s.tellLock()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Update(t.Context(), "1000", SettingsPatch{DisplayName: ptr("Sales")}); err != nil {
			t.Fatal(err)
		}
		if k := keeper.rooms["1000"]; k.Locked || k.DisplayName != "Sales" {
			t.Errorf("kept is %+v", k.Settings)
		}
	})
}

// Who has gone to a side room comes back: strangers do not come in meanwhile.
func TestADialledLockHoldsWhileAllAreInASideRoom(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{Schedule: hoursOf(t, "2000-01-01T00:00 UTC 24h")}); err != nil {
			t.Fatal(err)
		}
		ann, bob := join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 0)), join(t, g, "1000", "bob", newFakeLeg(t, pcmu, 0))
		if err := g.do(ctx, "1000", func(s *state) error { s.dialLock(s.members[0]); return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := g.OpenSideRoom(ctx, "1000", ann.ID(), bob.ID()); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Admit(ctx, "1000", Caller{}); !errors.Is(err, ErrLocked) {
			t.Errorf("while they are aside: got %v, want ErrLocked", err)
		}
		ann.Leave(ReasonHangup)
		synctest.Wait()
		bob.Leave(ReasonHangup)
		time.Sleep(time.Hour)
		p, err := g.Admit(ctx, "1000", Caller{})
		if err != nil {
			t.Fatalf("when all have gone: %v", err)
		}
		p.Leave(ReasonHangup)
	})
}
