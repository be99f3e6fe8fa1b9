package sipua

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/sdp"
)

var pcmu = codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}

func TestALegTellsTheRoomOfAPeerThatIsGone(t *testing.T) {
	eng, err := media.NewEngine(media.Config{PortMin: 32000, PortMax: 32999, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	leg, err := eng.Open(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := leg.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = leg.Configure(media.Stream{
		Remote: netip.MustParseAddrPort("127.0.0.1:9"), Receive: true, Payloads: []media.Payload{{Profile: codec.Profile{Format: pcmu}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var inlet rooms.Inlet = &ear{}
	now := time.Now()
	room := roomLeg{leg, nil}
	if err := room.Receive(now, inlet); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { err = room.Receive(now, inlet) }); n != 0 || err != nil {
		t.Errorf("got %v allocations and %v, want none", n, err)
	}
	err = room.Receive(now.Add(2*time.Second), inlet)
	if !errors.Is(err, rooms.ErrMediaTimeout) || !errors.Is(err, media.ErrTimeout) {
		t.Errorf("got %v, want ErrMediaTimeout", err)
	}
}

func TestWhatIsAgreedBecomesAStream(t *testing.T) {
	a := sdp.Agreed{
		Remote: netip.MustParseAddrPort("192.0.2.1:5004"), RemoteRTCP: netip.MustParseAddrPort("192.0.2.1:5005"),
		Send: true, Receive: true,
		Payloads: []sdp.Payload{{ReceiveType: 96, SendType: 111, Profile: codec.Profile{Format: pcmu}}},
		Events:   []sdp.EventPayload{{ReceiveType: 101, SendType: 100, ClockRateHz: 8000}},
	}
	first := stream(a, media.Stream{})
	want := media.Stream{
		Remote: a.Remote, RemoteRTCP: a.RemoteRTCP, Send: true, Receive: true,
		Payloads: []media.Payload{{ReceiveType: 96, SendType: 111, Profile: codec.Profile{Format: pcmu}}},
		Events:   []media.EventPayload{{ReceiveType: 101, SendType: 100, ClockRateHz: 8000}},
	}
	same := cmp.Comparer(func(x, y netip.AddrPort) bool { return x == y })
	if diff := cmp.Diff(want, first, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	held := a
	held.Remote, held.RemoteRTCP, held.Send = netip.AddrPort{}, netip.AddrPort{}, false
	want.Send = false
	if diff := cmp.Diff(want, stream(held, first), same); diff != "" {
		t.Errorf("held by 0.0.0.0 (-want +got):\n%s", diff)
	}
	want.Receive = false
	if diff := cmp.Diff(want, stream(sdp.Agreed{Ended: true}, first), same); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
}

func TestACallerOnHoldIsNotHeard(t *testing.T) {
	with := func(send, receive bool) media.Stream {
		return media.Stream{Send: send, Receive: receive, Payloads: []media.Payload{{Profile: codec.Profile{Format: pcmu}}}}
	}
	for _, row := range []struct {
		name         string
		before, next media.Stream
		want         bool
	}{
		{"talking goes on", with(true, true), with(true, true), true},
		{"talking is put on hold", with(true, true), with(false, true), false},
		{"hold goes on", with(false, false), with(false, true), false},
		{"hold ends", with(false, false), with(true, true), true},
		{"a source from the start", media.Stream{}, with(false, true), true},
		{"a source goes on", with(false, true), with(false, true), true},
		{"a listener becomes a source", with(true, false), with(false, true), false},
	} {
		if got := quiet(row.next, row.before); got.Receive != row.want || got.Send != row.next.Send {
			t.Errorf("%s: got send %v receive %v, want receive %v", row.name, got.Send, got.Receive, row.want)
		}
	}
}
