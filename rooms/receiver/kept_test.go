package receiver

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// keep has a room keep a group, which is looked for again at once.
func (h *house) keep(t testing.TB, room, id string) View {
	t.Helper()
	s := sourceAt(first)
	s.ID = id
	v, err := h.Create(waitContext(t), room, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// keeper is what looks for a source; nil: nothing does.
func (h *house) keeper(room, id string) *keeping {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept[name{room, id}]
}

// present waits until a source is in a room as another participant than before.
func (h *house) present(t testing.TB, room, id, before string) View {
	t.Helper()
	ctx := waitContext(t)
	for {
		v, err := h.Get(ctx, room, id)
		if err != nil {
			t.Fatal(err)
		}
		if v.Participant != before && v.Participant != "" {
			return v
		}
		select {
		case <-ctx.Done():
			t.Fatalf("it does not come back: %+v", v)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestASourceIsKeptAndComesBack(t *testing.T) {
	h := newHouse(t, distribution.Policy{})
	h.again = time.Millisecond
	h.room(t, "1000")
	ctx := waitContext(t)
	v := h.keep(t, "1000", "stage")
	if v.Participant == "" || v.In != "1000" || v.ID != "stage" || v.Created.IsZero() {
		t.Errorf("got %+v", v)
	}
	info, err := h.reg.Info(ctx, "1000")
	if kept, there := info.Sources.Find("stage"); err != nil || !there || kept.Group != first {
		t.Errorf("the room keeps %v, %v", info.Sources, err)
	}
	if err := h.reg.End(ctx, "1000", rooms.ReasonEnded); err != nil { // everybody leaves, and it comes back
		t.Fatal(err)
	}
	v = h.present(t, "1000", "stage", v.Participant)
	if all, err := h.List(ctx, "1000"); err != nil || len(all) != 1 || all[0].Participant != v.Participant {
		t.Errorf("got %v, %v", all, err)
	}
	if err := h.Delete(ctx, "1000", "stage"); err != nil {
		t.Fatal(err)
	}
	if all, err := h.reg.Participants(ctx, "1000"); err != nil || len(all) != 0 {
		t.Errorf("after it was deleted the room has %v, %v", all, err)
	}
	if _, err := h.Get(ctx, "1000", "stage"); !errors.Is(err, ErrNoSource) {
		t.Errorf("got %v, want ErrNoSource", err)
	}
	if err := h.Delete(ctx, "1000", "stage"); !errors.Is(err, ErrNoSource) {
		t.Errorf("got %v, want ErrNoSource", err)
	}
}

func TestASourceThatWasRemovedStaysAway(t *testing.T) {
	h := newHouse(t, distribution.Policy{})
	h.again = time.Millisecond
	h.room(t, "1000")
	ctx := waitContext(t)
	v := h.keep(t, "1000", "stage")
	k := h.keeper("1000", "stage")
	if err := h.reg.Remove(ctx, "1000", v.Participant); err != nil {
		t.Fatal(err)
	}
	select {
	case <-k.ended:
	case <-ctx.Done():
		t.Fatal("it is looked for")
	}
	if h.keeper("1000", "stage") != nil {
		t.Error("it is remembered, and nobody looks for it")
	}
	if v, err := h.Get(ctx, "1000", "stage"); err != nil || v.Participant != "" {
		t.Errorf("got %+v, %v", v, err)
	}
	if err := h.Delete(ctx, "1000", "stage"); err != nil {
		t.Fatal(err)
	}
	h.keep(t, "1000", "stage") // anew
}

func TestAKeptSourceThatLoopedStaysAway(t *testing.T) {
	h := newHouse(t, distribution.Policy{})
	h.again = time.Millisecond
	h.room(t, "1000")
	ctx := waitContext(t)
	h.keep(t, "1000", "stage")
	k := h.keeper("1000", "stage")
	p := k.participant.Load()
	h.feed(t, "1000", first)
	select {
	case <-k.ended:
	case <-ctx.Done():
		t.Fatal("it is looked for, and brings the room's own sound")
	}
	if got := p.Reason(); got != rooms.ReasonLooped {
		t.Errorf("it has left for %v, want ReasonLooped", got)
	}
	if v, err := h.Get(ctx, "1000", "stage"); err != nil || v.Participant != "" || h.keeper("1000", "stage") != nil {
		t.Errorf("got %+v, %v; want it kept, and not looked for", v, err)
	}
}

func TestSourcesAreThereAgainAfterARestart(t *testing.T) {
	ctx := waitContext(t)
	kept, denied := sourceAt(first), sourceAt(second)
	kept.ID, denied.ID = "stage", "world"
	denied.Interface = "none0"
	set, err := distribution.NewSourceSet(kept, denied)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, distribution.Policy{Interfaces: []string{stage}})
	h.again = time.Millisecond
	if _, err := h.reg.Create(ctx, "1000", rooms.Settings{Sources: set}); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	h.present(t, "1000", "stage", "")
	if v, err := h.Get(ctx, "1000", "world"); err != nil || v.Participant != "" {
		t.Errorf("what is not allowed: got %+v, %v", v, err)
	}
	k := h.keeper("1000", "stage")
	if err := h.reg.Delete(ctx, "1000", true); err != nil {
		t.Fatal(err)
	}
	select {
	case <-k.ended:
	case <-ctx.Done():
		t.Fatal("it is looked for, and its room is gone")
	}
	if h.keeper("1000", "stage") != nil {
		t.Error("it is remembered, with its key, and its room is gone")
	}
}

// plugs runs commands of ip.
func plugs(t *testing.T, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(c)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", c, err, out)
		}
	}
}

// TestASourceIsJoinedOnAnInterfaceThatWasMadeAnew: what was joined on the one before hears nothing any more.
func TestASourceIsJoinedOnAnInterfaceThatWasMadeAnew(t *testing.T) {
	add := []string{
		"link add stage1 type veth peer name other1", "link property add dev stage1 altname attic1", "link set other1 up", "addr add 198.51.100.1/24 dev stage1",
		"link set stage1 up", "route add 239.78.0.0/16 dev stage1",
	}
	for _, row := range []struct{ name, by string }{
		{"by its name", "stage1"},
		{"by another name of it", "attic1"},
		{"by the route", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			plugs(t, add...)
			t.Cleanup(func() {
				_ = exec.CommandContext(context.WithoutCancel(t.Context()), "ip", "link", "del", "stage1").Run()
			})
			h := newHouse(t, distribution.Policy{})
			h.again = time.Millisecond
			h.room(t, "1000")
			s := sourceAt(first)
			s.ID, s.Interface = "stage", row.by
			v, err := h.Create(waitContext(t), "1000", s)
			if err != nil {
				t.Fatal(err)
			}
			plugs(t, "link del stage1")
			plugs(t, add...)
			h.present(t, "1000", "stage", v.Participant)
			joined(t, "stage1")
		})
	}
}

// joined waits until somebody has joined the first group on the interface of that name as it is now.
func joined(t *testing.T, by string) {
	t.Helper()
	ctx := waitContext(t)
	link, err := net.InterfaceByName(by)
	if err != nil {
		t.Fatal(err)
	}
	for {
		groups, err := link.MulticastAddrs()
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(groups, func(a net.Addr) bool { return a.String() == first.Addr().String() }) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the group is not joined on %s, which is a member of %v", by, groups)
		case <-time.After(time.Millisecond):
		}
	}
}

