package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media/multicast"
	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/netns"
)

// distribute sends a tone of 440 Hz to group from a host, 60 packets from sequence 1000 on, and says goodbye.
func distribute(t *testing.T, h *netns.Host, group netip.AddrPort, key *multicast.Key) (end func()) {
	t.Helper()
	profile := codec.Profile{Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}}
	var s *multicast.Sender
	h.Do(func() {
		var err error
		if s, err = multicast.Open(multicast.Config{
			Group: group, Path: multicast.Path{Source: h.IPv4}, Profile: profile, Key: key,
			Identity: multicast.Identity{SSRC: 0xabcd, Sequence: 1000, Begun: true},
		}); err != nil {
			t.Fatal(err)
		}
	})
	e, err := codec.NewEncoder(profile)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Mixed([]mixer.Source{{ID: 0x22}, {ID: 0x11}})
		tone := make([]int16, 60*160)
		for i := range tone {
			tone[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/8000)) // −12.2 dBFS
		}
		ticker := time.NewTicker(mixer.FrameDuration)
		defer ticker.Stop()
		var payload [codec.MaxPayloadBytes]byte
		for ; len(tone) >= 160; tone = tone[160:] {
			now := <-ticker.C
			s.Tick(now)
			n, err := e.Encode(payload[:], tone[:160])
			if err != nil {
				t.Error(err)
				break
			}
			s.Send(now, payload[:n], 160)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	return func() { <-done; <-s.Done() }
}

func TestListenTellsWhatWasHeard(t *testing.T) {
	network := netns.New(t, "stage", "hall")
	stage, hall := network.Host("stage"), network.Host("hall")
	file := filepath.Join(t.TempDir(), "out.wav")
	description := filepath.Join(t.TempDir(), "x.sdp")
	text := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=Town hall\r\nc=IN IP4 232.1.2.3/4\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\na=source-filter: incl IN IP4 232.1.2.3 %[1]s\r\n", stage.IPv4)
	if err := os.WriteFile(description, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	end := distribute(t, stage, netip.MustParseAddrPort("232.1.2.3:5004"), nil)
	var got, wrong result
	hall.Do(func() {
		got = runAt(t.Context(), nil, "listen", description, "--record", file, "--for", "700ms", "--json")
		wrong = runAt(t.Context(), nil, "listen", "--group", "232.1.2.3:5004", "--source", hall.IPv4.String(), "--for", "100ms")
	})
	end()
	if got.code != exitOK {
		t.Fatalf("got exit %d, %s", got.code, got.stderr)
	}
	var r listenReport
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
		t.Fatal(err)
	}
	if r.Name != "Town hall" || r.SSRC != 0xabcd || r.Source != stage.IPv4.String() || len(r.Contributors) != 2 || r.Contributors[0] != 0x11 ||
		r.Lost != 0 || r.Received < 10 || int(r.Last-r.First)+1 != int(r.Received) || r.First < 1000 || r.Codec != "PCMU" {
		t.Errorf("got %+v", r)
	}
	if wrong.code != exitError || !strings.Contains(wrong.stderr, "nothing was heard from 232.1.2.3:5004") {
		t.Errorf("by the wrong source: exit %d, %s", wrong.code, wrong.stderr)
	}
	pcm, err := phone.LoadWAV(file, 8000)
	if err != nil {
		t.Fatal(err)
	}
	if len(pcm) < 8000*6/10 {
		t.Fatalf("%d samples were recorded", len(pcm))
	}
	// In pieces: where the jitter buffer gives up delay, the tone goes on in another phase, which is heard in one of them.
	clear, pieces := 0, 0
	for tenth := range slices.Chunk(pcm[len(pcm)/2:], 800) {
		pieces++
		if level := measure.ToneDBFS(tenth, 8000, 440); math.Abs(level+12.2) < 1 {
			clear++
		}
	}
	if clear < pieces-1 {
		t.Errorf("the tone is heard in %d of %d tenths of a second", clear, pieces)
	}
}

