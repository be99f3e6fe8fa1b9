package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// distributionsYAML has every key of distributions, and of a distribution.
const distributionsYAML = `distributions:
  groups: [239.1.0.0/16, "ff35::/16"]
  listeners: [10.0.0.0/8, 192.0.2.1]
  interfaces: [eth0, eth1]
  max_ttl: 8
  max: 3
  max_packets_per_second: 400
  announce_interval: 30s
  origin: 192.0.2.9
rooms:
  list:
    - number: "1000"
      distributions:
        - id: hall
          destinations: ["239.1.2.3:5004"]
          interface: eth0
          source: 192.0.2.10
          ttl: 8
          dscp: 0
          loopback: true
          codec: l16
          rate_hz: 16000
          packet_time: 10ms
          silence: nothing
          only_occupied: true
          opening: tone:440/500
          announced: true
          encryption: aes-cm
          key: env:HALL_KEY
        - {id: desks, destinations: ["10.0.0.1:5004", "10.0.0.2:5004"], interface: eth1}
      pin: "1357"
    - number: "2000"
`

var hallKey = env(map[string]string{"HALL_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"}) // 0 to 29

func TestDistributionsAreRead(t *testing.T) {
	got, err := Parse("c.yaml", []byte(distributionsYAML), hallKey)
	if err != nil {
		t.Fatal(err)
	}
	want := Distributions{
		Groups:     []netip.Prefix{netip.MustParsePrefix("239.1.0.0/16"), netip.MustParsePrefix("ff35::/16")},
		Listeners:  []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")},
		Interfaces: []string{"eth0", "eth1"}, MaxTTL: 8, Max: 3, MaxPacketsPerSecond: 400, AnnounceInterval: 30 * time.Second,
		Origin: netip.MustParseAddr("192.0.2.9"),
	}
	if diff := cmp.Diff(want, got.Distributions, compareAddrs); diff != "" {
		t.Errorf("distributions (-want +got):\n%s", diff)
	}
	key := make([]byte, 30)
	for i := range key {
		key[i] = byte(i)
	}
	desks := freshDistribution()
	desks.Packet, desks.TTL = 20*time.Millisecond, 64 // of listeners
	desks.ID, desks.Interface = "desks", "eth1"
	desks.To = []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:5004"), netip.MustParseAddrPort("10.0.0.2:5004")}
	wantList := []distribution.Distribution{
		{
			ID: "hall", To: []netip.AddrPort{netip.MustParseAddrPort("239.1.2.3:5004")}, Interface: "eth0", Source: netip.MustParseAddr("192.0.2.10"), TTL: 8,
			Loopback: true, Codec: codec.L16, RateHz: 16000, Packet: 10 * time.Millisecond, Silence: distribution.SilenceNothing, Occupied: true,
			Opening: "tone:440/500", Announced: true, Suite: distribution.SuiteCM, Key: key,
		},
		desks,
	}
	if diff := cmp.Diff(wantList, got.Rooms.List[0].Distributions, compareAddrs); diff != "" {
		t.Errorf("those of 1000 (-want +got):\n%s", diff)
	}
	if r := got.Rooms.List; len(r) != 2 || r[0].PIN != "1357" || r[1].Distributions != nil {
		t.Errorf("rooms: got %+v", r)
	}
}

