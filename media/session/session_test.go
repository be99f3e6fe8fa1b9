package session

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/confbridge/confbridge/mixer/codec"
)

var update = flag.Bool("update", false, "write the golden files anew")

// same compares what has addresses in it.
var same = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func describe(s Session) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name %q info %q id %d version %d origin %v\n", s.Name, s.Info, s.ID, s.Version, s.Origin)
	fmt.Fprintf(&b, "group %v ttl %d rtcp %v sources %v\n", s.Group, s.TTL, s.RTCP(), s.Sources)
	m := s.Stream
	fmt.Fprintf(&b, "payload %d %s %d %d packet %v longest %v %v\n", m.PayloadType, m.Format.Name, m.Format.ClockRateHz, m.Format.SampleRateHz,
		m.Packet, m.MaxPacket, m.Direction)
	fmt.Fprintf(&b, "encrypted %v, %v of %d bytes\n", s.Encrypted(), s.Key, len(s.Key.Master))
	return b.String()
}

func TestDescriptionsAreReadAsRecorded(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.sdp")
	if err != nil || len(paths) < 30 {
		t.Fatalf("got %d descriptions, error %v", len(paths), err)
	}
	sources, err := os.ReadFile("testdata/SOURCES.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".sdp")
		if strings.HasPrefix(name, "ours-") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if !bytes.Contains(sources, []byte(name)) {
				t.Errorf("SOURCES.md does not say what %s stands for", name)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Parse(text)
			if strings.HasPrefix(name, "bad-") != errors.Is(err, ErrMalformed) || strings.HasPrefix(name, "none-") != errors.Is(err, ErrNoStream) {
				t.Errorf("got error %v", err)
			}
			if err != nil {
				if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "c2VjcmV0") {
					t.Errorf("the error tells the key: %v", err)
				}
				golden(t, name+".txt", err.Error()+"\n")
				return
			}
			golden(t, name+".txt", describe(s))
		})
	}
}

// ours are sessions as the bridge has them.
func ours() map[string]Session {
	plain := Session{
		ID: Number(time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)), Version: Number(time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC)),
		Name: "Town hall", Origin: netip.MustParseAddr("192.0.2.1"), Group: netip.MustParseAddrPort("239.1.2.3:5004"), TTL: 4,
		Stream: Stream{Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}, Packet: 20 * time.Millisecond, MaxPacket: 20 * time.Millisecond},
	}
	opus := plain
	opus.Info, opus.Group, opus.TTL = "The stage, and who asks from the hall", netip.MustParseAddrPort("[ff3e::4321]:5004"), 0
	opus.Origin, opus.Sources = netip.MustParseAddr("2001:db8::1"), []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")}
	opus.Stream = Stream{PayloadType: 111, Format: codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 16000}, Packet: 60 * time.Millisecond}
	secret := plain
	secret.Name, secret.Key = "", Key{Suite: "AES_CM_128_HMAC_SHA1_80", Master: bytes.Repeat([]byte{7}, 30)}
	unicast := plain
	unicast.Group, unicast.TTL, unicast.RTCPPort = netip.MustParseAddrPort("198.51.100.9:6000"), 0, 7000
	unicast.Stream = Stream{PayloadType: 96, Format: codec.Format{Name: codec.L16, ClockRateHz: 16000, SampleRateHz: 16000}, Packet: 10 * time.Millisecond, Direction: SendReceive}
	ssm := plain
	ssm.Group, ssm.Sources = netip.MustParseAddrPort("232.1.2.3:5004"), []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	ssm.Stream = Stream{PayloadType: 9, Format: codec.Format{Name: codec.G722, ClockRateHz: 8000, SampleRateHz: 16000}}
	return map[string]Session{"plain": plain, "opus-ssm-ipv6": opus, "secret": secret, "unicast": unicast, "g722-ssm": ssm}
}

