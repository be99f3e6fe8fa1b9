package rooms

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
)

// silentKeeper is a fakeKeeper that does a number of changes, and tells nobody so.
type silentKeeper struct {
	*fakeKeeper
	silent int
}

func (k *silentKeeper) answer(err error) error {
	if k.silent > 0 {
		k.silent--
		return context.DeadlineExceeded
	}
	return err
}

func (k *silentKeeper) Put(ctx context.Context, room Kept) error {
	return k.answer(k.fakeKeeper.Put(ctx, room))
}

func (k *silentKeeper) Remove(ctx context.Context, number string) error {
	return k.answer(k.fakeKeeper.Remove(ctx, number))
}

func TestAChangeOfARoomThatTheStoreDidNotAnswerForIsTakenBack(t *testing.T) {
	for name, change := range map[string]func(context.Context, *Registry) error{
		"made":    func(ctx context.Context, g *Registry) error { _, err := g.Create(ctx, "2000", Settings{}); return err },
		"changed": func(ctx context.Context, g *Registry) error { return changeName(ctx, g, "another") },
		"deleted": func(ctx context.Context, g *Registry) error { return g.Delete(ctx, "1000", false) },
	} {
		t.Run(name, func(t *testing.T) {
			k := &silentKeeper{fakeKeeper: newFakeKeeper()}
			g := NewRegistry(Config{})
			if err := g.Restore(t.Context(), Memory{Keeper: k}); err != nil {
				t.Fatal(err)
			}
			if _, err := g.Create(t.Context(), "1000", Settings{DisplayName: "one"}); err != nil {
				t.Fatal(err)
			}
			created := k.rooms["1000"].Created
			k.silent = 1
			if err := change(t.Context(), g); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want DeadlineExceeded", err)
			}
			if kept := k.rooms["1000"]; kept.DisplayName != "one" || !kept.Created.Equal(created) || len(k.rooms) != 1 {
				t.Errorf("kept are %v, %+v, want room 1000 as it was", slices.Sorted(maps.Keys(k.rooms)), kept)
			}
			if info, err := g.Info(t.Context(), "1000"); err != nil || info.DisplayName != "one" {
				t.Errorf("got %+v, %v, want the room as it was", info, err)
			}
			k.silent = 2 // nor for that
			if err := change(t.Context(), g); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want DeadlineExceeded", err)
			}
			if err := changeName(t.Context(), g, "two"); err != nil || k.rooms["1000"].DisplayName != "two" {
				t.Errorf("got %v and %+v, want the room's next change to be kept", err, k.rooms["1000"])
			}
			closeRegistry(t, g)
		})
	}
}

// changeName calls room 1000 something else.
func changeName(ctx context.Context, g *Registry, name string) error {
	_, err := g.Update(ctx, "1000", SettingsPatch{DisplayName: &name})
	return err
}