// TestListenHearsWhatIsEncrypted by the key of the description, and by that of a file.
func TestListenHearsWhatIsEncrypted(t *testing.T) {
	network := netns.New(t, "stage", "hall")
	stage, hall := network.Host("stage"), network.Host("hall")
	key := multicast.Key{Suite: terms.AEADAES128GCM, Master: []byte("fedcba9876543210"), Salt: []byte("0123456789ab")}
	master := base64.StdEncoding.EncodeToString(slices.Concat(key.Master, key.Salt))
	dir := t.TempDir()
	text := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=Board\r\nc=IN IP4 239.1.2.3/4\r\nt=0 0\r\nm=audio 5004 RTP/SAVP 0\r\n", stage.IPv4)
	for name, text := range map[string]string{
		"bare.sdp": text, "whole.sdp": text + "a=crypto:1 AEAD_AES_128_GCM inline:" + master + "\r\n", "key": master + "\n", "short": "abcd",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	end := distribute(t, stage, netip.MustParseAddrPort("239.1.2.3:5004"), &key)
	results := map[string]result{}
	hall.Do(func() {
		for name, args := range map[string]string{
			"described": "whole.sdp", "by a file": "bare.sdp --encryption aes-gcm --key-file " + filepath.Join(dir, "key"),
			"no key": "bare.sdp", "no base64": "bare.sdp --key-file " + filepath.Join(dir, "bare.sdp"), "a short key": "bare.sdp --key-file " + filepath.Join(dir, "short"),
		} {
			results[name] = runAt(t.Context(), nil, append([]string{"listen"}, strings.Fields(filepath.Join(dir, args)+" --interface eth0 --for 300ms --json")...)...)
		}
	})
	end()
	for _, name := range []string{"described", "by a file"} {
		var r listenReport
		if err := json.Unmarshal([]byte(results[name].stdout), &r); err != nil {
			t.Fatalf("%s: %v: %+v", name, err, results[name])
		}
		if r.SSRC != 0xabcd || r.Lost != 0 || r.Received < 5 {
			t.Errorf("%s: got %+v", name, r)
		}
	}
	for name, says := range map[string]string{"no key": "--key-file", "no base64": "no base64", "a short key": "3 bytes"} {
		if got := results[name]; got.code != exitError || !strings.Contains(got.stderr, says) {
			t.Errorf("%s: got %+v, want %q", name, got, says)
		}
	}
}

func TestListenReportIsAsRecorded(t *testing.T) {
	r := &listenReport{
		Group: "239.1.2.3:5004", Name: "Town hall", Codec: "PCMU", Seconds: 60.02, Source: "192.0.2.1", SSRC: 0xabcd, Contributors: []uint32{0x11, 0x22},
		Received: 2998, Rejected: 4, Lost: 2, Late: 1, JitterMS: 0.25, First: 1002, Last: 4001, Bye: true,
	}
	for name, asJSON := range map[string]bool{"listen.txt": false, "listen.json": true} {
		var out strings.Builder
		if err := r.print(&console{stdout: &out}, asJSON); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
	}
}

func TestWhatCannotBeListenedTo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
		switch r.URL.Path {
		case "/unicast.sdp":
			fmt.Fprint(w, head+"c=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n")
		case "/garbage.sdp":
			fmt.Fprint(w, "hello")
		case "/secret.sdp":
			fmt.Fprint(w, head+"c=IN IP4 239.1.2.3/1\r\nm=audio 5004 RTP/SAVP 0\r\n")
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	for _, c := range []struct {
		name, args, want string
		code             int
	}{
		{"nothing", "listen", "what to listen to?", exitUsage},
		{"both", "listen x.sdp --group 239.1.2.3:5004", "what to listen to?", exitUsage},
		{"a source beside a description", "listen x.sdp --source 192.0.2.1", "the description says", exitUsage},
		{"no time", "listen --group 239.1.2.3:5004 --for 0s", "is not a time to listen", exitUsage},
		{"a file that is not there", "listen /nowhere.sdp", "no such file", exitError},
		{"a page that is not there", "listen " + server.URL + "/x.sdp", "404", exitError},
		{"no description", "listen " + server.URL + "/garbage.sdp", "garbage.sdp: ", exitError},
		{"an encrypted session", "listen " + server.URL + "/secret.sdp", "is encrypted", exitError},
		{"a session for one", "listen " + server.URL + "/unicast.sdp", "no group", exitError},
		{"a unicast address", "listen --group 127.0.0.1:5004", "no group", exitError},
		{"an interface that is not there", "listen --group 239.1.2.3:5004 --interface nosuch0", "nosuch0", exitError},
	} {
		got := runAt(t.Context(), nil, strings.Fields(c.args)...)
		if got.code != c.code || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%s: got exit %d, %q, want %d, %q", c.name, got.code, got.stderr, c.code, c.want)
		}
	}
}
