package sipua

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/icholy/digest"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// office is a configuration that challenges everybody but the users of one trunk and, at 127.0.0.9, a carrier.
func office(c *Config) {
	c.Trunks = trunk.Config{Anonymous: trunk.Challenge, Trunks: []trunk.Trunk{
		{
			Name: "office", Users: []trunk.Credential{{User: "alice", Password: "wonder"}},
			Terms: trunk.Terms{Rooms: []string{"1000"}, Rewrite: []trunk.Rule{{Match: "+4930*", To: "*"}}, MaxCalls: 1, Codecs: []string{"PCMU"}},
		},
		{Name: "carrier", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}},
	}}
}

// loopback is a configuration whose one trunk is everybody here.
func loopback(terms trunk.Terms) func(*Config) {
	return func(c *Config) {
		c.Trunks.Trunks = []trunk.Trunk{{Name: "carrier", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Terms: terms}}
	}
}

// authorization answers a challenge, by which of its algorithms.
func (w *wire) authorization(res *message.Message, method, user, password string, algorithm int) string {
	w.t.Helper()
	fields := res.Values("WWW-Authenticate")
	if len(fields) != 2 {
		w.t.Fatalf("got challenges %q, want two", fields)
	}
	c, err := digest.ParseChallenge(fields[algorithm])
	if err != nil {
		w.t.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: method, URI: w.target, Username: user, Password: password})
	if err != nil {
		w.t.Fatal(err)
	}
	return "Authorization: " + cred.String()
}

// gathered is a metric's values by their one label.
func (b *bridge) gathered(t *testing.T, name string) map[string]float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(b.Server)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				got[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return got
}

func TestACallerShowsWhoItIs(t *testing.T) {
	for _, over := range []string{"UDP", "TCP"} {
		for algorithm, name := range []string{"SHA-256", "MD5"} {
			t.Run(over+" "+name, func(t *testing.T) {
				b := newBridge(t, office)
				w := b.phone(t, over)
				w.target = "sip:+49301000@" + w.server
				w.send("INVITE", w.sdp())
				res := w.want(message.Invite, 401)
				if !strings.Contains(res.Values("WWW-Authenticate")[0], "algorithm=SHA-256") {
					t.Errorf("got %s, want the best algorithm first", res.Bytes())
				}
				w.send("ACK", "")
				line := w.authorization(res, "INVITE", "alice", "wonder", algorithm)
				w.call(line)
				b.participants(t, "1000", 1)
				if got := b.Trunks()[0]; got.Calls != 1 || got.Total != 1 {
					t.Errorf("got %+v, want one call", got)
				}
				w.hangup() // what is in a dialog is not challenged
				b.participants(t, "1000", 0)

				other := b.phone(t, over)
				other.target = "sip:+49301000@" + w.server
				other.send("INVITE", other.sdp(), line)
				if res := other.want(message.Invite, 401); !strings.Contains(res.Values("WWW-Authenticate")[0], "stale=true") {
					t.Errorf("the same credentials again: got %s", res.Bytes())
				}
				other.send("ACK", "")
			})
		}
	}
}

func TestNothingIsToldToStrangers(t *testing.T) {
	b := newBridge(t, office)
	for _, method := range []string{"INVITE", "OPTIONS", "REGISTER", "BYE", "DANCE"} {
		w := b.phone(t, "UDP")
		w.send(method, "", "Require: what-ever")
		res := w.want(message.Method(method), 401)
		if _, ok := res.Header("Allow"); ok {
			t.Errorf("%s: got %s", method, res.Bytes())
		}
	}
	if got := b.Calls(); got != 0 {
		t.Errorf("got %d calls", got)
	}
}

// originRooms shows the test where calls come from.
type originRooms struct {
	*rooms.Registry
	origins chan rooms.Origin
}

func (r originRooms) Admit(ctx context.Context, number string, c rooms.Caller) (*rooms.Participant, error) {
	r.origins <- *c.Origin
	return r.Registry.Admit(ctx, number, c)
}

func TestWhoLetsCallersInIsToldWhereTheyComeFrom(t *testing.T) {
	origins := make(chan rooms.Origin, 1)
	b := newBridgeWith(t, media.Config{PortMin: 31000, PortMax: 31999}, func(g *rooms.Registry) Rooms { return originRooms{g, origins} },
		loopback(trunk.Terms{Trusted: true, Rooms: []string{"1000"}}))
	w := b.phone(t, "UDP")
	w.call("P-Asserted-Identity: <tel:+4930555>")
	got := <-origins
	if got.Source != "127.0.0.1" || got.Trunk != "carrier" || got.Identity != "tel:+4930555" || !got.May("1000") || got.May("2000") {
		t.Errorf("got %+v", got)
	}
	if list := b.participants(t, "1000", 1); list[0].Origin != nil {
		t.Error("it is kept")
	}
	w.hangup()
}

