package test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
)

// baresipModules is where Debian has them.
const baresipModules = "/usr/lib/baresip/modules"

// baresipConfig makes a telephone that says a file and keeps what it hears. Its SIP port is its own, its sound goes to
// nobody (aubridge), and its media ports lie where nobody else's do: by itself it takes one from 1024 to 49152 at random,
// at times that of a SIPp beside it.
const baresipConfig = `poll_method epoll
sip_listen 127.0.0.1:%d
net_interface 127.0.0.1
rtp_ports 61000-64999
audio_source aufile,%s
audio_player aubridge,out
audio_alert aubridge,alert
ausrc_srate %[3]d
auplay_srate %[3]d
audio_srate %[3]d
ausrc_channels 1
auplay_channels 1
opus_stereo no
opus_sprop_stereo no
snd_path %[4]s
module_path %[5]s
module account.so
module menu.so
module %[6]s.so
module aufile.so
module aubridge.so
module sndfile.so
`

// baresip hears a caller of ours, with each module of codecs. (Which of G.711's two it speaks is not to be had of it.)
func TestBaresip(t *testing.T) {
	t.Parallel()
	baresip, ffmpeg := have(t, "baresip"), have(t, "ffmpeg")
	all := speakers(t)
	open := startBridge(t, bridge.Config{})
	guarded := startBridge(t, bridge.Config{
		Listen: []string{"udp://127.0.0.1:0", "tls://127.0.0.1:0"},
		SIP:    "  anonymous: challenge\n  algorithms: [MD5]\n  trunks: [{name: office, users: {x: secret, y: other}}]\n",
	})
	guarded.allowLog("a self-signed one was made")
	for _, row := range []struct {
		name, module, codec string
		rateHz              int
		ours                codec.Name
		b                   *running
		uri                 string // behind the room
	}{
		{"PCMU over UDP", "g711", "PCMU/8000/1", 8000, codec.PCMU, open, "@" + open.UDP},
		{"G.722 over UDP", "g722", "G722/16000/1", 16000, codec.G722, open, "@" + open.UDP},
		{"Opus over UDP", "opus", "opus/48000/2", 48000, codec.Opus, open, "@" + open.UDP},
		{"over TLS, with a password", "g711", "PCMU/8000/1", 8000, codec.PCMU, guarded, "@" + guarded.TLS + ";transport=tls"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := row.b
			if found, _ := filepath.Glob(filepath.Join(baresipModules, row.module+".so")); len(found) == 0 {
				t.Skipf("baresip has no module %s in %s", row.module, baresipModules)
			}
			dir := t.TempDir()
			// The file goes on with silence: baresip hangs up at its end.
			said := filepath.Join(dir, "said.wav")
			out, err := exec.Command(ffmpeg, "-loglevel", "error", "-i", all[0].file, "-af", "apad=pad_dur=60",
				"-ac", "1", "-ar", fmt.Sprint(row.rateHz), said).CombinedOutput()
			if err != nil {
				t.Fatalf("ffmpeg: %v: %s", err, out)
			}
			writeFile(t, filepath.Join(dir, "config"), fmt.Sprintf(baresipConfig, freePort(t), said, row.rateHz, dir, baresipModules, row.module))
			writeFile(t, filepath.Join(dir, "accounts"), "<sip:x@127.0.0.1>;auth_pass=secret;regint=0;audio_codecs="+row.codec+"\n")
			writeFile(t, filepath.Join(dir, "contacts"), "")
			room := strings.ReplaceAll(strings.ToLower(row.codec), "/", "-")
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, baresip, "-f", dir, "-e", "/dial sip:"+room+row.uri, "-t", "9")
			ended := make(chan ran, 1)
			go func() { ended <- finish(t, cmd) }()
			b.present(t, room, 1)
			_, codecName, _ := strings.Cut(b.present(t, room, 1)[0].GetFormat().String(), `codec:"`)
			if want, _, _ := strings.Cut(row.codec, "/"); !strings.HasPrefix(codecName, want) {
				t.Errorf("baresip speaks %s, want %s", codecName, want)
			}
			voice := all[1]
			play, err := phone.LoadWAV(voice.file, rateOf(row.ours))
			if err != nil {
				t.Fatal(err)
			}
			var trusting sipua.ClientConfig
			trusting.Transport.TLS.Insecure = true
			g := inviteAs(t, newClientWith(t, trusting), sipua.DialConfig{
				URI: "sip:" + room + row.uri, Codecs: []codec.Name{row.ours}, User: "y", Password: "other",
			}, play)
			if r := <-ended; r.code != 0 {
				t.Fatalf("baresip: exit %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			b.present(t, room, 1)
			g.end()
			dumps, _ := filepath.Glob(filepath.Join(dir, "dump-*-dec.wav"))
			if len(dumps) != 1 {
				t.Fatalf("baresip has recorded %d files", len(dumps))
			}
			heard, err := phone.LoadWAV(dumps[0], 8000)
			if err != nil {
				t.Fatal(err)
			}
			checkHeard(t, "baresip", heard, 0, 1)
		})
	}
}

func rateOf(name codec.Name) int {
	switch name {
	case codec.Opus:
		return 48000
	case "G722":
		return 16000
	}
	return 8000
}
