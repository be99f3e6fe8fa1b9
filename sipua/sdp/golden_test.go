package sdp

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/codec"
)

var update = flag.Bool("update", false, "write the golden files anew")

func local(offer []byte) Local {
	l := Local{RTP: netip.MustParseAddrPort("203.0.113.1:20000"), SessionID: 4711}
	if bytes.Contains(offer, []byte("IN IP6")) {
		l.RTP = netip.MustParseAddrPort("[2001:db8:ffff::1]:20000")
	}
	if bytes.Contains(offer, []byte("L16/")) {
		l.Codecs = []codec.Name{codec.PCMA, codec.L16, codec.PCMU}
	}
	return l
}

func golden(t *testing.T, name string, got string) {
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

func describe(a Agreed) string {
	var b strings.Builder
	fmt.Fprintf(&b, "remote %v rtcp %v mux %v send %v receive %v ptime %d ended %v\n",
		a.Remote, a.RemoteRTCP, a.Mux, a.Send, a.Receive, a.PtimeMilliseconds, a.Ended)
	for _, p := range a.Payloads {
		fmt.Fprintf(&b, "payload %d/%d %s %d %d %v", p.ReceiveType, p.SendType, p.Name, p.ClockRateHz, p.SampleRateHz, p.Packet)
		if o := p.Opus; p.Name == codec.Opus {
			fmt.Fprintf(&b, " most %d bit/s, band of %d, no FEC %v, DTX %v, CBR %v, clean %v, decoded at %d",
				o.MaxBitrateBps, o.PlaybackHz, o.NoFEC, o.DTX, o.CBR, o.Clean, p.ReceiveRateHz)
		}
		b.WriteByte('\n')
	}
	for _, e := range a.Events {
		fmt.Fprintf(&b, "event %d/%d %d\n", e.ReceiveType, e.SendType, e.ClockRateHz)
	}
	if a.Noise != 0 {
		fmt.Fprintf(&b, "noise %d\n", a.Noise)
	}
	if a.LevelID != 0 || a.MixID != 0 {
		fmt.Fprintf(&b, "level %d mix %d\n", a.LevelID, a.MixID)
	}
	return b.String()
}

func TestAnswersAreAsRecorded(t *testing.T) {
	offers, err := filepath.Glob("testdata/*.offer.sdp")
	if err != nil || len(offers) < 20 {
		t.Fatalf("got %d offers, error %v", len(offers), err)
	}
	sources, err := os.ReadFile("testdata/SOURCES.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range offers {
		name := strings.TrimSuffix(filepath.Base(path), ".offer.sdp")
		t.Run(name, func(t *testing.T) {
			if !bytes.Contains(sources, []byte(name)) {
				t.Errorf("SOURCES.md does not say what %s stands for", name)
			}
			offer, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			answer, agreed, err := Answer(offer, local(offer))
			if err != nil {
				golden(t, name+".error.txt", err.Error()+"\n")
				return
			}
			golden(t, name+".answer.sdp", string(answer))
			golden(t, name+".agreed.txt", describe(agreed))
		})
	}
}
