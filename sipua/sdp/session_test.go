package sdp

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/codec"
)

func answer(t *testing.T, offer string, l Local) (string, Agreed) {
	t.Helper()
	body, agreed, err := Answer([]byte(offer), l)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), agreed
}

const plainOffer = "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0 8\r\n"

func origin(t *testing.T, body string) string {
	t.Helper()
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "o=") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("no o= in %q", body)
	return ""
}

func TestVersionCountsUpOnlyOnChange(t *testing.T) {
	l := local(nil)
	first, _ := answer(t, plainOffer, l)
	if got, want := origin(t, first), "o=confbridge 4711 1 IN IP4 203.0.113.1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	l.Previous = []byte(first)
	again, _ := answer(t, strings.Replace(plainOffer, "192.0.2.1", "192.0.2.9", 2), l)
	if again != first {
		t.Errorf("the same answer has another version: %q", again)
	}
	held, agreed := answer(t, plainOffer+"a=sendonly\r\n", l)
	if got, want := origin(t, held), "o=confbridge 4711 2 IN IP4 203.0.113.1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if agreed.Send || !agreed.Receive {
		t.Errorf("got %+v, want receive only", agreed)
	}
	l.Previous = []byte(held)
	resumed, agreed := answer(t, plainOffer, l)
	if got, want := origin(t, resumed), "o=confbridge 4711 3 IN IP4 203.0.113.1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !agreed.Send || !agreed.Receive {
		t.Errorf("got %+v, want both directions", agreed)
	}
}

func TestPortZeroEndsTheStreamInARunningSessionOnly(t *testing.T) {
	ended := strings.Replace(plainOffer, "5004", "0", 1)
	if _, _, err := Answer([]byte(ended), local(nil)); !errors.Is(err, ErrNoAudio) {
		t.Errorf("first offer: got %v, want ErrNoAudio", err)
	}
	l := local(nil)
	first, _ := answer(t, plainOffer, l)
	l.Previous = []byte(first)
	body, agreed := answer(t, ended, l)
	if !strings.Contains(body, "m=audio 0 RTP/AVP 0 8\r\n") || !agreed.Ended || agreed.Send || agreed.Receive {
		t.Errorf("got %q and %+v", body, agreed)
	}
}

func TestTooManyStreamsAreRefused(t *testing.T) {
	most := plainOffer + strings.Repeat("m=video 5006 RTP/AVP 31\r\n", MaxStreams-1)
	body, _ := answer(t, most, local(nil))
	if got := strings.Count(body, "m=video 0 RTP/AVP 31\r\n"); got != MaxStreams-1 {
		t.Errorf("got %d refused streams, want %d", got, MaxStreams-1)
	}
	if _, _, err := Answer([]byte(most+"m=video 5006 RTP/AVP 31\r\n"), local(nil)); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %v, want ErrTooMany", err)
	}
	if _, _, err := Answer(bytes.Repeat([]byte("a"), MaxBytes+1), local(nil)); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed", err)
	}
}

func TestMalformedOffersNameTheLine(t *testing.T) {
	for _, row := range []struct{ name, offer, want string }{
		{"empty", "", "line 1"},
		{"no version", "o=- 1 1 IN IP4 1.2.3.4\n", "line 1"},
		{"another version", "v=1\n", "line 1"},
		{"no equals sign", "v=0\nhello\n", "line 2"},
		{"origin", "v=0\no=- 1\n", "line 2"},
		{"connection", "v=0\n\nc=IN IP5 1.2.3.4\n", "line 3"},
		{"time", "v=0\nt=now\n", "line 2"},
		{"media without formats", "v=0\nm=audio 5004 RTP/AVP\n", "line 2"},
		{"port", "v=0\nm=audio -1 RTP/AVP 0\n", "line 2"},
		{"number of ports", "v=0\nm=audio 5004/0 RTP/AVP 0\n", "line 2"},
		{"control character", "v=0\ns=a\x00b\n", "line 2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, _, err := Answer([]byte(row.offer), local(nil))
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want ErrMalformed with %q", err, row.want)
			}
		})
	}
}

