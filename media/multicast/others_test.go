package multicast

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// audience is programs of others there that record an encrypted group.
type audience struct {
	*network
	t   *testing.T
	dir string
	key Key
}

func (a *audience) master() []byte { return slices.Concat(a.key.Master, a.key.Salt) }

// start runs a program there.
func (a *audience) start(name string, args ...string) *exec.Cmd {
	a.t.Helper()
	cmd := exec.CommandContext(a.t.Context(), name, args...)
	cmd.Stderr = os.Stderr
	if err := a.do(cmd.Start); err != nil {
		a.t.Fatal(err)
	}
	return cmd
}

// ffmpeg records into a file by a description.
func (a *audience) ffmpeg(wav string) *exec.Cmd {
	a.t.Helper()
	sdp := filepath.Join(a.dir, "hall.sdp")
	text := "v=0\r\no=- 1 1 IN IP4 10.77.0.1\r\ns=hall\r\nc=IN IP4 239.1.2.3/4\r\nt=0 0\r\nm=audio 5004 RTP/SAVP 0\r\n" +
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + base64.StdEncoding.EncodeToString(a.master()) + "\r\n"
	if err := os.WriteFile(sdp, []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return a.start("ffmpeg", "-nostdin", "-loglevel", "error", "-protocol_whitelist", "file,udp,rtp,srtp", "-i", sdp, filepath.Join(a.dir, wav))
}

// gstreamer records what is sent under one SSRC: which key another has, srtpdec asks its application.
func (a *audience) gstreamer(wav string, ssrc uint32) *exec.Cmd {
	a.t.Helper()
	caps := fmt.Sprintf("caps=application/x-srtp,media=audio,clock-rate=8000,encoding-name=PCMU,payload=0,ssrc=(uint)%d,srtp-key=(buffer)%s", ssrc, hex.EncodeToString(a.master())) +
		",srtp-cipher=aes-128-icm,srtp-auth=hmac-sha1-80,srtcp-cipher=aes-128-icm,srtcp-auth=hmac-sha1-80"
	return a.start("gst-launch-1.0", "-q", "-e", "udpsrc", "address=239.1.2.3", "port=5004", "multicast-iface=b0", caps, "!", "srtpdec", "!",
		"rtppcmudepay", "!", "mulawdec", "!", "wavenc", "!", "filesink", "location="+filepath.Join(a.dir, wav))
}

// joined calls wait until the group is joined by so many sockets.
func (a *audience) joined(sockets int, wait func()) {
	a.t.Helper()
	want := fmt.Sprintf("239.1.2.3 users %d", sockets)
	for end := time.Now().Add(20 * time.Second); ; wait() {
		var out []byte
		if err := a.do(func() (err error) { out, err = exec.Command("ip", "maddr", "show", "dev", "b0").Output(); return err }); err != nil {
			a.t.Fatal(err)
		}
		if strings.Contains(string(out), want) {
			return
		}
		if time.Now().After(end) {
			a.t.Fatalf("%d sockets have not joined:\n%s", sockets, out)
		}
	}
}

// recorded is how many packets of 20 ms are in a file.
func (a *audience) recorded(wav string) int64 {
	a.t.Helper()
	info, err := os.Stat(filepath.Join(a.dir, wav))
	if err != nil {
		a.t.Error(err)
		return 0
	}
	return info.Size() / 320
}

// TestOthersOverTheEndOfTheSequence has ffmpeg and GStreamer hear an encrypted group until its SSRC changes, and others that come later hear it from then on: what
// docs/multicast.md says of them.
func TestOthersOverTheEndOfTheSequence(t *testing.T) {
	if os.Getenv("CONFBRIDGE_TEST_LONG") == "" {
		t.Skip("with CONFBRIDGE_TEST_LONG=1: it takes 15 s")
	}
	a := &audience{network: newNetwork(t), t: t, dir: t.TempDir(), key: keys[0]}
	if err := a.do(func() error { return run("route replace 239.0.0.0/8 dev b0") }); err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	wait := func() { <-ticker.C }
	const first, packets = 7, 100
	early, earlyGst := a.ffmpeg("early.wav"), a.gstreamer("early-gst.wav", first)
	a.joined(3, wait) // ffmpeg's RTP and RTCP, and GStreamer's
	cfg := config(groups[0].group)
	cfg.Key, cfg.Identity.SSRC, cfg.Identity.Begun, cfg.Identity.Sequence = &a.key, first, true, 1<<16-packets
	s := open(t, cfg)
	say := func() {
		now := <-ticker.C
		s.Tick(now)
		s.Send(now, make([]byte, 160), 160)
	}
	for range packets + 1 {
		say()
	}
	second := s.Stats().SSRC
	if second == first {
		t.Fatal("the SSRC is the same")
	}
	if err := early.Wait(); err != nil { // by BYE
		t.Errorf("ffmpeg does not end with the SSRC: %v", err)
	}
	late, lateGst := a.ffmpeg("late.wav"), a.gstreamer("late-gst.wav", second)
	a.joined(4, say)
	for range packets {
		say()
	}
	for _, c := range []*exec.Cmd{late, lateGst, earlyGst} {
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		_ = c.Wait() // ffmpeg's exit code is that it was interrupted
	}
	for _, wav := range []string{"early.wav", "early-gst.wav", "late.wav", "late-gst.wav"} {
		if got := a.recorded(wav); got < packets*9/10 {
			t.Errorf("%s: %d packets were recorded, want most of %d", wav, got, packets)
		}
	}
	if got := a.recorded("early-gst.wav"); got > packets+1 {
		t.Errorf("early-gst.wav: %d packets, of another SSRC too", got)
	}
}
