package serve

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/distributor"
)

func TestTelephonesAreShownWhatGoesToGroupsAndIsOn(t *testing.T) {
	reg := rooms.NewRegistry(rooms.Config{})
	spread := distributor.New(distributor.Config{Policy: distribution.Policy{Listeners: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, MaxTTL: 255}}, reg)
	t.Cleanup(func() {
		ctx := context.Background()
		if err := errors.Join(spread.Close(ctx), reg.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	if _, err := reg.Create(t.Context(), "1000", rooms.Settings{}); err != nil {
		t.Fatal(err)
	}
	create := func(id, to string, suite distribution.Suite) {
		t.Helper()
		_, err := spread.Create(t.Context(), "1000", distribution.Distribution{
			ID: id, To: []netip.AddrPort{netip.MustParseAddrPort(to)}, Interface: "lo", TTL: 1, DSCP: distribution.DefaultDSCP,
			Codec: codec.PCMA, Packet: 20 * time.Millisecond, Silence: distribution.SilenceSound, Suite: suite,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	create("list", "127.0.0.1:31998", distribution.SuiteNone)
	create("open", "239.255.42.2:5004", distribution.SuiteNone)
	create("secret", "239.255.42.3:5004", distribution.SuiteCM)
	s := sessions{spread}
	for _, withKeys := range []bool{false, true} {
		all, err := s.Sessions(t.Context(), "1000", withKeys)
		if err != nil || len(all) != 2 {
			t.Fatalf("got %d sessions, %v, want the two that go to groups", len(all), err)
		}
		open, secret := all[0], all[1]
		if open.ID != "open" || open.Encrypted || open.Profile.Name != codec.PCMA || open.Group != netip.MustParseAddrPort("239.255.42.2:5004") {
			t.Errorf("got %+v", open)
		}
		if text := string(secret.Description); !secret.Encrypted || !strings.Contains(text, "RTP/SAVP 8") || strings.Contains(text, "a=crypto:") != withKeys {
			t.Errorf("keys wanted: %v, got %q", withKeys, text)
		}
		if !withKeys {
			continue
		}
		if err := spread.Delete(t.Context(), "1000", "open"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-open.Changed:
		case <-t.Context().Done():
		}
		if all, err := s.Sessions(t.Context(), "1000", false); err != nil || len(all) != 1 {
			t.Errorf("after its end: got %v, %v", all, err)
		}
	}
	if _, err := s.Sessions(t.Context(), "2000", false); err == nil {
		t.Error("a room that is not there has sessions")
	}
}
