package receiver

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

func TestASourceIsKeptForARoomThatLetsNobodyIn(t *testing.T) {
	for _, row := range []struct {
		name string
		set  rooms.Settings
		open rooms.SettingsPatch // lets it in
	}{
		{"locked", rooms.Settings{Locked: true}, rooms.SettingsPatch{Locked: new(false)}},
		{"full", rooms.Settings{MaxParticipants: 1}, rooms.SettingsPatch{MaxParticipants: new(2)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx := waitContext(t)
			h := newHouse(t, distribution.Policy{})
			h.again = time.Millisecond
			if _, err := h.reg.Create(ctx, "1000", row.set); err != nil {
				t.Fatal(err)
			}
			if row.set.MaxParticipants > 0 {
				h.call(t, "1000", &phone{})
			}
			if v := h.keep(t, "1000", "stage"); v.Participant != "" {
				t.Errorf("it is in the room: %+v", v)
			}
			v, err := h.Change(ctx, "1000", "stage", func(s *Source) error {
				s.DisplayName = "Stage"
				return nil
			})
			if err != nil || v.DisplayName != "Stage" || v.Participant != "" {
				t.Errorf("changed: got %+v, %v", v, err)
			}
			if _, err := h.reg.Update(ctx, "1000", row.open); err != nil {
				t.Fatal(err)
			}
			if v := h.present(t, "1000", "stage", ""); v.DisplayName != "Stage" {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestWhichRoomsTakeASourceInLater(t *testing.T) {
	for err, want := range map[error]bool{
		rooms.ErrLocked: true, rooms.ErrFull: true, rooms.ErrOverloaded: true, rooms.ErrNotOpen: true, &rooms.NotOpenError{}: true,
		rooms.ErrBanned: false, rooms.ErrNoRoom: false, rooms.ErrDraining: false, rooms.ErrStorage: false, ErrPath: false, distribution.ErrNotAllowed: false,
	} {
		if got := notNow(fmt.Errorf("admit: %w", err)); got != want {
			t.Errorf("%v: got %v, want %v", err, got, want)
		}
	}
}

// TestWhatCannotBeTakenInLeavesASourceAsItWas: it is looked for as before.
func TestWhatCannotBeTakenInLeavesASourceAsItWas(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, distribution.Policy{})
	h.again = time.Millisecond
	h.room(t, "1000")
	before := h.keep(t, "1000", "stage")
	h.present(t, "1000", "stage", "")
	if _, err := h.Change(ctx, "1000", "stage", func(s *Source) error {
		s.Interface = "none0"
		return nil
	}); !errors.Is(err, ErrPath) {
		t.Errorf("got %v, want ErrPath", err)
	}
	if v := h.present(t, "1000", "stage", before.Participant); !v.Equal(before.Source) {
		t.Errorf("got %+v, want %+v", v.Source, before.Source)
	}
	if _, err := h.Change(ctx, "1000", "attic", func(*Source) error { return nil }); !errors.Is(err, ErrNoSource) {
		t.Errorf("one that is not there: got %v, want ErrNoSource", err)
	}
}
