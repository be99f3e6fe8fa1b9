package distribution

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer/codec"
)

// stage is a source that nothing is wrong with.
func stage() Source {
	return Source{
		ID: "stage", Group: netip.MustParseAddrPort("239.1.2.3:5004"), Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000},
		Created: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC),
	}
}

func TestASetOfSourcesIsKeptAsItIs(t *testing.T) {
	a, b := stage(), stage()
	b.ID, b.Group, b.Sources = "attic", netip.MustParseAddrPort("[ff05::1]:5004"), []netip.Addr{netip.MustParseAddr("fd00::1")}
	b.Key = session.Key{Suite: string(terms.AEADAES128GCM), Master: []byte(strings.Repeat("k", 28))}
	s, err := NewSourceSet(a, b)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back *SourceSet
	if err := json.Unmarshal(text, &back); err != nil || !back.Equal(s) || back.All()[0].ID != "attic" {
		t.Errorf("got %v of %s, %v", back, text, err)
	}
	b.TTL = 3
	changed, err := s.With(b)
	if err != nil || changed.Equal(s) || len(changed.All()) != 2 {
		t.Errorf("with another TTL: got %v, %v", changed, err)
	}
	for name, bad := range map[string]func(*Source){
		"id":           func(s *Source) { s.ID = "Stage" },
		"group":        func(s *Source) { s.Group = netip.MustParseAddrPort("192.0.2.1:5004") },
		"display_name": func(s *Source) { s.DisplayName = strings.Repeat("x", maxSourceName+1) },
	} {
		one := stage()
		bad(&one)
		_, err := NewSourceSet(one)
		if e, ok := errors.AsType[*Error](err); !ok || e.Field != name || !errors.Is(err, ErrInvalid) {
			t.Errorf("a bad %s: got %v", name, err)
		}
	}
	if _, err := NewSourceSet(a, a); !errors.Is(err, ErrInvalid) {
		t.Errorf("two of one ID: got %v", err)
	}
	other := stage()
	other.Interface = "eth1"
	if !a.Meets(stage()) || a.Meets(b) || a.Meets(other) {
		t.Error("which sources take in one group by one interface is not told")
	}
}

func TestOneGroupFromTwoSourcesIsTwoSessions(t *testing.T) {
	from := func(all ...string) Source {
		s := stage()
		for _, text := range all {
			s.Sources = append(s.Sources, netip.MustParseAddr(text))
		}
		return s
	}
	for _, row := range []struct {
		name string
		a, b Source
		want bool
	}{
		{"one each", from("192.0.2.1"), from("192.0.2.2"), false},
		{"the same", from("192.0.2.1"), from("192.0.2.1"), true},
		{"one of several", from("192.0.2.1", "192.0.2.2"), from("192.0.2.3", "192.0.2.2"), true},
		{"several that differ", from("192.0.2.1", "192.0.2.2"), from("192.0.2.3", "192.0.2.4"), false},
		{"anybody", from(), from("192.0.2.1"), true},
	} {
		if row.a.Meets(row.b) != row.want || row.b.Meets(row.a) != row.want {
			t.Errorf("%s: got %v and %v, want %v", row.name, row.a.Meets(row.b), row.b.Meets(row.a), row.want)
		}
	}
}

func TestADescriptionIsRead(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=Hall\r\nt=0 0\r\n"
	s, err := DescribeSource(head + "c=IN IP4 239.1.2.3/15\r\na=source-filter: incl IN IP4 * 192.0.2.9\r\nm=audio 5004 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if s.Group.String() != "239.1.2.3:5004" || s.RTCPPort != 5005 || s.TTL != 15 || s.PayloadType != 97 || s.Format.Name != "opus" ||
		s.DisplayName != "Hall" || len(s.Sources) != 1 || s.Sources[0].String() != "192.0.2.9" {
		t.Errorf("read as %+v", s)
	}
	for _, row := range []struct{ name, text, says string }{
		{"a line that is none", head + "c=IN IP4 239.1.2.3/15\r\nmaudio\r\n", "line 6"},
		{"no sound", head + "c=IN IP4 239.1.2.3/15\r\nm=video 5004 RTP/AVP 31\r\n", "not audio"},
		{"a codec that cannot be played", head + "c=IN IP4 239.1.2.3/15\r\nm=audio 5004 RTP/AVP 97\r\na=rtpmap:97 MPA/90000\r\n", "cannot be played"},
		{"a key that is none", head + "c=IN IP4 239.1.2.3/15\r\nm=audio 5004 RTP/SAVP 0\r\na=crypto:1 AEAD_AES_128_GCM inline:abcd\r\n", "line 7"},
		{"to one host", head + "c=IN IP4 192.0.2.7\r\nm=audio 5004 RTP/AVP 0\r\n", "no group"},
	} {
		_, err := DescribeSource(row.text)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Field != "sdp" || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: got %v, want one that says %q", row.name, err, row.says)
		}
	}
	if name := short(strings.Repeat("ä", 100)); len(name) != maxSourceName || name != strings.Repeat("ä", 64) {
		t.Errorf("cut to %d bytes", len(name))
	}
}
