package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is `confbridge serve` in a process of its own.
type process struct {
	cmd  *exec.Cmd
	sip  string // host:port
	http string // URL
	log  *bufio.Scanner
}

func startProcess(t *testing.T) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "serve")
	cmd.Env = []string{asProgram + "=1"}
	for name, value := range freePorts(t) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, log: bufio.NewScanner(stderr)}
	p.await(t, "msg=ready")
	var text string
	for lines := bufio.NewScanner(stdout); lines.Scan() && !strings.Contains(lines.Text(), " call sip:"); {
		text += lines.Text() + "\n"
	}
	p.sip = regexp.MustCompile(`udp://(\S+)`).FindStringSubmatch(text)[1]
	p.http = regexp.MustCompile(`http://\S+`).FindString(text)
	return p
}

// await reads the log up to a line that has the text.
func (p *process) await(t *testing.T, text string) {
	t.Helper()
	for p.log.Scan() {
		if strings.Contains(p.log.Text(), text) {
			return
		}
	}
	t.Fatalf("the log ended without %q", text)
}

// deafCaller is in a call and does not answer the BYE.
func deafCaller(t *testing.T, bridge string) {
	t.Helper()
	conn, err := net.Dial("udp", bridge)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	local := conn.LocalAddr().String()
	sdp := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
	request := func(method, toTag, body string) {
		_, err := fmt.Fprintf(conn, "%[1]s sip:1000@%[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bK%[1]s\r\n"+
			"From: <sip:deaf@%[3]s>;tag=f\r\nTo: <sip:1000@%[2]s>%[4]s\r\nCall-ID: deaf@test\r\nCSeq: 1 %[1]s\r\n"+
			"Contact: <sip:deaf@%[3]s>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: %[5]d\r\n\r\n%[6]s",
			method, bridge, local, toTag, len(body), body)
		if err != nil {
			t.Fatal(err)
		}
	}
	request("INVITE", "", sdp)
	if err := conn.SetReadDeadline(time.Now().Add(testWait)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65535)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		answer := string(buf[:n])
		if strings.HasPrefix(answer, "SIP/2.0 200 ") {
			request("ACK", regexp.MustCompile(`(?mi)^To:[^;]*(;tag=\S+)`).FindStringSubmatch(answer)[1], "")
			return
		}
		if !strings.HasPrefix(answer, "SIP/2.0 1") {
			t.Fatalf("refused:\n%s", answer)
		}
	}
}

func TestSIGTERMEndsTheProcessWith0(t *testing.T) {
	p := startProcess(t)
	deafCaller(t, p.sip)
	p.await(t, "call is answered")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.await(t, "msg=draining")
	if code, body := get(t, p.http+"/readyz"); code != http.StatusServiceUnavailable || body != "not ready: draining\n" {
		t.Errorf("/readyz while draining: got %d %q", code, body)
	}
	p.await(t, "msg=ended")
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("got %v, want exit 0", err)
	}
}

func TestASecondSignalForces(t *testing.T) {
	p := startProcess(t)
	deafCaller(t, p.sip)
	p.await(t, "call is answered")
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		if err := p.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if sig == os.Interrupt {
			p.await(t, "msg=draining")
		}
	}
	for p.log.Scan() {
		if strings.Contains(p.log.Text(), "msg=ended") {
			t.Error("the second signal was waited out")
		}
	}
	_ = p.cmd.Wait() // an error: a signal has ended it
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("got %v, want an end by SIGTERM", p.cmd.ProcessState)
	}
}
