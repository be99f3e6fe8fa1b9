package test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/media/session"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
	"github.com/confbridge/confbridge/test/netns"
)

// campus is a bridge on a host of its own, and hosts that listen, on one switch with IGMP snooping.
type campus struct {
	*netns.Network
	*running
	source *netns.Host
	dir    string // takes descriptions and recordings
}

// newCampus starts a bridge that has room 1000; more are the sections of its configuration.
func newCampus(t *testing.T, more bridge.Config, ears ...string) *campus {
	t.Helper()
	n := netns.New(t, append([]string{"source"}, ears...)...)
	c := &campus{Network: n, source: n.Host("source"), dir: t.TempDir()}
	more.Namespace, more.Dial = c.source.Namespace, c.source.Dial
	c.running = startBridge(t, more)
	if _, err := c.rooms.CreateRoom(t.Context(), &confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{}}); err != nil {
		t.Fatal(err)
	}
	return c
}

// describe begins a distribution of room 1000, and returns the file of its description, and its SSRC.
func (c *campus) describe(t *testing.T, id string, d *confbridgev1.Distribution) (sdp string, ssrc uint32) {
	t.Helper()
	made, err := c.spread.CreateDistribution(t.Context(), &confbridgev1.CreateDistributionRequest{Parent: "rooms/1000", DistributionId: id, Distribution: d})
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	got, err := c.spread.GetSessionDescription(t.Context(), &confbridgev1.GetSessionDescriptionRequest{Name: made.GetName()})
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	sdp = filepath.Join(c.dir, id+".sdp")
	writeFile(t, sdp, got.GetSdp())
	return sdp, made.GetSsrc()
}

// joined waits until hosts have asked the switch for a group. The bridge does as well, for reports.
func (c *campus) joined(t *testing.T, group string, hosts ...string) {
	t.Helper()
	g := netip.MustParseAddrPort(group).Addr()
	eventually(t, fmt.Sprintf("%v have joined %v", hosts, g), func() bool {
		members := c.Members(g, netip.Addr{})
		return !slices.ContainsFunc(hosts, func(h string) bool { return !slices.Contains(members, h) })
	})
}

// talk is a file in which voice 1 says what it has to say, over and over for so many seconds.
func talk(t *testing.T, seconds int) voice {
	t.Helper()
	v := voice{file: filepath.Join(t.TempDir(), "talk.wav")}
	for said := speakers(t)[1].pcm; len(v.pcm) < 8000*seconds; {
		v.pcm = append(v.pcm, said...)
	}
	v.pcm = v.pcm[:8000*seconds]
	out, err := phone.CreateWAV(v.file, 8000)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(v.pcm)
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return v
}

// say has somebody call room 1000 by unicast and say v; it returns at the end of the call.
func (c *campus) say(t *testing.T, v voice, seconds int) {
	t.Helper()
	r := finish(t, c.source.Command(program, "call", "sip:1000@"+c.UDP, "--play", v.file, "--for", fmt.Sprintf("%ds", seconds)))
	if r.code != 0 {
		t.Fatalf("call: exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// receiver is a program that records a session.
type receiver struct {
	name, wav string
	cmd       *exec.Cmd
	said      strings.Builder
}

// players are the command lines of who plays a description into a file, by name. They go on until they are interrupted.
var players = map[string]func(sdp, wav string) []string{
	"listen": func(sdp, wav string) []string {
		return []string{program, "listen", sdp, "--record", wav, "--for", "10m", "--json"}
	},
	"ffmpeg": func(sdp, wav string) []string {
		return []string{"ffmpeg", "-nostdin", "-loglevel", "error", "-protocol_whitelist", "file,udp,rtp", "-i", sdp, "-c:a", "pcm_s16le", wav}
	},
	// VLC refuses to be root. Debian's has no SDP demuxer, so it is told the group; what is of a static payload type needs no more.
	"vlc": func(sdp, wav string) []string {
		return []string{
			"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=" + filepath.Dir(wav), "vlc", "-I", "dummy", "-q",
			"rtp://@" + groupOf(sdp), "--no-video", "--sout", "#transcode{acodec=s16l,samplerate=8000,channels=1}:std{access=file,mux=wav,dst=" + wav + "}",
		}
	},
	"gstreamer": func(sdp, wav string) []string {
		return strings.Fields("gst-launch-1.0 -e filesrc location=" + sdp + " ! sdpdemux ! decodebin ! audioconvert ! audio/x-raw,format=S16LE ! wavenc ! filesink location=" + wav)
	},
}

// start has a host record a session.
func (c *campus) start(t *testing.T, h *netns.Host, player, sdp string) *receiver {
	t.Helper()
	id := strings.TrimSuffix(filepath.Base(sdp), ".sdp")
	r := &receiver{name: player + " of " + id, wav: filepath.Join(c.dir, fmt.Sprintf("%s-%s-%s.wav", h.Name, id, player))}
	if player == "vlc" {
		r.wav = filepath.Join(openDir(t), "vlc.wav")
	}
	line := players[player](sdp, r.wav)
	have(t, line[0])
	r.cmd = h.Command(line[0], line[1:]...)
	r.cmd.Stdout, r.cmd.Stderr = &r.said, &r.said
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Wait() // it was killed at the end of the test's context
		}
		if t.Failed() {
			t.Logf("%s: %v\n%s", r.name, r.cmd.ProcessState, r.said.String())
		}
	})
	return r
}

// openDir is a directory that anybody can write to; that of the test is its owner's.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "confbridge-vlc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // that is what it is for
		t.Fatal(err)
	}
	return dir
}

// groupOf is where a description of ours has its sound sent.
func groupOf(sdp string) string {
	text, err := os.ReadFile(sdp)
	if err != nil {
		return err.Error()
	}
	s, err := session.Parse(text)
	if err != nil {
		return err.Error()
	}
	return s.Group.String()
}

// stop interrupts a receiver, which ends its file.
func (r *receiver) stop(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Errorf("%s: %v\n%s", r.name, err, r.said.String())
	}
	_ = r.cmd.Wait() // ffmpeg's exit code is that it was interrupted
}

// awake waits until a file has been begun: what comes then is heard.
func (r *receiver) awake(t *testing.T) {
	t.Helper()
	eventually(t, r.name+" has begun its file", func() bool {
		_, err := os.Stat(r.wav)
		return err == nil
	})
}

// heard is what it has recorded, at 8000 Hz.
func (r *receiver) heard(t *testing.T) []int16 {
	t.Helper()
	pcm, err := phone.LoadWAV(r.wav, 8000)
	if err != nil {
		t.Fatalf("%s: %v\n%s", r.name, err, r.said.String())
	}
	return pcm
}
