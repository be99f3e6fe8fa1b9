package sap

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var same = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})

const hall = "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=Town hall\r\nc=IN IP4 239.255.1.2/4\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n"

func mustMarshal(t testing.TB, p Packet) []byte {
	t.Helper()
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPacketsAreWrittenByTheBook(t *testing.T) {
	got := mustMarshal(t, Packet{Hash: 0x1234, Source: netip.MustParseAddr("192.0.2.1"), Payload: []byte(hall)})
	if want := "\x20\x00\x12\x34\xc0\x00\x02\x01application/sdp\x00" + hall; string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	got = mustMarshal(t, Packet{Deletion: true, Hash: 1, Source: netip.MustParseAddr("2001:db8::1"), Payload: []byte("o=x")})
	if want := "\x34\x00\x00\x01\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01application/sdp\x00o=x"; string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestPacketsComeBackAsTheyWere(t *testing.T) {
	for _, source := range []string{"192.0.2.1", "2001:db8::1"} {
		for _, deletion := range []bool{false, true} {
			p := Packet{Deletion: deletion, Hash: 0xfffe, Source: netip.MustParseAddr(source), Payload: []byte(hall)}
			got, err := ParsePacket(mustMarshal(t, p))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p, got, same); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
}

func TestPacketsOfOthersAreRead(t *testing.T) {
	head := "\x20\x00\x12\x34\xc0\x00\x02\x01"
	want := Packet{Hash: 0x1234, Source: netip.MustParseAddr("192.0.2.1"), Payload: []byte(hall)}
	for name, text := range map[string]string{
		"without a payload type":           head + hall,
		"with its type in capitals":        head + "APPLICATION/SDP\x00" + hall,
		"with the reserved bit set":        "\x28" + head[1:] + hall,
		"with two words of authentication": "\x20\x02\x12\x34\xc0\x00\x02\x01" + "12345678" + hall,
	} {
		got, err := ParsePacket([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(want, got, same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	got, err := ParsePacket([]byte("\x24\x00\x12\x34\xc0\x00\x02\x01o=- 7 1 IN IP4 192.0.2.1\r\n"))
	if err != nil || !got.Deletion || !bytes.HasPrefix(got.Payload, []byte("o=")) {
		t.Errorf("a deletion without a payload type: got %+v, %v", got, err)
	}
}

func TestPacketsThatAreNoneAreRefusedByName(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want error
	}{
		"nothing":                          {"", ErrMalformed},
		"half a header":                    {"\x20\x00\x12", ErrMalformed},
		"version 0":                        {"\x00\x00\x12\x34\xc0\x00\x02\x01" + hall, ErrMalformed},
		"version 2":                        {"\x40\x00\x12\x34\xc0\x00\x02\x01" + hall, ErrMalformed},
		"half an IPv6 source":              {"\x30\x00\x12\x34\xc0\x00\x02\x01", ErrMalformed},
		"authentication that is not there": {"\x20\xff\x12\x34\xc0\x00\x02\x01" + hall, ErrMalformed},
		"encrypted":                        {"\x22\x00\x12\x34\xc0\x00\x02\x01" + hall, ErrEncrypted},
		"compressed":                       {"\x21\x00\x12\x34\xc0\x00\x02\x01" + hall, ErrCompressed},
		"another payload type":             {"\x20\x00\x12\x34\xc0\x00\x02\x01text/plain\x00" + hall, ErrPayloadType},
		"a payload type without an end":    {"\x20\x00\x12\x34\xc0\x00\x02\x01application/sdp", ErrMalformed},
		"no payload":                       {"\x20\x00\x12\x34\xc0\x00\x02\x01", ErrMalformed},
		"too long":                         {"\x20\x00\x12\x34\xc0\x00\x02\x01" + hall + strings.Repeat("a", MaxReadBytes), ErrMalformed},
	} {
		if _, err := ParsePacket([]byte(row.text)); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", name, err, row.want)
		}
	}
	source := netip.MustParseAddr("192.0.2.1")
	for name, row := range map[string]struct {
		p    Packet
		want error
	}{
		"no source":     {Packet{Hash: 1}, ErrMalformed},
		"hash 0":        {Packet{Source: source}, ErrMalformed},
		"over the size": {Packet{Hash: 1, Source: source, Payload: make([]byte, MaxSentBytes)}, ErrTooLong},
	} {
		if _, err := row.p.Marshal(); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", name, err, row.want)
		}
	}
}

func TestHashesChangeWithThePayloadAndAreNeverNothing(t *testing.T) {
	payload := []byte(hall)
	before, differ := HashOf(payload), 0
	for i := range payload {
		payload[i] ^= 1
		if HashOf(payload) != before {
			differ++
		}
		payload[i] ^= 1
	}
	if differ < len(payload)-1 {
		t.Errorf("of %d payloads that differ in one character %d have another hash", len(payload), differ)
	}
	seen := map[uint16]bool{}
	for i := range 1 << 20 {
		seen[HashOf([]byte{byte(i), byte(i >> 8), byte(i >> 16)})] = true
	}
	if seen[0] || len(seen) < 1<<16*99/100 {
		t.Errorf("%d hashes, 0 among them: %v; want nearly all without it", len(seen), seen[0])
	}
}

func FuzzParsePacket(f *testing.F) {
	f.Add(mustMarshal(f, Packet{Hash: 1, Source: netip.MustParseAddr("192.0.2.1"), Payload: []byte(hall)}))
	f.Add(mustMarshal(f, Packet{Deletion: true, Hash: 1, Source: netip.MustParseAddr("2001:db8::1"), Payload: []byte("o=")}))
	f.Add([]byte("\x20\x02\x12\x34\xc0\x00\x02\x0112345678" + hall))
	f.Add([]byte("\x23\xff\x12\x34"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePacket(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrEncrypted) && !errors.Is(err, ErrCompressed) && !errors.Is(err, ErrPayloadType) {
				t.Fatalf("got %v, want one of the package's errors", err)
			}
			return
		}
		again, err := p.Marshal()
		if err != nil {
			return // hash 0, an IPv4 address written as IPv6, more than we send
		}
		if back, err := ParsePacket(again); err != nil || !cmp.Equal(p, back, same) {
			t.Fatalf("got %+v, %v; want %+v", back, err, p)
		}
	})
}