func TestWhatIsWrittenIsAsRecordedAndReadBack(t *testing.T) {
	for name, s := range ours() {
		text, err := s.Marshal()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		golden(t, "ours-"+name+".sdp", string(text))
		want := s
		want.Secure, want.Key = s.Encrypted(), Key{}
		if got, err := Parse(text); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(want, got, same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !strings.Contains(string(text), s.OriginLine()) {
			t.Errorf("%s: no line %q in\n%s", name, s.OriginLine(), text)
		}
	}
}

func TestAKeyIsWrittenWhereItIsAskedForAndNowhereElse(t *testing.T) {
	s := ours()["secret"]
	without, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(without), "crypto") || !strings.Contains(string(without), "RTP/SAVP ") {
		t.Errorf("want RTP/SAVP and no key in\n%s", without)
	}
	with, err := s.MarshalWithKey()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "ours-secret-with-key.sdp", string(with))
	got, err := Parse(with)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Key, got.Key); diff != "" || !got.Secure {
		t.Errorf("encrypted %v, key (-want +got):\n%s", got.Secure, diff)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, s); strings.Contains(text, "7, 7") || strings.Contains(text, "7 7") || strings.Contains(text, "0x7,") {
			t.Errorf("%s writes the key: %s", verb, text)
		}
	}
}

func TestWhatCannotBeDescribedIsRefused(t *testing.T) {
	addr := netip.MustParseAddr
	for name, change := range map[string]func(*Session){
		"a line break in the name":           func(s *Session) { s.Name = "a\r\na=crypto" },
		"a name that is no UTF-8":            func(s *Session) { s.Name = "\xff" },
		"a long name":                        func(s *Session) { s.Name = strings.Repeat("a", MaxNameBytes+1) },
		"a line break in the information":    func(s *Session) { s.Info = "a\nb" },
		"no origin":                          func(s *Session) { s.Origin = netip.Addr{} },
		"a group as origin":                  func(s *Session) { s.Origin = addr("239.1.1.1") },
		"an origin with a zone":              func(s *Session) { s.Origin = addr("fe80::1%eth0") },
		"no group":                           func(s *Session) { s.Group = netip.AddrPort{} },
		"a group with a zone":                func(s *Session) { s.Group = netip.AddrPortFrom(addr("ff02::1%eth0"), 5004) },
		"port 0":                             func(s *Session) { s.Group = netip.AddrPortFrom(s.Group.Addr(), 0) },
		"no port for RTCP":                   func(s *Session) { s.Group = netip.AddrPortFrom(s.Group.Addr(), 65535) },
		"TTL 0":                              func(s *Session) { s.TTL = 0 },
		"TTL 256":                            func(s *Session) { s.TTL = 256 },
		"a source-specific group without":    func(s *Session) { s.Group = netip.MustParseAddrPort("232.1.2.3:5004") },
		"a source of the other kind":         func(s *Session) { s.Sources = []netip.Addr{addr("2001:db8::1")} },
		"a group as source":                  func(s *Session) { s.Sources = []netip.Addr{addr("239.1.1.1")} },
		"too many sources":                   func(s *Session) { s.Sources = make([]netip.Addr, MaxSources+1) },
		"payload type 128":                   func(s *Session) { s.Stream.PayloadType = 128 },
		"a static payload type of another":   func(s *Session) { s.Stream.PayloadType = 8 },
		"a codec that there is not":          func(s *Session) { s.Stream.Format.Name = "GSM" },
		"packets of 25 ms":                   func(s *Session) { s.Stream.Packet = 25 * time.Millisecond },
		"packets longer than the longest":    func(s *Session) { s.Stream.MaxPacket = 10 * time.Millisecond },
		"a direction that there is not":      func(s *Session) { s.Stream.Direction = 4 },
		"a key of an unknown suite":          func(s *Session) { s.Key = Key{Suite: "NULL", Master: make([]byte, 30)} },
		"a key that is too short":            func(s *Session) { s.Key = Key{Suite: "AEAD_AES_256_GCM", Master: make([]byte, 43)} },
		"a master without the suite's name":  func(s *Session) { s.Key = Key{Master: make([]byte, 30)} },
		"an unspecified address as group":    func(s *Session) { s.Group = netip.MustParseAddrPort("0.0.0.0:5004") },
		"an IPv4 group written as IPv6":      func(s *Session) { s.Group = netip.MustParseAddrPort("[::ffff:239.1.2.3]:5004") },
		"a longest packet in parts of an ms": func(s *Session) { s.Stream.MaxPacket = 20500 * time.Microsecond },
	} {
		s := ours()["plain"]
		change(&s)
		if text, err := s.Marshal(); !errors.Is(err, ErrInvalid) || text != nil {
			t.Errorf("%s: got %v and\n%s", name, err, text)
		}
	}
	too := []byte("v=0\r\n" + strings.Repeat("a=x\r\n", MaxBytes/5))
	if _, err := Parse(too); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d bytes: got %v, want ErrMalformed", len(too), err)
	}
	many := []byte("v=0\nc=IN IP4 239.1.2.3/1\n" + strings.Repeat("m=video 1 RTP/AVP 96\n", MaxStreams+1))
	if _, err := Parse(many); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d streams: got %v, want ErrMalformed", MaxStreams+1, err)
	}
	filter := "v=0\nc=IN IP4 239.1.2.3/1\nm=audio 5004 RTP/AVP 0\na=source-filter: incl IN IP4 *"
	for i := range MaxSources + 1 {
		filter += fmt.Sprintf(" 192.0.2.%d", i+1)
	}
	if _, err := Parse([]byte(filter)); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d sources: got %v, want ErrMalformed", MaxSources+1, err)
	}
}

