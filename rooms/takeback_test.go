package rooms

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
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

// Of a room that was not made nobody can make the next change, and one that is not changed again would be another one after a restart.
func TestWhatCannotBeTakenBackAtOnceIsTriedAgain(t *testing.T) {
	for name, change := range map[string]func(context.Context, *Registry) error{
		"made":    func(ctx context.Context, g *Registry) error { _, err := g.Create(ctx, "2000", Settings{}); return err },
		"changed": func(ctx context.Context, g *Registry) error { return changeName(ctx, g, "another") },
		"deleted": func(ctx context.Context, g *Registry) error { return g.Delete(ctx, "1000", false) },
	} {
		for after, mend := range map[string]func(context.Context, *Registry) error{
			"a room is made":  func(ctx context.Context, g *Registry) error { _, err := g.Create(ctx, "3000", Settings{}); return err },
			"one is changed":  func(ctx context.Context, g *Registry) error { return changeNameOf(ctx, g, "3000", "three") },
			"one is deleted":  func(ctx context.Context, g *Registry) error { return g.Delete(ctx, "3000", false) },
			"the bridge ends": func(ctx context.Context, g *Registry) error { return g.Close(ctx) },
		} {
			t.Run(name+", "+after, func(t *testing.T) {
				k := &silentKeeper{fakeKeeper: newFakeKeeper()}
				g := NewRegistry(Config{})
				if err := g.Restore(t.Context(), Memory{Keeper: k}); err != nil {
					t.Fatal(err)
				}
				numbers := []string{"1000"}
				if after != "a room is made" {
					numbers = append(numbers, "3000")
				}
				for _, number := range numbers {
					if _, err := g.Create(t.Context(), number, Settings{DisplayName: "one"}); err != nil {
						t.Fatal(err)
					}
				}
				k.silent = 2
				if err := change(t.Context(), g); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want DeadlineExceeded", err)
				}
				if err := mend(t.Context(), g); err != nil {
					t.Fatal(err)
				}
				if kept, there := k.rooms["1000"]; !there || kept.DisplayName != "one" {
					t.Errorf("got %+v, want room 1000 as it was", kept)
				}
				if _, there := k.rooms["2000"]; there || len(g.doubts.numbers()) > 0 {
					t.Errorf("kept are %v, %v are in doubt", slices.Sorted(maps.Keys(k.rooms)), g.doubts.numbers())
				}
				if after != "the bridge ends" {
					closeRegistry(t, g)
				}
			})
		}
	}
}

func TestDoubtsOfRoomsAreBoundedAndNamed(t *testing.T) {
	var log bytes.Buffer
	g := NewRegistry(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	k := &silentKeeper{fakeKeeper: newFakeKeeper(), silent: math.MaxInt}
	if err := g.Restore(t.Context(), Memory{Keeper: k}); err != nil {
		t.Fatal(err)
	}
	for n := range maxDoubts + 1 {
		g.doubt(strconv.Itoa(1000+n), nil)
	}
	if all := g.doubts.numbers(); len(all) != maxDoubts || all[0] != "1001" {
		t.Errorf("%d are in doubt, the first %v", len(all), all[0])
	}
	closeRegistry(t, g)
	for _, word := range []string{"not tried again: there are too many\" room=1000\n", "after the next start: the store did not answer for a change that was refused\" room=1001\n"} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("nobody says %q", word)
		}
	}
}

// changeName calls room 1000 something else.
func changeName(ctx context.Context, g *Registry, name string) error {
	return changeNameOf(ctx, g, "1000", name)
}

func changeNameOf(ctx context.Context, g *Registry, number, name string) error {
	_, err := g.Update(ctx, number, SettingsPatch{DisplayName: &name})
	return err
}
