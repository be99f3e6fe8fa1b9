package test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/confbridge/confbridge/mixer/measure"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/netns"
)

// house is a bridge on a host of a small network.
type house struct {
	t             *testing.T
	host          *netns.Host
	rooms         confbridgev1.RoomServiceClient
	distributions confbridgev1.DistributionServiceClient
}

const houseGRPC = "127.0.0.1:50051"

// newHouse runs a bridge there until the end of the test; more is what its file has besides.
func newHouse(t *testing.T, host *netns.Host, more string) *house {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "confbridge.yaml")
	cfg := fmt.Sprintf("sip:\n  listen: [\"udp://127.0.0.1:0\"]\napi:\n  grpc: %s\n  http: 127.0.0.1:0\ndata_dir: %q\nlog:\n  level: warn\n", houseGRPC, filepath.Join(dir, "data")) + more
	if err := os.WriteFile(file, []byte(cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	// The test's context ends before the bridge is to.
	running := exec.CommandContext(context.WithoutCancel(t.Context()), "ip", "netns", "exec", host.Namespace, program, "serve", "--config", file)
	var log bytes.Buffer
	running.Stdout, running.Stderr = &log, &log
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, host: host}
	conn, err := grpc.NewClient("passthrough:///"+houseGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
		grpc.WithContextDialer(func(_ context.Context, to string) (conn net.Conn, err error) {
			host.Do(func() { conn, err = net.Dial("tcp", to) })
			return conn, err
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		if err := running.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := running.Wait(); err != nil {
			t.Errorf("the bridge of %s: %v\n%s", host.Name, err, &log)
		}
	})
	h.rooms = confbridgev1.NewRoomServiceClient(conn)
	h.distributions = confbridgev1.NewDistributionServiceClient(conn)
	eventually(t, "the bridge of "+host.Name+" is there", func() bool { return host.Command(program, "rooms", "list").Run() == nil })
	return h
}

// must runs the program on the bridge's host.
func (h *house) must(args ...string) string {
	h.t.Helper()
	out, err := h.host.Command(program, args...).CombinedOutput()
	if err != nil {
		h.t.Fatalf("confbridge %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// feed has a room's mix go to a group.
func (h *house) feed(room, group string) {
	h.t.Helper()
	_, err := h.distributions.CreateDistribution(h.t.Context(), &confbridgev1.CreateDistributionRequest{
		Parent: "rooms/" + room, DistributionId: "hall",
		Distribution: &confbridgev1.Distribution{Destinations: []string{group}, Interface: netns.Interface},
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// encoder runs ffmpeg, which sends a tone to a group until it is interrupted, and returns the file of its description.
func encoder(t *testing.T, host *netns.Host, hz int, group string) (running *exec.Cmd, description string) {
	t.Helper()
	description = filepath.Join(t.TempDir(), "stage.sdp")
	running = host.Command("ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=%d:sample_rate=8000", hz),
		"-c:a", "pcm_mulaw", "-ac", "1", "-f", "rtp", "-rtpflags", "send_bye", "-sdp_file", description, "rtp://"+group+"?ttl=1&pkt_size=172")
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ffmpeg has described its session", func() bool {
		text, err := os.ReadFile(description)
		return err == nil && strings.Contains(string(text), "m=audio")
	})
	return running, description
}

func TestRoomsTakeSessionsIn(t *testing.T) {
	t.Parallel()
	network := netns.New(t, "stage", "one", "two", "ear")
	const hz, first, second = 600, "239.1.2.4:5004", "239.1.2.5:5004"
	one := newHouse(t, network.Host("one"), "")
	two := newHouse(t, network.Host("two"), fmt.Sprintf(`rooms:
  list:
    - number: "2000"
      distributions:
        - {id: hall, destinations: [%q], interface: %s}
      sources:
        - {id: one, group: %q, interface: %[2]s, timeout: 60s}
`, second, netns.Interface, first))
	ffmpeg, description := encoder(t, network.Host("stage"), hz, "239.1.2.3:5004")
	one.must("rooms", "create", "1000")
	one.feed("1000", first)
	one.must("distributions", "receive", "1000", "--sdp", description, "--interface", netns.Interface, "--name", "Stage B")
	if got := two.must("sources", "list", "2000"); !strings.Contains(got, first) {
		t.Errorf("sources of 2000:\n%s", got)
	}
	if out, err := two.host.Command(program, "sources", "remove", "2000", "one").CombinedOutput(); err == nil || !strings.Contains(string(out), "declared in the configuration file") {
		t.Errorf("a source of the file was removed: %v\n%s", err, out)
	}
	if got := one.must("participants", "list", "1000"); !strings.Contains(got, "Stage B") || !strings.Contains(got, "session") {
		t.Errorf("participants of 1000:\n%s", got)
	}

	heard := filepath.Join(t.TempDir(), "heard.wav")
	out, err := network.Host("ear").Command(program, "listen", "--group", second, "--interface", netns.Interface, "--for", "3s", "--record", heard).CombinedOutput()
	if err != nil {
		t.Fatalf("listen: %v\n%s", err, out)
	}
	const rateHz = 8000
	pcm, err := phone.LoadWAV(heard, rateHz)
	if err != nil {
		t.Fatal(err)
	}
	// In pieces: where a jitter buffer gives up delay, the tone goes on in another phase, and over all of it adds up to less than is there.
	const piece = rateHz / 10
	clear, pieces := 0, 0
	for tenth := range slices.Chunk(pcm[len(pcm)/2:], piece) {
		pieces++
		if level := measure.ToneDBFS(tenth, rateHz, hz); level > -40 && level > measure.RMSDBFS(tenth)-1 {
			clear++
		}
	}
	if clear < pieces*8/10 {
		t.Errorf("ffmpeg's tone is heard behind two rooms in %d of %d tenths of a second\n%s", clear, pieces, out)
	}

	one.must("distributions", "receive", "1000", "--group", second, "--interface", netns.Interface, "--name", "Circle")
	if why, looped := one.left("1000", "Circle"); why != confbridgev1.Reason_REASON_LOOPED || !looped {
		t.Errorf("the circle has left for %v, told as a loop: %v", why, looped)
	}
	if err := ffmpeg.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = ffmpeg.Wait() // it says that it was interrupted
	if why, _ := one.left("1000", "Stage B"); why != confbridgev1.Reason_REASON_HANGUP {
		t.Errorf("ffmpeg's session has left for %v, want its BYE", why)
	}
}

// left waits until the session of that name leaves, and says why, and whether a loop was told of it.
func (h *house) left(room, name string) (why confbridgev1.Reason, looped bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	stream, err := h.rooms.WatchRoom(ctx, &confbridgev1.WatchRoomRequest{Name: "rooms/" + room, AfterSequence: new(uint64(0))})
	if err != nil {
		h.t.Fatal(err)
	}
	for {
		resp, err := stream.Recv()
		if err != nil {
			h.t.Fatalf("%s has not left: %v", name, err)
		}
		e := resp.GetEvent()
		if e.GetParticipant().GetDisplayName() != name {
			continue
		}
		switch e.GetKind() {
		case confbridgev1.EventKind_EVENT_KIND_DISTRIBUTION_LOOPED:
			looped = e.GetDistribution() == "rooms/"+room+"/distributions/hall"
		case confbridgev1.EventKind_EVENT_KIND_LEFT:
			return e.GetReason(), looped
		}
	}
}
