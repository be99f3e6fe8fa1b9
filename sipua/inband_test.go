package sipua

import (
	"net/netip"
	"testing"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// What was agreed, and agreed anew, says whether a seat's leg has its keys looked for in the sound.
func TestKeysAreLookedForWherePeersHaveNoEvents(t *testing.T) {
	b := newBridge(t, func(cfg *Config) { cfg.Trunks.Guests.Keys = trunk.KeysAuto })
	w := b.phone(t, "UDP")
	w.call()
	defer w.hangup()
	b.ep.mu.Lock()
	var line *call
	for _, c := range b.ep.calls {
		line = c
	}
	b.ep.mu.Unlock()
	eng, err := media.NewEngine(media.Config{PortMin: 35000, PortMax: 35099})
	if err != nil {
		t.Fatal(err)
	}
	leg, err := eng.Open(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.rooms.Admit(t.Context(), "1000", rooms.Caller{})
	if err != nil {
		t.Fatal(err)
	}
	s := &seat{participant: p, line: line.admitted, leg: leg}
	defer s.leave(rooms.ReasonHangup)
	agreed := media.Stream{Remote: netip.MustParseAddrPort("127.0.0.1:9"), Payloads: []media.Payload{{Profile: codec.Profile{Format: pcmu}}}}
	with := agreed
	with.Events = []media.EventPayload{{ReceiveType: 101, SendType: 101, ClockRateHz: 8000}}
	for _, step := range []struct {
		name   string
		agreed media.Stream
		want   bool
	}{{"without telephone-event", agreed, true}, {"with it", with, false}, {"without it again", agreed, true}} {
		if err := s.apply(t.Context(), step.agreed); err != nil {
			t.Fatal(err)
		}
		var got bool
		if err := p.Change(t.Context(), func() error { got = leg.KeysInSound(); return nil }); err != nil {
			t.Fatal(err)
		}
		if got != step.want {
			t.Errorf("%s: got %v, want %v", step.name, got, step.want)
		}
	}
}