func TestNumbersGrow(t *testing.T) {
	at := time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	if got, want := Number(at), uint64(3981603600_000000); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	if Number(at.Add(time.Microsecond)) <= Number(at) {
		t.Error("a microsecond later the number is no higher")
	}
	if Number(at.AddDate(1000, 0, 0)) >= 1<<62 {
		t.Error("the number does not fit into what others hold it in")
	}
}

// Whatever can be described comes back as it was.
func TestRoundTrip(t *testing.T) {
	formats := codec.Formats()
	rapid.Check(t, func(t *rapid.T) {
		base := ours()
		s := base[rapid.SampledFrom([]string{"plain", "opus-ssm-ipv6", "unicast", "g722-ssm"}).Draw(t, "base")]
		s.ID, s.Version = rapid.Uint64().Draw(t, "id"), rapid.Uint64().Draw(t, "version")
		s.Name = rapid.StringMatching(`[A-Za-zäöüß会議:=#/]([ A-Za-z0-9äöüß会議:=#/]{0,20}[A-Za-z0-9:=])?`).Draw(t, "name")
		s.RTCPPort = uint16(rapid.SampledFrom([]int{0, 5001, 5003}).Draw(t, "rtcp"))
		s.Stream.Format = rapid.SampledFrom(formats[:]).Draw(t, "format")
		s.Stream.PayloadType = uint8(rapid.IntRange(96, 127).Draw(t, "payload type"))
		s.Stream.Packet = rapid.SampledFrom([]time.Duration{0, 10 * time.Millisecond, 20 * time.Millisecond}).Draw(t, "packet")
		s.Stream.MaxPacket = 0
		s.Stream.Direction = Direction(rapid.IntRange(0, 3).Draw(t, "direction"))
		text, err := s.Marshal()
		if s.Stream.Format.SampleRateHz == 48000 && s.Stream.Format.Name == codec.L16 && errors.Is(err, ErrInvalid) {
			return // packets that are too long
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(s, got, same); diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, text)
		}
	})
}

func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.sdp")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNoStream) {
				t.Fatalf("got %v, want one of the package's errors", err)
			}
			return
		}
		if s.Stream.Format.Valid() != nil || !s.Group.IsValid() || len(s.Sources) > MaxSources || len(s.Name) > MaxNameBytes {
			t.Fatalf("got %+v", s)
		}
		again, err := s.MarshalWithKey()
		if err != nil {
			return // of others more is read than we write
		}
		back, err := Parse(again)
		if err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		s.Secure = s.Encrypted()
		if !reflect.DeepEqual(s, back) {
			t.Fatalf("got  %+v\nwant %+v", back, s)
		}
	})
}
