package serve

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/trunk"
	"github.com/confbridge/confbridge/sipua/upstream"
)

func TestWhatTheFileSaysReachesTheServer(t *testing.T) {
	cfg, err := config.Parse("c.yaml", []byte(`
data_dir: /tmp
media: {codecs: [g722, PCMU]}
sip:
  listen: [{url: "tls://127.0.0.1:5061", advertise: sip.example.com}]
  advertise: 203.0.113.7
  tls: {more: [{certificate: sip.go, key: main.go}]}
  external_networks: ["!10.0.0.0/8"]
  origins: ["https://a.example"]
  ring: 2s
  session_expires: 10m
  anonymous: reject
  realm: example.com
  algorithms: [MD5]
  limits: {calls: 7, requests_per_second: 8, half_open: 9, half_open_per_source: 10, connections: 11, connections_per_source: 12}
  trunks:
    - name: carrier
      networks: [198.51.100.0/24]
      trusted: true
      rooms: ["1*"]
      number_from: to
      rewrite: ["+49* -> *"]
      calls: 3
      calls_per_second: 2
      codecs: [PCMA]
      keys: rfc4733
      transport: tcp
      register: {registrar: "sip:r.example", user: u, password: p, contact: c, expires: 2m, proxy: "sip:p.example"}
      ping: {uri: "sip:r.example", interval: 5s}
    - name: phones
      users: {alice: one}
      algorithms: [SHA-256]
`), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	got, err := sipConfig(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	same("codecs", got.Codecs, []codec.Name{codec.G722, codec.PCMU})
	same("listeners", got.Transport.Listeners, []transport.Listener{{URL: "tls://127.0.0.1:5061", Advertise: "sip.example.com"}})
	same("advertise", got.Advertise, "203.0.113.7")
	same("external", got.Transport.External, []string{"!10.0.0.0/8"})
	same("origins", got.Transport.Origins, []string{"https://a.example"})
	same("TLS", got.Transport.TLS, transport.TLS{More: []transport.KeyPair{{CertFile: "sip.go", KeyFile: "main.go"}}, ClientAuth: "none", SelfSignedDir: "/tmp/tls"})
	same("times", []time.Duration{got.Ring, got.SessionExpires}, []time.Duration{2 * time.Second, 10 * time.Minute})
	same("limits", []int{
		got.MaxCalls, got.Overload.Rate, got.Overload.MaxHalfOpen, got.Overload.MaxHalfOpenPerSource, got.Transport.MaxConns, got.Transport.MaxConnsPerSource,
	}, []int{7, 8, 9, 10, 11, 12})
	same("exempt", []bool{got.Overload.Exempt(netip.MustParseAddr("198.51.100.9")), got.Overload.Exempt(netip.MustParseAddr("192.0.2.1"))}, []bool{true, false})
	same("who may call", []any{got.Trunks.Anonymous, got.Trunks.Realm, got.Trunks.Algorithms}, []any{trunk.Reject, "example.com", []trunk.Algorithm{trunk.MD5}})
	rule, _ := trunk.ParseRule("+49* -> *")
	carrier, phones := got.Trunks.Trunks[0], got.Trunks.Trunks[1]
	same("carrier", carrier, trunk.Trunk{
		Name: "carrier", Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, Transport: "tcp",
		Terms: trunk.Terms{
			Trusted: true, Rooms: []string{"1*"}, Rewrite: []trunk.Rule{rule}, NumberFrom: trunk.To, MaxCalls: 3, CallsPerSecond: 2, Codecs: []string{"PCMA"},
			Keys: trunk.KeysRFC4733,
		},
	})
	same("phones", []any{phones.Users[0].User, phones.Users[0].Password, phones.Algorithms}, []any{"alice", "one", []trunk.Algorithm{trunk.SHA256}})
	same("registrations", got.Upstream.Registrations, []upstream.Registration{{
		Name: "carrier", Registrar: "sip:r.example", Proxy: "sip:p.example;transport=tcp", User: "u", Password: "p", Contact: "c", Expires: 2 * time.Minute,
	}})
	same("pings", got.Upstream.Pings, []upstream.Ping{{Name: "carrier", URI: "sip:r.example;transport=tcp", User: "u", Password: "p", Interval: 5 * time.Second}})
	if err := got.Trunks.Validate(); err != nil {
		t.Error(err)
	}
}

func TestATrunksTransportIsThatOfURIsWithoutOne(t *testing.T) {
	for _, row := range []struct{ uri, transport, want string }{
		{"sip:a.example", "tls", "sip:a.example;transport=tls"},
		{"sip:a.example:5070;lr", "tcp", "sip:a.example:5070;lr;transport=tcp"},
		{"sip:a.example;transport=udp", "tcp", "sip:a.example;transport=udp"},
		{"sips:a.example", "udp", "sips:a.example"},
		{"sip:a.example", "", "sip:a.example"},
		{"sip:", "tcp", "sip:"},
	} {
		if got := preferring(row.uri, row.transport); got != row.want {
			t.Errorf("%s by %q: got %s, want %s", row.uri, row.transport, got, row.want)
		}
	}
	c := upstream.Config{}
	keepAlive(&c, config.Trunk{Name: "a", Transport: "sctp", Register: config.Register{Registrar: "sip:r.example"}})
	if got := c.Registrations[0].Registrar; got != "sip:r.example;transport=sctp" {
		t.Errorf("without a proxy: got %s", got)
	}
}
