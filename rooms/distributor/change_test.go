package distributor

import (
	"errors"
	"fmt"
	"testing"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// TestNoChangeIsLostBesideAnother: a room is given names while its distributions are changed, each of which takes a greater version, that nothing takes back.
func TestNoChangeIsLostBesideAnother(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	dist := to(newEar(t).to)
	dist.Suite = distribution.SuiteGCM
	before, err := h.Create(ctx, "1000", dist)
	if err != nil {
		t.Fatal(err)
	}
	const times = 50
	renamed := make(chan error)
	go func() {
		var errs []error
		for i := range times {
			name := fmt.Sprint("name ", i)
			_, err := h.reg.Update(ctx, "1000", rooms.SettingsPatch{DisplayName: &name})
			errs = append(errs, err)
		}
		renamed <- errors.Join(errs...)
	}()
	other := to(newEar(t).to)
	other.ID = "other"
	for i := range times {
		if _, err := h.Rekey(ctx, "1000", "hall"); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 { // and another one comes and goes
			if _, err := h.Create(ctx, "1000", other); err != nil {
				t.Fatal(err)
			}
			if err := h.Delete(ctx, "1000", "other"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := <-renamed; err != nil {
		t.Fatal(err)
	}
	after, err := h.Get(ctx, "1000", "hall")
	if err != nil {
		t.Fatal(err)
	}
	if got := after.Version - before.Version; got < 2*times {
		t.Errorf("the version has grown by %d in %d changes: some were lost", got, 2*times)
	}
	if all, err := h.List(ctx, "1000"); err != nil || len(all) != 1 {
		t.Errorf("got %v, %v, want what there was at first", all, err)
	}
}
