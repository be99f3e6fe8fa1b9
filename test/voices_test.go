package test

import (
	"cmp"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
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
	own := ownIP()
	sctpIP, sctpUDP := own+":5060", own+":9899"
	listen := []string{
		"udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0", "ws://127.0.0.1:0", "wss://127.0.0.1:0", "sctp+udp://" + sctpUDP,
	}
	raw := mayOpenRawSockets()
	if raw {
		listen = append(listen, "sctp://"+sctpIP)
	}
	b := startBridge(t, bridge.Config{Listen: listen})
	b.allowLog("a self-signed one was made")
	// ways are how a room is called over each transport, and with which flags.
	ways := map[string][]string{
		"udp": {"sip:%d@" + b.UDP}, "tcp": {"sip:%d@" + b.TCP + ";transport=tcp"},
		"tls": {"sip:%d@" + b.TLS + ";transport=tls", "--insecure"}, "sips": {"sips:%d@" + b.TLS, "--insecure"},
		"ws": {"sip:%d@" + b.WS + ";transport=ws"}, "wss": {"sip:%d@" + b.WSS + ";transport=wss", "--insecure"},
		"sctp": {"sip:%d@" + sctpIP + ";transport=sctp"}, "sctp+udp": {"sip:%d@" + own + ";transport=sctp", "--sctp-udp", "9899"},
	}
	if !raw {
		t.Log("SCTP over IP is left out: this process may not open raw sockets (CAP_NET_RAW)")
		ways["sctp"] = ways["sctp+udp"]
	}
	type caller struct{ transport, codec string }
	rows := []struct {
		name    string
		callers []caller
	}{
		{"PCMU over UDP", []caller{{"udp", "pcmu"}, {"udp", "pcmu"}}},
		{"PCMA over UDP", []caller{{"udp", "pcma"}, {"udp", "pcma"}}},
		{"Opus over UDP", []caller{{"udp", "opus"}, {"udp", "opus"}}},
		{"G.722 over UDP", []caller{{"udp", "g722"}, {"udp", "g722"}}},
		{"PCMU over TCP", []caller{{"tcp", "pcmu"}, {"tcp", "pcmu"}}},
		{"PCMA over TCP", []caller{{"tcp", "pcma"}, {"tcp", "pcma"}}},
		{"Opus over TCP", []caller{{"tcp", "opus"}, {"tcp", "opus"}}},
		{"all codecs over both", []caller{{"udp", "pcmu"}, {"tcp", "opus"}, {"udp", "pcma"}}},
		{"wideband codecs in packets of several lengths", []caller{{"udp", "g722/10"}, {"tcp", "opus/60"}, {"udp", "l16/30"}}},
		{"narrow ones too", []caller{{"udp", "pcmu/30"}, {"tcp", "opus/30"}, {"udp", "pcma/60"}}},
		{"TLS by either scheme", []caller{{"tls", "pcmu"}, {"sips", "pcma"}}},
		{"WebSocket, open and over TLS", []caller{{"ws", "pcmu"}, {"wss", "pcma"}}},
		{"SCTP over IP and over UDP", []caller{{"sctp", "pcmu"}, {"sctp+udp", "pcma"}}},
	}
	dir := t.TempDir()
	place := make(chan struct{}, roomsAtOnce())
	var calls sync.WaitGroup
	for n, row := range rows {
		place <- struct{}{}
		var room sync.WaitGroup
		for i, c := range row.callers {
			args := append([]string{"call", fmt.Sprintf(ways[c.transport][0], n)}, ways[c.transport][1:]...)
			room.Go(func() {
				name, ptime, _ := strings.Cut(c.codec, "/")
				b.expect(t, append(args, "--codec", name, "--ptime", cmp.Or(ptime, "20"), "--play", all[i].file, "--record", recording(dir, n, i), "--for", "7s")...)
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

// mayOpenRawSockets says whether this process has what SCTP over IP needs.
func mayOpenRawSockets() bool {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_SCTP)
	if err != nil {
		return false
	}
	return syscall.Close(fd) == nil
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
