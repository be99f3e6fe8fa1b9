package distributor

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

func TestWhoFollowsADistributionIsToldWhenItsDescriptionChanges(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	first := to(newEar(t).to)
	first.Suite = distribution.SuiteCM
	if _, err := h.Create(ctx, "1000", first); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		change func() error
	}{
		{"a key", func() error { _, err := h.Rekey(ctx, "1000", "hall"); return err }},
		{"a change", func() error {
			_, err := h.Change(ctx, "1000", "hall", func(d *distribution.Distribution) error { d.DSCP = 0; return nil })
			return err
		}},
		{"its end", func() error { return h.Delete(ctx, "1000", "hall") }},
	} {
		changed, again, other := h.Changed("1000", "hall"), h.Changed("1000", "hall"), h.Changed("1000", "stage")
		select {
		case <-changed:
			t.Fatalf("%s: told before it", row.name)
		default:
		}
		if err := row.change(); err != nil {
			t.Fatal(err)
		}
		for _, c := range []<-chan struct{}{changed, again} {
			select {
			case <-c:
			case <-time.After(waitTime):
				t.Fatalf("%s: nobody was told", row.name)
			}
		}
		select {
		case <-other:
			t.Errorf("%s: those who follow another were told", row.name)
		default:
		}
	}
}

func TestWhoFollowsADistributionIsToldOfTheEndOfItsRoom(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	if _, err := h.Create(ctx, "1000", to(newEar(t).to)); err != nil {
		t.Fatal(err)
	}
	changed := h.Changed("1000", "hall")
	if err := h.reg.Delete(ctx, "1000", true); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case <-time.After(waitTime):
		t.Fatal("nobody was told")
	}
}
