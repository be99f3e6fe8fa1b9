package sipua

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// everyStream is a bridge that listens on all streams with a self-signed certificate, and a client that trusts it and
// listens on none of them.
func everyStream(t *testing.T, change func(*ClientConfig)) (*bridge, *Client) {
	t.Helper()
	dir := t.TempDir()
	b := newBridge(t, func(c *Config) {
		c.Listen = strings.Fields("udp://127.0.0.1:0 tcp://127.0.0.1:0 tls://127.0.0.1:0 ws://127.0.0.1:0 wss://127.0.0.1:0")
		c.Transport.TLS.SelfSignedDir = dir
	})
	eng, err := media.NewEngine(media.Config{PortMin: 34000, PortMax: 34999})
	if err != nil {
		t.Fatal(err)
	}
	cfg := ClientConfig{Listen: []string{"udp://127.0.0.1:0"}}
	cfg.Transport.TLS.CAFile = filepath.Join(dir, "tls-selfsigned-cert.pem")
	if change != nil {
		change(&cfg)
	}
	c, err := NewClient(t.Context(), cfg, eng)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b, c
}

func TestCallsOverEveryStream(t *testing.T) {
	b, c := everyStream(t, nil)
	for _, row := range []struct{ over, scheme, param, contact string }{
		{"tcp", "sip", ";transport=tcp", "transport=tcp"},
		{"tls", "sip", ";transport=tls", "transport=tls"},
		{"tls", "sips", "", ""},
		{"tls", "sips", ";transport=tcp", ""},
		{"ws", "sip", ";transport=ws", "transport=ws"},
		{"wss", "sips", ";transport=ws", "transport=ws"},
	} {
		t.Run(row.scheme+" over "+row.over+row.param, func(t *testing.T) {
			var outs []*OutCall
			for range 2 {
				out, err := c.Dial(patient(t), DialConfig{URI: row.scheme + ":1000@" + b.addrs[row.over] + row.param, Codecs: []codec.Name{codec.PCMU}})
				if err != nil {
					t.Fatal(err)
				}
				outs = append(outs, out)
				if f := out.call.d.flow; f.Transport != strings.ToUpper(row.over) {
					t.Errorf("the call goes over %s", f)
				}
				contact := out.call.d.target // RFC 3261 §12.1.1: sips answers sips
				if tp, _ := contact.Param("transport"); contact.Scheme != row.scheme || row.contact != "" && "transport="+tp != row.contact || row.contact == "" && tp != "" {
					t.Errorf("got Contact %v", contact)
				}
			}
			hearEachOther(t, outs)
			// The bridge ends one call: its BYE has to come back along the connection.
			list := b.participants(t, "1000", 2)
			if err := b.rooms.Remove(patient(t), "1000", list[0].ID); err != nil {
				t.Fatal(err)
			}
			select {
			case <-outs[0].Done():
			case <-outs[1].Done():
			case <-time.After(patience):
				t.Fatal("no BYE")
			}
			for _, out := range outs {
				if err := errors.Join(out.Hangup(patient(t)), out.Leg().Close()); err != nil {
					t.Error(err)
				}
			}
			b.participants(t, "1000", 0)
		})
	}
}

// hearEachOther goes on until both calls have had sound from the room.
func hearEachOther(t *testing.T, outs []*OutCall) {
	t.Helper()
	ears := []*ear{{}, {}}
	loud := make([]byte, 160)
	for i := range loud {
		loud[i] = byte(i * 37)
	}
	give := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ears[0].packets < 5 || ears[1].packets < 5 {
		now := <-tick.C
		if now.After(give) {
			t.Fatalf("heard %d and %d packets", ears[0].packets, ears[1].packets)
		}
		for i, out := range outs {
			out.Leg().Send(now, loud, 160)
			if err := out.Leg().Receive(now, ears[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestSIPSNeverGoesOpen(t *testing.T) {
	b, c := everyStream(t, func(c *ClientConfig) { c.Transport.DialTimeout = 100 * time.Millisecond })
	// A sips URI at a port where TLS is not spoken: the call fails, and nothing is sent there in the clear.
	_, err := c.Dial(patient(t), DialConfig{URI: "sips:1000@" + b.addrs["tcp"]})
	if err == nil || !errors.Is(err, ErrNoAnswer) && !strings.Contains(err.Error(), "tls") && !strings.Contains(err.Error(), "TLS") {
		t.Errorf("got %v", err)
	}
	if n := b.ep.stats().ReceivedTCP; n != 0 {
		t.Errorf("%d messages came", n)
	}
	ep := c.ep
	d := &dialog{flow: transport.Flow{Transport: "TCP", Remote: netip.MustParseAddrPort(b.addrs["tcp"])}, natted: true}
	next, err := message.ParseURI("sips:x@127.0.0.1;transport=tcp")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range ep.targets(t.Context(), d, next) {
		if target.Transport != "TLS" {
			t.Errorf("a request to %v would go to %v", next, target)
		}
	}
}

func TestContacts(t *testing.T) {
	for want, c := range map[string]struct {
		over string
		sips bool
	}{
		"sip:u@h.example:5060":               {"UDP", false},
		"sip:u@h.example:5060;transport=tcp": {"TCP", true}, // nobody could call sips here
		"sip:u@h.example:5060;transport=tls": {"TLS", false},
		"sips:u@h.example:5060":              {"TLS", true},
		"sip:u@h.example:5060;transport=ws":  {"WS", false},
		"sips:u@h.example:5060;transport=ws": {"WSS", true},
	} {
		f := transport.Flow{Transport: c.over, SentBy: transport.HostPort{Host: "h.example", Port: 5060}}
		if got := contact("u", f, c.sips).URI.String(); got != want {
			t.Errorf("%s, sips %v: got %s, want %s", c.over, c.sips, got, want)
		}
	}
}
