package serve

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/api"
	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/sipua/trunk"
)

func TestWhatATrunkIsCalledWith(t *testing.T) {
	prefixes := []string{"+49"}
	register := config.Register{Registrar: "sip:r.example", Address: "sip:a@r.example", User: "u", Password: "p", Proxy: "sip:p.example;lr"}
	for _, row := range []struct {
		name string
		in   config.Trunk
		want trunk.Dial
	}{
		{"no prefixes: not at all", config.Trunk{Register: register}, trunk.Dial{}},
		{"as it is registered", config.Trunk{Register: register, Transport: "tcp", Dial: config.Dial{Prefixes: prefixes}}, trunk.Dial{
			Prefixes: prefixes, URI: "sip:r.example", Proxy: "sip:p.example;lr;transport=tcp", From: "sip:a@r.example", User: "u", Password: "p",
		}},
		{
			"as it is registered, without an address",
			config.Trunk{
				Register: config.Register{Registrar: "sip:r.example", User: "u"}, Dial: config.Dial{Prefixes: prefixes},
			},
			trunk.Dial{Prefixes: prefixes, URI: "sip:r.example", From: "sip:u@r.example", User: "u"},
		},
		{
			"as it is pinged",
			config.Trunk{Ping: config.Ping{URI: "sip:sbc.example"}, Dial: config.Dial{Prefixes: prefixes}},
			trunk.Dial{Prefixes: prefixes, URI: "sip:sbc.example"},
		},
		{
			"as it says",
			config.Trunk{Register: register, Transport: "tls", Dial: config.Dial{
				Prefixes: prefixes, URI: "sip:out.example", From: "sip:f@h", User: "x", Password: "y",
			}},
			trunk.Dial{Prefixes: prefixes, URI: "sip:out.example;transport=tls", From: "sip:f@h", User: "x", Password: "y"},
		},
	} {
		if diff := cmp.Diff(row.want, dialConfig(row.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
	out := dialOut(config.DialOut{
		Domains: []string{"d"}, Rooms: []config.RoomDial{{Rooms: []string{"1"}, Prefixes: prefixes}}, Calls: 1, CallsPerRoom: 2, PerMinute: 3, PerMinutePerRoom: 4,
	})
	want := trunk.DialOut{
		Domains: []string{"d"}, Rooms: []trunk.RoomDial{{Rooms: []string{"1"}, Prefixes: prefixes}}, MaxCalls: 1, RoomCalls: 2, PerMinute: 3, RoomPerMinute: 4,
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsOfDialsInTheAPIsWords(t *testing.T) {
	engine, err := media.NewEngine(media.Config{PortMin: 36000, PortMax: 36099})
	if err != nil {
		t.Fatal(err)
	}
	reg := rooms.NewRegistry(rooms.Config{OnDemand: true})
	sip, err := sipua.New(sipua.Config{Listen: []string{"udp://127.0.0.1:0"}}, reg, engine)
	if err != nil {
		t.Fatal(err)
	}
	if err := sip.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := dialer{sip}
	var denied *api.DialDeniedError
	if _, err := d.Dial(t.Context(), api.DialOut{Room: "1", Address: "sip:a@b"}); !errors.As(err, &denied) || denied.Rule != "sip.dial_out.domains" {
		t.Errorf("got %v, want a DialDeniedError", err)
	}
	if _, err := d.Dial(t.Context(), api.DialOut{Room: "1", Address: "nonsense"}); !errors.Is(err, api.ErrDialAddress) {
		t.Errorf("got %v, want ErrDialAddress", err)
	}
	if _, err := d.Dial(t.Context(), api.DialOut{Room: "1", Address: "1", Trunk: "none"}); !errors.Is(err, api.ErrDialTrunk) {
		t.Errorf("got %v, want ErrDialTrunk", err)
	}
	if err := errors.Join(sip.Shutdown(context.WithoutCancel(t.Context())), reg.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Dial(t.Context(), api.DialOut{Room: "1", Address: "sip:a@b"}); !errors.Is(err, rooms.ErrDraining) {
		t.Errorf("got %v, want ErrDraining", err)
	}
}

func TestKeysCallThroughTheTrunkThatIsNamedAndByItsRules(t *testing.T) {
	if d := keyDialer(&Main{}); d != nil {
		t.Errorf("no trunk is named: got %v, want that nobody is called", d)
	}
	engine, err := media.NewEngine(media.Config{PortMin: 36100, PortMax: 36199})
	if err != nil {
		t.Fatal(err)
	}
	reg := rooms.NewRegistry(rooms.Config{OnDemand: true})
	sip, err := sipua.New(sipua.Config{
		Listen: []string{"udp://127.0.0.1:0"},
		Trunks: trunk.Config{Trunks: []trunk.Trunk{{
			Name: "carrier", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")},
			Dial: trunk.Dial{Prefixes: []string{"030"}, URI: "sip:127.0.0.9:9"},
		}}},
	}, reg, engine)
	if err != nil {
		t.Fatal(err)
	}
	if err := sip.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := &Main{sip: sip}
	m.cfg.Rooms.DialTrunk = "carrier"
	d := keyDialer(m)
	var denied *api.DialDeniedError
	if err := d.Dial(t.Context(), "1000", "0900123"); !errors.As(err, &denied) || denied.Rule != "sip.trunks.dial.prefixes" {
		t.Errorf("another prefix: got %v, want a DialDeniedError", err)
	}
	if err := d.Dial(t.Context(), "1000", "03012345"); err != nil {
		t.Errorf("a prefix that may be called: got %v", err)
	}
	if dials, err := reg.Dials(t.Context(), "1000"); err != nil || len(dials) != 1 || dials[0].DisplayName != "03012345" {
		t.Errorf("got %+v, %v, want the one who is called", dials, err)
	}
	if err := reg.End(t.Context(), "1000", rooms.ReasonEnded); err != nil {
		t.Error(err)
	}
	if err := errors.Join(sip.Shutdown(context.WithoutCancel(t.Context())), reg.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}
