package distributor

import (
	"context"
	"net/netip"
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
	second := to(newEar(t).to)
	second.ID = "stage"
	for _, d := range []distribution.Distribution{first, second} {
		if _, err := h.Create(ctx, "1000", d); err != nil {
			t.Fatal(err)
		}
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
		{"its room's name", func() error {
			_, err := h.reg.Update(ctx, "1000", rooms.SettingsPatch{Locked: new(true)}) // nothing of it
			if err == nil {
				err = h.rename(ctx, "1000", "Town hall", "hall", "stage")
			}
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
		told := false
		select {
		case <-other:
			told = true
		default:
		}
		if want := row.name == "its room's name"; told != want {
			t.Errorf("%s: those who follow another were told: %v, want %v", row.name, told, want)
		}
	}
}

// rename gives a room another name, and waits until those distributions of it have it.
func (h *house) rename(ctx context.Context, room, name string, ids ...string) error {
	var changes []<-chan struct{}
	for _, id := range ids {
		changes = append(changes, h.Changed(room, id))
	}
	if _, err := h.reg.Update(ctx, room, rooms.SettingsPatch{DisplayName: &name}); err != nil {
		return err
	}
	for _, c := range changes {
		select {
		case <-c:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func TestARoomThatIsRenamedIsDescribedAnew(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, distribution.Policy{MaxTTL: 255})
	h.room(t, "1000")
	dist := to(netip.MustParseAddrPort("239.255.42.7:5004"))
	dist.Interface, dist.Announced = "lo", true
	first, err := h.Create(ctx, "1000", dist)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"Town hall", "Village hall"} {
		if err := h.rename(ctx, "1000", name, "hall"); err != nil {
			t.Fatal(err)
		}
		s, err := h.Describe(ctx, "1000", "hall")
		if err != nil || s.Name != name || s.Version != first.Version+uint64(i)+1 || s.ID != first.Session {
			t.Errorf("%s: described as %+v, %v; the first version was %d", name, s, err, first.Version)
		}
		if ann, there := h.radio.says("1000/hall"); !there || ann.Session.Name != name || ann.Session.Version != s.Version {
			t.Errorf("%s: announced as %+v", name, ann)
		}
	}
	if v, err := h.Get(ctx, "1000", "hall"); err != nil || !v.Runs || v.SSRC != first.SSRC {
		t.Errorf("got %+v, %v; want the stream to go on", v, err)
	}
}

func TestANameThatWasLookedUpBeforeAnotherKeyDoesNotUndoIt(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, distribution.Policy{MaxTTL: 255})
	h.room(t, "1000")
	dist := to(netip.MustParseAddrPort("239.255.42.8:5004"))
	dist.Interface, dist.Announced, dist.Suite = "lo", true, distribution.SuiteCM
	if _, err := h.Create(ctx, "1000", dist); err != nil {
		t.Fatal(err)
	}
	r := h.runningOf(name{"1000", "hall"})
	h.mu.Lock()
	newer := r.dist
	newer.Version += 100
	r.dist = newer
	h.mu.Unlock()
	h.Distributor.rename(ctx, r)
	if ann, there := h.radio.says("1000/hall"); !there || ann.Session.Version != newer.Version {
		t.Errorf("announced as version %d, want %d", ann.Session.Version, newer.Version)
	}
}

func TestNothingIsRememberedOfWhatDoesNotRun(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	if _, err := h.Create(ctx, "1000", to(newEar(t).to)); err != nil {
		t.Fatal(err)
	}
	h.Changed("1000", "hall")
	for _, id := range []string{"none", "nobody"} {
		select {
		case <-h.Changed("1000", id):
		default:
			t.Errorf("%s: it is waited for what does not run", id)
		}
	}
	if err := h.Delete(ctx, "1000", "hall"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.Changed("1000", "hall"): // it runs no more, or is about to end
	case <-ctx.Done():
		t.Fatal("who follows it as it ends is never told")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.changes); n != 0 {
		t.Errorf("%d are remembered, and nothing runs", n)
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
