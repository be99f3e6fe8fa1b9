package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// sourcesYAML has every key of a source.
const sourcesYAML = `rooms:
  list:
    - number: "1000"
      sources:
        - id: stage
          group: 232.1.2.3:5005
          rtcp_port: 6000
          codec: l16
          rate_hz: 16000
          payload_type: 110
          sources: [192.0.2.10]
          ttl: 3
          interface: eth1
          display_name: Stage B
          timeout: 90s
          encryption: aes-cm
          key: env:HALL_KEY
        - {id: attic, group: "[ff05::1:3]:5004", codec: opus}
    - number: "2000"
`

func TestSourcesAreRead(t *testing.T) {
	got, err := Parse("c.yaml", []byte(sourcesYAML), hallKey)
	if err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 30)
	for i := range key {
		key[i] = byte(i)
	}
	want := []distribution.Source{
		{
			ID: "stage", Group: netip.MustParseAddrPort("232.1.2.3:5005"), RTCPPort: 6000, Sources: []netip.Addr{netip.MustParseAddr("192.0.2.10")}, TTL: 3, Secure: true,
			Key: session.Key{Suite: string(distribution.SuiteCM), Master: key}, PayloadType: 110,
			Format: codec.Format{Name: codec.L16, ClockRateHz: 16000, SampleRateHz: 16000}, Interface: "eth1", DisplayName: "Stage B", Timeout: 90 * time.Second,
		},
		{
			ID: "attic", Group: netip.MustParseAddrPort("[ff05::1:3]:5004"), PayloadType: 96,
			Format: codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000},
		},
	}
	var read []distribution.Source
	for _, s := range got.Rooms.List[0].Sources {
		read = append(read, s.Source)
	}
	if diff := cmp.Diff(want, read, compareAddrs); diff != "" || got.Rooms.List[1].Sources != nil {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFormatOfSourcesIsReadAsItWasButForTheKey(t *testing.T) {
	cfg, err := Parse("c.yaml", []byte(sourcesYAML), hallKey)
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

func TestFaultsOfSourcesAreAllTold(t *testing.T) {
	const text = `distributions: {max: 2}
rooms:
  list:
    - number: "1000"
      sources:
        - {id: Stage, group: "239.1.2.3:5005", codec: mp3}
        - {id: a, group: "192.0.2.1:5004", sources: [239.1.1.1]}
        - {id: a, group: "232.1.2.3:5004", timeout: 48h, payload_type: 128}
        - {id: b, group: "224.2.3.4:5004", encryption: aes-gcm}
        - {id: c, group: "239.1.2.9:5004", key: AAEC}
        - {id: d, group: "239.1.2.9:5004", codec: l16, rate_hz: 9}
        - {group: "239.1.2.8:5004"}
`
	_, err := Parse("c.yaml", []byte(text), env(nil))
	if err == nil {
		t.Fatal("nothing is wrong with it")
	}
	got := err.Error()
	for _, want := range []string{
		`rooms.list[0].sources[0].id: "Stage" is not 1 to 32`, "rooms.list[0].sources[0].codec: ", "rooms.list[0].sources[0].group: port 5005 is not even",
		"rooms.list[0].sources[1].group: 192.0.2.1:5004 is no group", `rooms.list[0].sources[1].sources[0]: "239.1.1.1" is not the address of a host`,
		`rooms.list[0].sources[2].id: "a" is declared in line 7 already`, "rooms.list[0].sources[2].timeout: ", "rooms.list[0].sources[2].payload_type: ",
		"rooms.list[0].sources[2].sources: 232.1.2.3 is source-specific",
		"rooms.list[0].sources[3].group: group 224.2.3.4 is outside distributions.groups", "rooms.list[0].sources[3].key: is missing: 28 bytes",
		"rooms.list[0].sources[4].key: is given, but encryption is not",
		`rooms.list[0].sources[5].group: 239.1.2.9:5004 is that of source "c" in line 10`, "rooms.list[0].sources[5].codec: L16 with a clock of 9 Hz is none",
		"rooms.list[0].sources[6].id", "rooms.list: 7 sources, and distributions.max is 2",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not told", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}
