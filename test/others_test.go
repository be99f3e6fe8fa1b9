package test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
)

// sipsak asks with OPTIONS, as monitoring does.
func TestSipsak(t *testing.T) {
	t.Parallel()
	sipsak := have(t, "sipsak")
	b := startBridge(t, bridge.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := finish(t, exec.CommandContext(ctx, sipsak, "-vv", "-s", "sip:1000@"+b.UDP))
	if r.code != 0 || !strings.Contains(r.stdout, "SIP/2.0 200") || !strings.Contains(r.stdout, "Allow: INVITE") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// OpenSSL's client gets an answer over TLS 1.2 and 1.3 and no connection over 1.1; a certificate whose files are replaced is shown to the next
// caller.
func TestTLSWithOpenSSL(t *testing.T) {
	t.Parallel()
	openssl := have(t, "openssl")
	dir := t.TempDir()
	certificate(t, dir, "first.example")
	b := startBridge(t, bridge.Config{
		Listen: []string{"tls://127.0.0.1:0"},
		SIP:    fmt.Sprintf("  tls: {certificate: %q, key: %q}\n", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")),
	})
	const options = "OPTIONS sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKssl\r\nMax-Forwards: 5\r\nFrom: <sip:o@o>;tag=1\r\n" +
		"To: <sip:1000@127.0.0.1>\r\nCall-ID: ssl\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
	for _, row := range []struct {
		version string
		ok      bool
	}{{"-tls1_2", true}, {"-tls1_3", true}, {"-tls1_1", false}} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cmd := exec.CommandContext(ctx, openssl, "s_client", "-connect", b.TLS, row.version, "-quiet", "-cipher", "ALL:@SECLEVEL=0")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_, _ = in.Write([]byte(options)) // fails where there is no connection
		answer := make([]byte, 4096)
		n, _ := out.Read(answer)
		cancel() // it would stay
		_ = cmd.Wait()
		if got := strings.HasPrefix(string(answer[:n]), "SIP/2.0 200"); got != row.ok {
			t.Errorf("%s: answered %t, want %t: %q", row.version, got, row.ok, answer[:n])
		}
	}
	name := func() string {
		conn, err := tls.Dial("tcp", b.TLS, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // its certificate is what is looked at
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := name(); got != "first.example" {
		t.Errorf("certificate of %q, want first.example", got)
	}
	certificate(t, dir, "second.example")
	later := time.Now().Add(2 * time.Second) // a file system may have coarse times
	for _, f := range []string{"cert.pem", "key.pem"} {
		if err := os.Chtimes(filepath.Join(dir, f), later, later); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the new certificate is shown", func() bool { return name() == "second.example" })
}

// linphoneConfig makes a telephone without video and without a provider.
const linphoneConfig = `[sip]
sip_port=%d
sip_tcp_port=-1
sip_tls_port=-1
guess_hostname=1
contact="lin" <sip:lin@127.0.0.1>
[rtp]
audio_rtp_port=%d
[video]
enabled=0
display=0
capture=0
automatically_initiate=0
automatically_accept=0
`

// linphone and a caller of ours hear each other. It signals by IPv4 and may want its sound by IPv6.
func TestLinphone(t *testing.T) {
	t.Parallel()
	linphone, ffmpeg := have(t, "linphonec"), have(t, "ffmpeg")
	all := speakers(t)
	b := startBridge(t, bridge.Config{})
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".local/share/linphone"), 0o755); err != nil {
		t.Fatal(err)
	}
	said, heardFile := filepath.Join(home, "said.wav"), filepath.Join(home, "heard.wav")
	if out, err := exec.CommandContext(t.Context(), ffmpeg, "-loglevel", "error", "-i", all[0].file, "-af", "apad=pad_dur=60",
		"-ac", "1", "-ar", "16000", said).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	rc := filepath.Join(home, "rc")
	writeFile(t, rc, fmt.Sprintf(linphoneConfig, freePort(t), freePort(t)))
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, linphone, "-c", rc)
	cmd.Env = append(os.Environ(), "HOME="+home)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan ran, 1)
	go func() { ended <- finish(t, cmd) }()
	tell := func(line string) { _, _ = in.Write([]byte(line + "\n")) }
	tell("soundcard use files")
	tell("play " + said)
	tell("record " + heardFile)
	tell("call sip:1000@" + b.UDP)
	b.present(t, "1000", 1)
	voice, err := phone.LoadWAV(all[1].file, 8000)
	if err != nil {
		t.Fatal(err)
	}
	g := invite(t, newClient(t), "sip:1000@"+b.UDP, codec.PCMU, voice)
	b.present(t, "1000", 2)
	heard := g.listen(t, 7*8000)
	tell("terminate")
	b.present(t, "1000", 1)
	tell("quit")
	in.Close()
	if r := <-ended; r.code != 0 {
		t.Logf("linphonec: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	g.end()
	checkHeard(t, "the caller", heard, 1, 0)
	recorded, err := phone.LoadWAV(heardFile, 8000)
	if err != nil {
		t.Fatal(err)
	}
	checkHeard(t, "linphone", recorded, 0, 1)
}