var (
	opus = codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000}
	g722 = codec.Format{Name: codec.G722, ClockRateHz: 8000, SampleRateHz: 16000}
	pcmu = codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}
	pcma = codec.Format{Name: codec.PCMA, ClockRateHz: 8000, SampleRateHz: 8000}
)

func profile(f codec.Format, milliseconds int, o codec.OpusSettings) codec.Profile {
	return codec.Profile{Format: f, Packet: time.Duration(milliseconds) * time.Millisecond, Opus: o}
}

func TestOffersAreAnsweredAndAccepted(t *testing.T) {
	a, b := local(nil), Local{RTP: netip.MustParseAddrPort("198.51.100.7:30000"), SessionID: 1}
	offer := Offer(a)
	reply, theirs, err := Answer(offer, b)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := AcceptAnswer(offer, reply, a)
	if err != nil {
		t.Fatal(err)
	}
	want := Agreed{
		Remote: b.RTP, RemoteRTCP: b.RTP, Mux: true, Send: true, Receive: true, PtimeMilliseconds: 20,
		Payloads: []Payload{
			{96, 96, 48000, profile(opus, 20, codec.OpusSettings{Clean: true})},
			{9, 9, 16000, profile(g722, 20, codec.OpusSettings{})},
			{0, 0, 8000, profile(pcmu, 20, codec.OpusSettings{})},
			{8, 8, 8000, profile(pcma, 20, codec.OpusSettings{})},
		},
		Events: []EventPayload{{100, 100, 48000}, {101, 101, 8000}},
	}
	cmpAddr := cmp.Comparer(func(x, y netip.AddrPort) bool { return x == y })
	if diff := cmp.Diff(want, ours, cmpAddr); diff != "" {
		t.Errorf("offerer (-want +got):\n%s", diff)
	}
	want.Remote, want.RemoteRTCP = a.RTP, a.RTP
	if diff := cmp.Diff(want, theirs, cmpAddr); diff != "" {
		t.Errorf("answerer (-want +got):\n%s", diff)
	}
}

func TestAnswererMayUseOtherNumbers(t *testing.T) {
	l := local(nil)
	l.Codecs = []codec.Name{codec.Opus, codec.PCMA}
	agreed, err := AcceptAnswer(Offer(l), []byte("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"+
		"m=audio 5004 RTP/AVP 111 0 120\na=rtpmap:111 opus/48000/2\na=rtpmap:120 telephone-event/48000\na=recvonly\n"), l)
	if err != nil {
		t.Fatal(err)
	}
	if len(agreed.Payloads) != 1 || agreed.Payloads[0].ReceiveType != 96 || agreed.Payloads[0].SendType != 111 {
		t.Errorf("got payloads %+v, want 96/111 alone", agreed.Payloads)
	}
	if len(agreed.Events) != 1 || agreed.Events[0].ReceiveType != 100 || agreed.Events[0].SendType != 120 {
		t.Errorf("got events %+v, want 100/120 alone", agreed.Events)
	}
	if !agreed.Send || agreed.Receive || agreed.Mux {
		t.Errorf("got %+v, want send only without mux", agreed)
	}
}

func TestAnswersThatCannotBeAccepted(t *testing.T) {
	head := "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
	for _, row := range []struct {
		name, answer string
		want         error
	}{
		{"declined", head + "m=audio 0 RTP/AVP 0\n", ErrNoAudio},
		{"another medium", head + "m=video 5004 RTP/AVP 0\n", ErrNoAudio},
		{"two streams to one", head + "m=audio 5004 RTP/AVP 0\nm=audio 5006 RTP/AVP 0\n", ErrMalformed},
		{"no stream", head, ErrMalformed},
		{"unknown codec", head + "m=audio 5004 RTP/AVP 18\n", ErrNoCodec},
		{"a codec that was not offered", head + "m=audio 5004 RTP/AVP 98\na=rtpmap:98 L16/16000\n", ErrNoCodec},
		{"another profile", head + "m=audio 5004 RTP/SAVP 0\n", ErrTransport},
		{"nonsense", "hello", ErrMalformed},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := AcceptAnswer(Offer(local(nil)), []byte(row.answer), local(nil)); !errors.Is(err, row.want) {
				t.Errorf("got %v, want %v", err, row.want)
			}
		})
	}
}