func TestATrunksTermsHoldInItsCalls(t *testing.T) {
	b := newBridge(t, loopback(trunk.Terms{
		Trusted: true, Rooms: []string{"1000"}, Rewrite: []trunk.Rule{{Match: "+4930*", Strip: 5}}, NumberFrom: trunk.Diversion,
		MaxCalls: 1, Codecs: []string{"PCMA"},
	}))
	diverted := "Diversion: <tel:+49-30-1000>;reason=unconditional"
	w := b.phone(t, "UDP")
	w.send("INVITE", w.sdp(), diverted)
	w.want(message.Invite, 488) // of PCMU, which the trunk does not speak
	w.send("ACK", "")

	w.send("INVITE", strings.Replace(w.sdp(), "AVP 0", "AVP 0 8", 1), diverted, `P-Asserted-Identity: "Frau Müller" <tel:+4930555>`)
	res := w.want(message.Invite, 200)
	if !strings.Contains(string(res.Body), "RTP/AVP 8\r\n") {
		t.Errorf("got %q, want PCMA alone", res.Body)
	}
	w.enter(res)
	w.send("ACK", "")
	list := b.participants(t, "1000", 1)
	if list[0].DisplayName != "Frau Müller" || list[0].Address != "tel:+4930555" {
		t.Errorf("got %+v, want what the trunk asserts", list[0].Caller)
	}

	second := b.phone(t, "UDP")
	second.send("INVITE", second.sdp(), diverted)
	busy := second.want(message.Invite, 486)
	if r := busy.Reasons(); len(r) != 1 || r[0].Cause != 34 {
		t.Errorf("got %+v, want cause 34", r)
	}
	second.send("ACK", "")
	elsewhere := b.phone(t, "UDP")
	elsewhere.send("INVITE", elsewhere.sdp(), "Diversion: <tel:+49302000>")
	elsewhere.want(message.Invite, 404)
	elsewhere.send("ACK", "")

	if d := cmp.Diff(map[string]float64{"anonymous": 0, "carrier": 1}, b.gathered(t, "confbridge_trunk_calls")); d != "" {
		t.Error(d)
	}
	w.hangup() // the line is free when that is answered
	third := b.phone(t, "UDP")
	third.send("INVITE", strings.Replace(third.sdp(), "AVP 0", "AVP 8", 1), diverted)
	third.enter(third.want(message.Invite, 200))
	third.send("ACK", "")
	third.hangup()
}

func TestTooManyCallsPerSecond(t *testing.T) {
	b := newBridge(t, loopback(trunk.Terms{CallsPerSecond: 0.001}))
	w, late := b.phone(t, "UDP"), b.phone(t, "UDP")
	w.call()
	late.send("INVITE", late.sdp())
	res := late.want(message.Invite, 503)
	if _, ok := res.Header("Retry-After"); !ok {
		t.Error("there is no Retry-After")
	}
	late.send("ACK", "")
	w.hangup()
}

func TestCredentialsForAnotherURI(t *testing.T) {
	b := newBridge(t, office)
	w := b.phone(t, "UDP")
	w.send("INVITE", w.sdp())
	line := w.authorization(w.want(message.Invite, 401), "INVITE", "alice", "wonder", 0)
	w.send("ACK", "")
	w.target = "sip:1001@" + w.server
	w.send("INVITE", w.sdp(), line)
	if res := w.want(message.Invite, 400); res.Reason != trunk.ErrURI.Error() {
		t.Errorf("got %q", res.Reason)
	}
	w.send("ACK", "")
}

// sink is a log that may be read while it is written.
type sink struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

func TestRejectedCallersAreLoggedOnceAndGuessersBlocked(t *testing.T) {
	var out sink
	b := newBridge(t, func(c *Config) {
		office(c)
		c.Trunks.MaxFailures = 3
		c.Log = slog.New(slog.NewTextHandler(&out, nil))
	})
	w := b.phone(t, "UDP")
	w.send("INVITE", w.sdp())
	res := w.want(message.Invite, 401)
	w.send("ACK", "")
	for _, want := range []int{401, 401, 401, 403, 403} {
		w.send("INVITE", w.sdp(), w.authorization(res, "INVITE", "alice", "hush", 0))
		got := w.want(message.Invite, want)
		w.send("ACK", "")
		if want == 401 {
			res = got
		}
	}
	if text := out.text(); strings.Count(text, "source failed too often") != 1 || strings.Contains(text, "hush") || strings.Contains(text, "wonder") {
		t.Errorf("got %s", text)
	}
	want := map[string]float64{"blocked": 2, "no-credentials": 1, "wrong-credentials": 3}
	if d := cmp.Diff(want, b.gathered(t, "confbridge_sip_auth_failures_total")); d != "" {
		t.Error(d)
	}
}

