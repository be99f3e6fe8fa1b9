package config

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// trunksYAML has every key of a trunk.
const trunksYAML = `sip:
  listen: [{url: "tls://0.0.0.0:5061", advertise: sip.example.com}, "udp://0.0.0.0:5060"]
  tls: {more: [{certificate: config_test.go, key: sip.go}, {certificate: load.go, key: keys.go}]}
  external_networks: [192.0.2.0/24, "!2001:db8::1"]
  origins: ["https://a.example"]
  ring: 2s
  session_expires: 10m
  anonymous: reject
  realm: example.com
  algorithms: [MD5]
  limits: {calls: 7, requests_per_second: 8, half_open: 9, half_open_per_source: 10, connections: 11, connections_per_source: 12}
  dial_out:
    {domains: ["*.example.com"], rooms: [{rooms: ["1*"], prefixes: ["+"], domains: [a.example.com]}], calls: 1, calls_per_room: 2, per_minute: 3,
      per_minute_per_room: 4}
  trunks:
    - name: carrier
      networks: [203.0.113.0/24]
      tls_names: [sip.carrier.example]
      trusted: true
      rooms: ["1000", "2*"]
      number_from: diversion
      rewrite: ["+49301234* -> *"]
      calls: 100
      calls_per_second: 2.5
      codecs: [pcma, OPUS, l16]
      keys: inband
      transport: tcp
      register: {registrar: "sip:carrier.example", address: "sip:bridge@carrier.example", user: bridge, password: "env:SECRET",
        contact: b, expires: 10m, proxy: "sip:proxy.carrier.example;lr"}
      ping: {uri: "sip:carrier.example", interval: 30s}
      dial: {prefixes: ["+49", "1"], uri: "sip:out.carrier.example", from: "sip:b@carrier.example", user: out, password: "env:SECRET"}
    - name: phones
      users: {alice: one, bob: "env:SECRET"}
      algorithms: [SHA-256]
`

func TestTrunksAreRead(t *testing.T) {
	got, err := Parse("c.yaml", []byte(trunksYAML), env(map[string]string{"SECRET": "two"}))
	if err != nil {
		t.Fatal(err)
	}
	prefix := netip.MustParsePrefix
	want := SIP{
		Listen: []Listener{
			{Transport: "tls", Addr: netip.MustParseAddrPort("0.0.0.0:5061"), Advertise: "sip.example.com"},
			{Transport: "udp", Addr: netip.MustParseAddrPort("0.0.0.0:5060")},
		},
		ExternalNetworks: []string{"192.0.2.0/24", "!2001:db8::1/128"},
		TLS:              TLS{Clients: "none", More: []KeyPair{{"config_test.go", "sip.go"}, {"load.go", "keys.go"}}},
		Origins:          []string{"https://a.example"},
		Ring:             2 * time.Second, SessionExpires: 10 * time.Minute, Anonymous: "reject", Realm: "example.com",
		Algorithms: []string{"MD5"}, Limits: Limits{7, 8, 9, 10, 11, 12},
		DialOut: DialOut{
			Domains: []string{"*.example.com"},
			Rooms:   []RoomDial{{Rooms: []string{"1*"}, Prefixes: []string{"+"}, Domains: []string{"a.example.com"}}},
			Calls:   1, CallsPerRoom: 2, PerMinute: 3, PerMinutePerRoom: 4,
		},
		Trunks: []Trunk{{
			Name: "carrier", Networks: []netip.Prefix{prefix("203.0.113.0/24")}, TLSNames: []string{"sip.carrier.example"}, Trusted: true,
			Rooms: []string{"1000", "2*"}, NumberFrom: "diversion", Rewrite: []string{"+49301234* -> *"}, Calls: 100, CallsPerSecond: 2.5,
			Codecs: []string{"PCMA", "opus", "L16"}, Keys: "inband", Transport: "tcp",
			Register: Register{
				Registrar: "sip:carrier.example", Address: "sip:bridge@carrier.example", User: "bridge", Password: "two", Contact: "b",
				Expires: 10 * time.Minute, Proxy: "sip:proxy.carrier.example;lr",
			},
			Ping: Ping{URI: "sip:carrier.example", Interval: 30 * time.Second},
			Dial: Dial{
				Prefixes: []string{"+49", "1"}, URI: "sip:out.carrier.example", From: "sip:b@carrier.example", User: "out", Password: "two",
			},
		}, {
			Name: "phones", Users: []User{{"alice", "one"}, {"bob", "two"}}, Algorithms: []string{"SHA-256"},
		}},
	}
	if diff := cmp.Diff(want, got.SIP, compareAddrs); diff != "" {
		t.Errorf("sip (-want +got):\n%s", diff)
	}
}

func TestFormatOfTrunksShowsNoSecret(t *testing.T) {
	want, err := Parse("c.yaml", []byte(trunksYAML), env(map[string]string{"SECRET": "two"}))
	if err != nil {
		t.Fatal(err)
	}
	text := Format(want)
	got, err := Parse("", []byte(text), noEnv)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, trunk := range want.SIP.Trunks {
		for i := range trunk.Users {
			trunk.Users[i].Password = "(set)"
		}
	}
	want.SIP.Trunks[0].Register.Password, want.SIP.Trunks[0].Dial.Password = "(set)", "(set)"
	if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, text)
	}
}

func TestTCPPortsMayLieAmongTheMediaPorts(t *testing.T) {
	if _, err := Parse("c.yaml", []byte("media:\n  ports: 50000-50099\nsip: {listen: [\"tcp://0.0.0.0:50060\"]}\n"), noEnv); err != nil {
		t.Error(err)
	}
}
