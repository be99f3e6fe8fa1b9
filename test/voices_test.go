package test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
)

// roomsAtOnce is how many rooms of speech there are at a time. Under the race detector everything costs several times as
// much, and a machine that is late chops words.
func roomsAtOnce() int {
	if raceEnabled {
		return 1
	}
	return 4
}

func TestEachHearsTheOthersAndNotThemselves(t *testing.T) {
	t.Parallel()
	all := speakers(t)
	b := startBridge(t, bridge.Config{})
	type caller struct{ transport, codec string }
	rows := []struct {
		name    string
		callers []caller
	}{
		{"PCMU over UDP", []caller{{"udp", "pcmu"}, {"udp", "pcmu"}}},
		{"PCMA over UDP", []caller{{"udp", "pcma"}, {"udp", "pcma"}}},
		{"Opus over UDP", []caller{{"udp", "opus"}, {"udp", "opus"}}},
		{"PCMU over TCP", []caller{{"tcp", "pcmu"}, {"tcp", "pcmu"}}},
		{"PCMA over TCP", []caller{{"tcp", "pcma"}, {"tcp", "pcma"}}},
		{"Opus over TCP", []caller{{"tcp", "opus"}, {"tcp", "opus"}}},
		{"all codecs over both", []caller{{"udp", "pcmu"}, {"tcp", "opus"}, {"udp", "pcma"}}},
	}
	dir := t.TempDir()
	place := make(chan struct{}, roomsAtOnce())
	var calls sync.WaitGroup
	for n, row := range rows {
		place <- struct{}{}
		var room sync.WaitGroup
		for i, c := range row.callers {
			uri := fmt.Sprintf("sip:%d@%s", n, b.UDP)
			if c.transport == "tcp" {
				uri = fmt.Sprintf("sip:%d@%s;transport=tcp", n, b.TCP)
			}
			room.Go(func() {
				b.expect(t, "call", uri, "--codec", c.codec, "--play", all[i].file, "--record", recording(dir, n, i), "--for", "7s")
			})
		}
		calls.Go(func() { room.Wait(); <-place })
	}
	calls.Wait() // what was heard is looked at when nobody talks any more: that is hard work
	for n, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for i, c := range row.callers {
				heard, err := phone.LoadWAV(recording(dir, n, i), 8000)
				if err != nil {
					t.Fatal(err)
				}
				var others []int
				for j := range row.callers {
					if j != i {
						others = append(others, j)
					}
				}
				checkHeard(t, fmt.Sprintf("caller %d with %s", i, c.codec), heard, i, others...)
			}
		})
	}
}

func recording(dir string, room, i int) string {
	return filepath.Join(dir, fmt.Sprintf("room%d-heard%d.wav", room, i))
}

// A recording is a WAV file that others can read too.
func TestRecordingIsAWAVFile(t *testing.T) {
	t.Parallel()
	ffprobe := have(t, "ffprobe")
	b := startBridge(t, bridge.Config{})
	file := filepath.Join(t.TempDir(), "heard.wav")
	b.must(t, "call", "sip:1000@"+b.UDP, "--record", file, "--for", "1200ms")
	out, err := exec.Command(ffprobe, "-v", "error", "-of", "csv=p=0", "-show_entries", "stream=codec_name,sample_rate,channels", file).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v: %s", err, out)
	}
	if got := strings.TrimSpace(string(out)); got != "pcm_s16le,8000,1" {
		t.Errorf("ffprobe finds %q, want pcm_s16le,8000,1", got)
	}
}