func TestRejectedCallers(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Trunks.Anonymous = trunk.Reject })
	w := b.phone(t, "UDP")
	w.send("INVITE", w.sdp())
	w.want(message.Invite, 403)
	w.send("ACK", "")
}

func TestTrunksAreChecked(t *testing.T) {
	b := newBridge(t, nil)
	_, err := New(Config{Trunks: trunk.Config{
		Anonymous: "maybe", Guests: trunk.Terms{Codecs: []string{"G.723"}},
		Trunks: []trunk.Trunk{{Name: "a", Networks: []netip.Prefix{netip.MustParsePrefix("::/0")}, Terms: trunk.Terms{Codecs: []string{"GSM"}}}},
	}}, b.rooms, b.engine)
	if !errors.Is(err, ErrConfig) || !errors.Is(err, trunk.ErrConfig) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"maybe", "G.723", `trunk "a": codec "GSM"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing about %s in %v", want, err)
		}
	}
}

// proving is a tape whose peers have shown a certificate.
type proving struct {
	*tape
	names map[netip.Addr][]string
}

func (p proving) PeerNames(f transport.Flow) []string { return p.names[f.Remote.Addr()] }

func TestWhereACallerComesFrom(t *testing.T) {
	for _, row := range []struct {
		name, addr string
		status     int
		trunk      string
	}{
		{"loopback", "127.0.0.1", 200, "anonymous"},
		{"a private network", "10.0.0.7", 200, "anonymous"},
		{"a stranger", "203.0.113.7", 401, ""},
		{"a stranger over IPv6", "2001:db8::1", 401, ""},
		{"a stranger with a certificate of a trunk's", "203.0.113.8", 200, "carrier"},
		{"a stranger with another certificate", "203.0.113.9", 401, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newStillWith(t, "TCP", Config{Trunks: trunk.Config{Trunks: []trunk.Trunk{{Name: "carrier", TLSNames: []string{"sbc.example.com"}}}}})
				b.server.ep.net = proving{b.tape, map[netip.Addr][]string{
					netip.MustParseAddr("203.0.113.8"): {"sbc.example.com"}, netip.MustParseAddr("203.0.113.9"): {"example.com"},
				}}
				flow := loop("TCP")
				flow.Remote = netip.AddrPortFrom(netip.MustParseAddr(row.addr), 5070)
				req, err := message.Parse([]byte("OPTIONS sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n" +
					"From: <sip:a@b>;tag=1\r\nTo: <sip:1000@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"))
				if err != nil {
					t.Fatal(err)
				}
				b.server.ep.layer.Receive(req, flow)
				synctest.Wait()
				list := b.all()
				if len(list) != 1 || list[0].msg.StatusCode != row.status {
					t.Fatalf("got %v, want %d", list, row.status)
				}
				if got := len(list[0].msg.Values("WWW-Authenticate")); (got == 2) != (row.status == 401) {
					t.Errorf("got %d challenges in a %d", got, row.status)
				}
				invite := req.Clone()
				invite.Method, invite.CSeq = message.Invite, message.CSeq{Seq: 2, Method: message.Invite}
				invite.Contact = []message.Address{{URI: message.URI{Scheme: "sip", Host: "127.0.0.1", Port: 5070}}}
				invite.SetBody("application/sdp", []byte(b.sdp()))
				b.server.ep.layer.Receive(invite, flow)
				synctest.Wait()
				for _, s := range b.server.Trunks() {
					if (s.Calls == 1) != (s.Name == row.trunk) {
						t.Errorf("got %+v, want a call of %q", s, row.trunk)
					}
				}
				list = b.all()
				for i, method := range []message.Method{message.Ack, message.Bye} {
					end := invite.Clone()
					end.Method, end.CSeq, end.Body = method, message.CSeq{Seq: uint32(2 + i), Method: method}, nil
					end.Via[0].Params = end.Via[0].Params.With("branch", "z9hG4bK"+string(method))
					end.To = list[0].msg.To
					b.server.ep.layer.Receive(end, flow)
					synctest.Wait()
				}
				b.close()
				for _, s := range b.server.Trunks() {
					if s.Calls != 0 {
						t.Errorf("at the end: got %+v", s)
					}
				}
			})
		})
	}
}