// TestASourceStaysWhileItsInterfaceCannotBeSeen: nothing is known of it then, and nothing better can be had.
func TestASourceStaysWhileItsInterfaceCannotBeSeen(t *testing.T) {
	k := &keeping{source: sourceAt(first)}
	k.source.Interface = "nosuch0"
	k.index = 1
	if k.moved() {
		t.Error("an interface that is not there is taken for another")
	}
	k.source.Interface, k.index = stage, 0
	if k.moved() || k.index == 0 {
		t.Errorf("of one that nothing was known of: moved, or still not known (%d)", k.index)
	}
	k.index++
	if !k.moved() {
		t.Error("another one is taken for the same")
	}
}

func TestWhichSourcesCannotBeKept(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, distribution.Policy{Max: 2})
	h.room(t, "1000")
	h.room(t, "2000")
	h.keep(t, "1000", "stage")
	for _, row := range []struct {
		name, room string
		change     func(*Source)
		want       error
	}{
		{"no such room", "9", func(*Source) {}, rooms.ErrNoRoom},
		{"the same ID", "1000", func(s *Source) { s.Group = second }, ErrExists},
		{"the same group", "1000", func(s *Source) { s.ID = "attic" }, ErrTaken},
		{"an ID that is none", "1000", func(s *Source) { s.ID, s.Group = "Attic", second }, distribution.ErrInvalid},
		{"an odd port", "2000", func(s *Source) { s.ID, s.Group = "attic", netipPort(first, 5005) }, distribution.ErrInvalid},
		{"no such interface", "2000", func(s *Source) { s.ID, s.Interface = "attic", "none0" }, ErrPath},
		{"no ID", "2000", func(s *Source) { s.ID = "" }, nil},
		{"too many", "2000", func(s *Source) { s.ID, s.Group = "attic", second }, distribution.ErrNotAllowed},
	} {
		s := sourceAt(first)
		s.ID = "stage"
		row.change(&s)
		v, err := h.Create(ctx, row.room, s)
		if !errors.Is(err, row.want) || row.want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
		if row.want == nil && len(v.ID) != 8 {
			t.Errorf("%s: got ID %q", row.name, v.ID)
		}
	}
	if n := h.taken.Load(); n != 2 {
		t.Errorf("%d sessions are taken in, want 2", n)
	}
}

func TestSourcesOfTheFileAreNobodysToChange(t *testing.T) {
	ctx := waitContext(t)
	s := sourceAt(first)
	s.ID = "stage"
	set, err := distribution.NewSourceSet(s)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, distribution.Policy{})
	if err := h.reg.Restore(ctx, rooms.Memory{Declared: []rooms.Kept{{Number: "1000", Settings: rooms.Settings{Sources: set}}}}); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	h.present(t, "1000", "stage", "")
	other := sourceAt(second)
	other.ID = "attic"
	if _, err := h.Create(ctx, "1000", other); !errors.Is(err, rooms.ErrDeclared) {
		t.Errorf("another one: got %v, want ErrDeclared", err)
	}
	if err := h.Delete(ctx, "1000", "stage"); !errors.Is(err, rooms.ErrDeclared) {
		t.Errorf("taken away: got %v, want ErrDeclared", err)
	}
	h.present(t, "1000", "stage", "")
}

// TestNoRoomIsMadeForASourceThatIsKept: that it was kept in may have been deleted since.
func TestNoRoomIsMadeForASourceThatIsKept(t *testing.T) {
	ctx := waitContext(t)
	h := newHouseOf(t, distribution.Policy{}, rooms.Config{OnDemand: true})
	s := sourceAt(first)
	s.ID = "stage"
	if _, err := h.Receiver.take(ctx, "1000", s); !errors.Is(err, rooms.ErrNoRoom) {
		t.Errorf("got %v, want ErrNoRoom", err)
	}
	if _, err := h.reg.Info(ctx, "1000"); !errors.Is(err, rooms.ErrNoRoom) {
		t.Errorf("the room: got %v, want ErrNoRoom", err)
	}
}
