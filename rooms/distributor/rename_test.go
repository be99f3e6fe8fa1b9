package distributor

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// announcedAs waits until the network knows room 1000's hall by a name, in the version that is kept.
func (h *house) announcedAs(ctx context.Context, t *testing.T, want string) {
	t.Helper()
	for {
		v, err := h.Get(ctx, "1000", "hall")
		if err != nil {
			t.Fatal(err)
		}
		ann, there := h.radio.says("1000/hall")
		if there && ann.Session.Name == want && ann.Session.Version == v.Version {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("announced as %q, version %d, want %q, %d", ann.Session.Name, ann.Session.Version, want, v.Version)
		case <-time.After(time.Millisecond):
		}
	}
}

// call gives room 1000 a name, and waits for nothing.
func (h *house) call(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	if _, err := h.reg.Update(ctx, "1000", rooms.SettingsPatch{DisplayName: &name}); err != nil {
		t.Error(err)
	}
}

// hall is an announced one.
func hall() distribution.Distribution {
	dist := to(netip.MustParseAddrPort("239.255.42.9:5004"))
	dist.Interface, dist.Announced, dist.Suite = "lo", true, distribution.SuiteCM
	return dist
}

func TestANameThatComesBesideAnotherKeyIsNotUndone(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, distribution.Policy{MaxTTL: 255})
	h.room(t, "1000")
	if _, err := h.Create(ctx, "1000", hall()); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		name := fmt.Sprint("name ", i)
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.call(ctx, t, name)
		}()
		if _, err := h.Rekey(ctx, "1000", "hall"); err != nil {
			t.Fatal(err)
		}
		<-done
		h.announcedAs(ctx, t, name)
	}
}

func TestANameThatComesWhileTheBridgeStartsIsTaken(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, distribution.Policy{MaxTTL: 255})
	dist := hall()
	dist.Opening, dist.Key, dist.Version = "gong", newKey(dist.Suite), 7
	set, err := distribution.NewSet(dist)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.reg.Create(ctx, "1000", rooms.Settings{Distributions: set}); err != nil {
		t.Fatal(err)
	}
	h.cfg.Sounds = clips{before: func() { h.call(ctx, t, "Town hall") }}
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	h.announcedAs(ctx, t, "Town hall")
}

// TestANameThatComesBeforeItIsKeptIsTaken: until then nothing can be looked up, and nobody is told anything.
func TestANameThatComesBeforeItIsKeptIsTaken(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, distribution.Policy{MaxTTL: 255})
	h.room(t, "1000")
	n, dist := name{"1000", "hall"}, hall()
	dist.Key = newKey(dist.Suite)
	if err := h.open(ctx, n, dist, false); err != nil {
		t.Fatal(err)
	}
	h.call(ctx, t, "Town hall")
	r := h.runningOf(n)
	h.Distributor.rename(ctx, r)
	if ann, there := h.radio.says("1000/hall"); there {
		t.Errorf("announced as %+v, and it is not kept", ann)
	}
	info, kept, err := h.keep(ctx, n, dist)
	if err != nil {
		t.Fatal(err)
	}
	h.settle(r, info, kept)
	h.announcedAs(ctx, t, "Town hall")
}
