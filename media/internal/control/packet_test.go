package control

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
)

// TestWhatIsWrittenIsRead has pion/rtcp read what is written here.
func TestWhatIsWrittenIsRead(t *testing.T) {
	at := time.Unix(1, 750_000_000)
	for _, name := range []string{"", "a", "ab", "abc", "abcd", "Town hall", strings.Repeat("x", 255), strings.Repeat("y", 256)} {
		b := AppendSenderReport(nil, 0, Sender{SSRC: 7, At: at, Timestamp: 8, Packets: 9, Octets: 10})
		b = AppendGoodbye(AppendDescription(b, 7, "cname", name), 7)
		got, err := rtcp.Unmarshal(b)
		if err != nil || !Valid(b) {
			t.Fatalf("%q: %v", name, err)
		}
		chunk := rtcp.SourceDescriptionChunk{Source: 7, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "cname"}}}
		if name != "" {
			chunk.Items = append(chunk.Items, rtcp.SourceDescriptionItem{Type: rtcp.SDESName, Text: name[:min(len(name), 255)]})
		}
		sr, ok := got[0].(*rtcp.SenderReport)
		if !ok || sr.SSRC != 7 || sr.NTPTime != 2208988801<<32|0xc0000000 || sr.RTPTime != 8 || sr.PacketCount != 9 || sr.OctetCount != 10 {
			t.Errorf("got %v", got[0])
		}
		if diff := cmp.Diff(&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{chunk}}, got[1]); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
		if diff := cmp.Diff(&rtcp.Goodbye{Sources: []uint32{7}}, got[2]); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
	}
}
