package distributor

import (
	"net/netip"
	"testing"

	"github.com/confbridge/confbridge/media/multicast"
	"github.com/confbridge/confbridge/media/sap"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

func TestWhatComesUpLateIsAnnouncedThen(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	group := to(netip.MustParseAddrPort("239.255.1.2:5004"))
	group.Announced, group.Interface = true, "lo"
	h.radio.fail = sap.ErrInterface // as of one that is not there yet
	if _, err := h.Create(ctx, "1000", group); err != nil {
		t.Fatal(err)
	}
	h.radio.fail = nil
	r := h.runningOf(name{"1000", "hall"})
	h.tell(r, multicast.Event{Kind: multicast.Up})
	if _, there := h.radio.says("1000/hall"); !there {
		t.Error("its interface is there, and it is not announced")
	}
	if err := h.reg.Delete(ctx, "1000", false); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	h.announce(r) // as by a change that comes as the room goes
	if _, there := h.radio.says("1000/hall"); there {
		t.Error("it has ended with its room, and is announced")
	}
}

func TestOnlyGroupsAreAnnouncedAndTakenBack(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	list := to(newEar(t).to)
	list.ID, list.Announced = "list", true
	group := to(netip.MustParseAddrPort("239.255.1.2:5004"))
	group.Announced, group.Interface = true, "lo"
	for _, dist := range []distribution.Distribution{list, group} {
		if _, err := h.Create(ctx, "1000", dist); err != nil {
			t.Fatal(err)
		}
	}
	if _, there := h.radio.says("1000/list"); there {
		t.Error("a list of listeners is announced")
	}
	ann, there := h.radio.says("1000/hall")
	if !there || ann.Session.Group != group.To[0] || ann.Interface != "lo" || ann.TTL != 1 {
		t.Errorf("announced as %+v", ann)
	}
	if _, err := h.Change(ctx, "1000", "hall", func(d *distribution.Distribution) error { d.Announced = false; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, there := h.radio.says("1000/hall"); there {
		t.Error("it is announced, though it is not to be")
	}
}