func TestFormatOfDistributionsIsReadAsItWasButForTheKey(t *testing.T) {
	cfg, err := Parse("c.yaml", []byte(strings.ReplaceAll(distributionsYAML, `      pin: "1357"`+"\n", "")), hallKey)
	if err != nil {
		t.Fatal(err)
	}
	text := Format(cfg)
	if strings.Count(text, masked) != 1 || strings.Contains(text, hallKey("HALL_KEY")) {
		t.Errorf("the key is shown:\n%s", text)
	}
	got, err := Parse("", []byte(strings.Replace(text, masked, "env:HALL_KEY", 1)), hallKey)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(cfg, got, compareAddrs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFaultsOfDistributionsAreAllTold(t *testing.T) {
	const text = `distributions:
  groups: [239.1.0.0/16, 10.0.0.0/8, any]
  listeners: [224.0.0.0/4]
  max_ttl: 0
  announce_interval: 1s
  origin: 239.1.1.1
rooms:
  list:
    - number: "1000"
      distributions:
        - id: Hall
          destinations: ["239.1.2.3:5005", hall]
          ttl: 0
          dscp: 64
          codec: GSM
          packet_time: 70ms
          silence: hum
          encryption: rot13
          key: "!"
        - destinations: ["239.2.2.3:5004"]
          ttl: 256
        - {id: a, destinations: ["239.2.2.3:5004"]}
        - {id: b, destinations: ["239.1.2.3:5004"], encryption: aes-gcm}
        - {id: b, destinations: ["239.1.2.4:5004"], codec: opus, silence: noise, encryption: aes-cm, key: AAEC}
        - {id: c, destinations: [], key: AAEC}
    - number: "2000"
      distributions: [{id: d, destinations: ["10.0.0.1:5004", "239.1.2.3:5004"]}, {id: e, destinations: ["239.1.2.3:5004"], ttl: 32}]
    - number: "3000"
      distributions: {id: a}
`
	_, err := Parse("c.yaml", []byte(text), noEnv)
	want := strings.Split(strings.TrimSpace(`
c.yaml:2:26: distributions.groups[1]: 10.0.0.0/8 has addresses that are no groups
c.yaml:2:38: distributions.groups[2]: "any" is not a network, like 192.0.2.0/24, nor an address
c.yaml:3:15: distributions.listeners[0]: 224.0.0.0/4 is groups, which belong into distributions.groups
c.yaml:4:12: distributions.max_ttl: "0" is not a number from 1 to 255
c.yaml:5:22: distributions.announce_interval: 1s is not within 5s to 1h
c.yaml:6:11: distributions.origin: "239.1.1.1" is not the address of a host
c.yaml:11:15: rooms.list[0].distributions[0].id: "Hall" is not 1 to 32 of a to z, 0 to 9 and hyphens, none of them first or last
c.yaml:12:26: rooms.list[0].distributions[0].destinations[0]: port 5005 is not even, and RTCP is to go to the one behind it
c.yaml:12:44: rooms.list[0].distributions[0].destinations[1]: "hall" is not an address and a port, like 239.1.2.3:5004 or [ff05::1:3]:5004
c.yaml:13:16: rooms.list[0].distributions[0].ttl: "0" is not a number from 1 to 255
c.yaml:14:17: rooms.list[0].distributions[0].dscp: "64" is not a number from 0 to 63
c.yaml:15:18: rooms.list[0].distributions[0].codec: "GSM" is not one of opus, G722, PCMU, PCMA, L16
c.yaml:16:24: rooms.list[0].distributions[0].packet_time: 70ms is not within 10ms to 60ms
c.yaml:17:20: rooms.list[0].distributions[0].silence: "hum" is not one of sound, noise, nothing
c.yaml:18:23: rooms.list[0].distributions[0].encryption: "rot13" is not one of none, aes-cm, aes-gcm
c.yaml:19:16: rooms.list[0].distributions[0].key: is no base64
c.yaml:20:23: rooms.list[0].distributions[1].id: is missing
c.yaml:20:25: rooms.list[0].distributions[1].destinations: group 239.2.2.3 is outside distributions.groups
c.yaml:21:16: rooms.list[0].distributions[1].ttl: "256" is not a number from 1 to 255
c.yaml:22:33: rooms.list[0].distributions[2].destinations: group 239.2.2.3 is outside distributions.groups
c.yaml:23:11: rooms.list[0].distributions[3].key: is missing: 28 bytes in base64, as openssl rand -base64 28 makes them
c.yaml:24:16: rooms.list[0].distributions[4].id: "b" is declared in line 23 already
c.yaml:24:75: rooms.list[0].distributions[4].silence: comfort noise has a clock of 8000 Hz (RFC 3389), opus one of 48000
c.yaml:24:107: rooms.list[0].distributions[4].key: is 3 bytes, want 30
c.yaml:25:33: rooms.list[0].distributions[5].destinations: none is given: want a group, or listeners
c.yaml:25:42: rooms.list[0].distributions[5].key: is given, but encryption is not
c.yaml:27:45: rooms.list[1].distributions[0].destinations: 239.1.2.3:5004 is a group among others: a distribution has one group, or listeners
c.yaml:27:105: rooms.list[1].distributions[1].destinations: 239.1.2.3:5004 is that of distribution "b" of room "1000" in line 23
c.yaml:27:130: rooms.list[1].distributions[1].ttl: 32 leaves the site: distributions.max_ttl is 31
c.yaml:29:22: rooms.list[2].distributions: is keys with values, not a list
`), "\n")
	if err == nil {
		t.Fatal("got no fault")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMoreDistributionsThanThereMayBe(t *testing.T) {
	for want, limit := range map[string]string{
		"c.yaml:4:5: rooms.list: 2 distributions, and distributions.max is 1":                                               "max: 1",
		"c.yaml:4:5: rooms.list: 100 packets a second of all distributions, and distributions.max_packets_per_second is 99": "max_packets_per_second: 99",
	} {
		_, err := Parse("c.yaml", []byte("distributions: {"+limit+"}\nrooms:\n  list:\n    - number: \"1\"\n      distributions:\n"+
			"        [{id: a, destinations: [\"239.1.2.3:5004\"]}, {id: b, destinations: [\"239.1.2.4:5004\"]}]\n"), noEnv)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
