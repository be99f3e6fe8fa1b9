package rooms

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

func TestNobodyComesIntoARoomThatCouldNotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		k := newFakeKeeper()
		g := NewRegistry(Config{OnDemand: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
		defer closeRegistry(t, g)
		impossible := Kept{Number: "1000", Settings: Settings{MaxParticipants: -1}}
		declared := Kept{Number: "4000"}
		k.rooms["1000"], k.rooms["2000"] = impossible, Kept{Number: "2000"} // as much as there is of it
		err := g.Restore(t.Context(), Memory{
			Keeper: k, Rooms: []Kept{impossible}, Declared: []Kept{declared}, Blocked: []string{"2000", "3000", "4000"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for number, want := range map[string]error{"1000": ErrStorage, "2000": ErrStorage, "3000": ErrStorage, "4000": nil, "5000": nil} {
			if err := g.Reachable(number); !errors.Is(err, want) {
				t.Errorf("%s is reachable: got %v, want %v", number, err, want)
			}
			p, err := g.Admit(t.Context(), number, Caller{})
			if !errors.Is(err, want) {
				t.Errorf("admit to %s: got %v, want %v", number, err, want)
			}
			if p != nil {
				p.Leave(ReasonHangup)
			}
			if told := strings.Contains(log.String(), "created anew or deleted\" room="+number); told != (want != nil) {
				t.Errorf("the log names %s: %v: %s", number, told, &log)
			}
		}
		k.broken = true
		if _, err := g.Create(t.Context(), "1000", Settings{}); !errors.Is(err, ErrStorage) {
			t.Errorf("create what cannot be kept: %v", err)
		}
		if err := g.Delete(t.Context(), "2000", false); !errors.Is(err, ErrStorage) {
			t.Errorf("delete what cannot be forgotten: %v", err)
		}
		for _, number := range []string{"1000", "2000"} {
			if err := g.Reachable(number); !errors.Is(err, ErrStorage) {
				t.Errorf("%s after what failed: got %v, want ErrStorage", number, err)
			}
		}
		k.broken = false
		if _, err := g.Create(t.Context(), "1000", Settings{}); err != nil {
			t.Errorf("create: %v", err)
		}
		if err := g.Delete(t.Context(), "2000", false); err != nil {
			t.Errorf("delete: %v", err)
		}
		if _, there := k.rooms["2000"]; there {
			t.Error("what is left of a deleted room is kept")
		}
		for number, want := range map[string]error{"1000": nil, "2000": nil, "3000": ErrStorage} {
			if err := g.Reachable(number); !errors.Is(err, want) {
				t.Errorf("%s in the end: got %v, want %v", number, err, want)
			}
		}
		if err := g.Delete(t.Context(), "2000", false); !errors.Is(err, ErrNoRoom) {
			t.Errorf("delete again: got %v, want ErrNoRoom", err)
		}
	})
}