func TestANewOfferKeepsPlacesAndNumbers(t *testing.T) {
	offer, err := os.ReadFile("testdata/video-first.offer.sdp")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(offer), "m=audio 5004 RTP/AVP 8\r\n", "m=audio 5004 RTP/AVP 120 8 96\r\n"+
		"a=rtpmap:120 opus/48000/2\r\na=rtpmap:96 telephone-event/8000\r\na=inactive\r\n", 1)
	l := local(nil)
	first, _ := answer(t, text, l)
	l.Previous = []byte(first)
	got := string(Offer(l))
	for _, want := range []string{
		"m=video 0 RTP/AVP 96 97\r\nm=audio 20000 RTP/AVP 120 9 0 8 100 96\r\n", "a=rtpmap:120 opus/48000/2\r\n",
		"a=rtpmap:96 telephone-event/8000\r\n", "a=sendrecv\r\n", "m=application 0 UDP/BFCP *\r\n", " 4711 2 IN ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	l.Previous = []byte(got)
	if again := string(Offer(l)); again != got {
		t.Errorf("the same offer changed: %q", again)
	}
}

func seed(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.sdp")
	if err != nil || len(paths) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
}

func checkAgreed(t *testing.T, a Agreed) {
	t.Helper()
	if a.Ended {
		return
	}
	if len(a.Payloads) == 0 {
		t.Error("agreed on no codec")
	}
	seen := map[uint8]bool{}
	for _, p := range a.Payloads {
		if err := p.Valid(); err != nil {
			t.Errorf("agreed on what cannot be sent: %v", err)
		}
		seen[p.ReceiveType] = true
	}
	for _, e := range a.Events {
		if seen[e.ReceiveType] {
			t.Errorf("payload type %d is a key and sound", e.ReceiveType)
		}
		seen[e.ReceiveType] = true
	}
	if a.Noise > 127 || a.Noise != 0 && seen[a.Noise] {
		t.Errorf("payload type %d is noise and something else", a.Noise)
	}
	if a.LevelID > 14 || a.MixID > 14 || a.LevelID != 0 && a.LevelID == a.MixID {
		t.Errorf("header extensions %d and %d", a.LevelID, a.MixID)
	}
	if a.Send && !(a.Remote.IsValid() && a.Remote.Port() != 0 && !a.Remote.Addr().IsUnspecified()) {
		t.Errorf("sends to %v", a.Remote)
	}
}

func FuzzAnswer(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, offer []byte) {
		l := local(offer)
		l.Codecs = []codec.Name{codec.L16, codec.Opus, codec.G722, codec.PCMA, codec.PCMU}
		body, agreed, err := Answer(offer, l)
		if err != nil {
			return
		}
		checkAgreed(t, agreed)
		theirs, err := parse(offer)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := parse(body)
		if err != nil {
			t.Fatalf("own answer %q: %v", body, err)
		}
		if got, want := len(ours.MediaDescriptions), len(theirs.MediaDescriptions); got != want {
			t.Errorf("got %d streams, want %d", got, want)
		}
		l.Previous = body
		if again, _, err := Answer(offer, l); err != nil || !bytes.Equal(again, body) {
			t.Errorf("answered again: %q, %v, want %q", again, err, body)
		}
		if _, err := parse(Offer(l)); err != nil {
			t.Errorf("own re-offer: %v", err)
		}
	})
}

func FuzzAcceptAnswer(f *testing.F) {
	seed(f)
	l := local(nil)
	offer := Offer(l)
	f.Fuzz(func(t *testing.T, answer []byte) {
		if agreed, err := AcceptAnswer(offer, answer, l); err == nil {
			checkAgreed(t, agreed)
		}
	})
}
