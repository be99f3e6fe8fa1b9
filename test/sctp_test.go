package test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/test/bridge"
)

// buildPeer compiles the SCTP peer of test/sctp, once. It must be there: `make test` installs libusrsctp-dev.
var buildPeer = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(workDir, "sctp-client")
	out, err := exec.Command("gcc", "-Wall", "-O1", "-o", binary, "sctp/client.c", "-lusrsctp", "-lpthread").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// peer is one association of usrsctp's with the bridge.
type peer struct {
	t      *testing.T
	local  string
	in     io.Writer
	events chan event // closed at the end
	early  []*message.Message
}

// event is a line that the peer says, with what is behind it.
type event struct {
	line string // "recv STREAM FLAGS PPID LENGTH" and others; see sctp/client.c
	body []byte
}

// openPeer starts a peer and waits until its association is up.
func openPeer(t *testing.T, args ...string) *peer {
	t.Helper()
	binary, err := buildPeer()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, args...) // ends with its input, after the test
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
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
	p := &peer{t: t, local: args[0], in: in, events: make(chan event, 100)}
	go p.follow(bufio.NewReader(out))
	t.Cleanup(func() {
		_ = in.Close()
		for range p.events { //nolint:revive // until its end
		}
		if err := cmd.Wait(); err != nil || complaints.Len() > 0 {
			t.Errorf("the peer: %v: %s", err, complaints.String())
		}
	})
	if e := p.next(); !strings.HasPrefix(e.line, "up ") {
		t.Fatalf("the peer says %q: %s", e.line, complaints.String())
	}
	return p
}

func (p *peer) follow(out *bufio.Reader) {
	defer close(p.events)
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			return
		}
		e := event{line: strings.TrimSpace(line)}
		var stream, ppid, n int
		var flags string
		if _, err := fmt.Sscanf(line, "recv %d %s %d %d", &stream, &flags, &ppid, &n); err == nil {
			e.body = make([]byte, n)
			if _, err := io.ReadFull(out, e.body); err != nil {
				return
			}
		}
		p.events <- e
	}
}

func (p *peer) next() event {
	p.t.Helper()
	select {
	case e := <-p.events:
		return e
	case <-time.After(patience):
		p.t.Fatal("the peer says nothing")
		panic("unreachable")
	}
}

// say writes a command.
func (p *peer) say(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format, args...); err != nil {
		p.t.Fatal(err)
	}
}

// request sends a SIP request on a stream. tag is the bridge's, where there is one.
func (p *peer) request(method string, cseq, stream int, flags, tag, body string) {
	p.t.Helper()
	if tag != "" {
		tag = ";tag=" + tag
	}
	text := fmt.Sprintf(`%[1]s sip:1000@%[2]s;transport=sctp SIP/2.0
Via: SIP/2.0/SCTP %[2]s;rport;branch=z9hG4bK-sctp-%[3]d
From: <sip:peer@%[2]s>;tag=peer
To: <sip:1000@%[2]s>%[4]s
Call-ID: %[5]s
CSeq: %[6]d %[1]s
Contact: <sip:peer@%[2]s;transport=sctp>
Max-Forwards: 70
`, method, p.local, serial.Add(1), tag, p.t.Name(), cseq)
	if body != "" {
		text += "Content-Type: application/sdp\n"
	}
	text = strings.ReplaceAll(text+"\n"+body, "\n", "\r\n")
	p.say("send %d %s %d\n%s", stream, flags, len(text), text)
}

// response waits for the final response to a request, which must come on stream zero, unordered and of protocol 0 (RFC 4168 §5.1).
func (p *peer) response(method message.Method, cseq uint32) *message.Message {
	p.t.Helper()
	for i, m := range p.early {
		if m.CSeq.Method == method && m.CSeq.Seq == cseq {
			p.early = slices.Delete(p.early, i, i+1)
			return m
		}
	}
	for {
		e := p.next()
		if !strings.HasPrefix(e.line, "recv 0 u 0 ") {
			p.t.Fatalf("got %q", e.line)
		}
		m, err := message.Parse(e.body)
		if err != nil {
			p.t.Fatalf("%v: %s", err, e.body)
		}
		if m.StatusCode < 200 {
			continue
		}
		if m.CSeq.Method == method && m.CSeq.Seq == cseq {
			return m
		}
		p.early = append(p.early, m) // streams overtake each other
	}
}

// onSCTP runs a test with a bridge over each carrier; dial opens a peer.
func onSCTP(t *testing.T, test func(t *testing.T, b *running, dial func(t *testing.T) *peer)) {
	for _, row := range []struct {
		name, url string
		udp       bool
	}{
		{"over IP", "sctp://%s:5060", false},
		{"over UDP", "sctp+udp://%s:9899", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if !row.udp {
				needRawSockets(t)
			}
			ip := ownIP()
			b := startBridge(t, bridge.Config{Listen: []string{fmt.Sprintf(row.url, ip), "udp://127.0.0.1:0"}})
			test(t, b, func(t *testing.T) *peer {
				args := []string{"127.0.0.1", ip, "5060"}
				if row.udp { // the peer's own port is another each time, so the bridge must answer where the packets come from
					args = append(args, strconv.Itoa(freePort(t)), "9899")
				}
				return openPeer(t, args...)
			})
		})
	}
}

// needRawSockets skips where SCTP over IP cannot be.
func needRawSockets(t *testing.T) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, 132)
	if errors.Is(err, syscall.EPERM) {
		t.Skip("SCTP over IP needs CAP_NET_RAW, which this process has not:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Close(fd)
}

func TestAnotherSCTP(t *testing.T) {
	onSCTP(t, func(t *testing.T, b *running, dial func(t *testing.T) *peer) {
		p := dial(t)
		for stream := range 10 { // in order on each, and all of them
			p.request("OPTIONS", 1+stream, stream, "-", "", "")
		}
		for stream := range 10 {
			if res := p.response(message.Options, uint32(1+stream)); res.StatusCode != 200 {
				t.Errorf("stream %d: got %d", stream, res.StatusCode)
			}
		}
		p.request("INVITE", 20, 0, "u", "", strings.ReplaceAll(plainSDP, "{port}", "29999"))
		res := p.response(message.Invite, 20)
		if res.StatusCode != 200 || res.Contact[0].URI.Host == "" || len(res.Body) == 0 {
			t.Fatalf("got %s", res.Bytes())
		}
		if transport, _ := res.Contact[0].URI.Param("transport"); !strings.EqualFold(transport, "sctp") {
			t.Errorf("the contact is %v", res.Contact[0].URI)
		}
		tag, _ := res.To.Params.Find("tag")
		p.request("ACK", 20, 3, "u", tag, "")
		b.present(t, "1000", 1)
		// in many fragments, there and (as far as the answer quotes it) back
		p.request("OPTIONS", 21, 1, "u", "", strings.Repeat("a=x:0123456789\n", 3000))
		if res := p.response(message.Options, 21); res.StatusCode < 200 {
			t.Errorf("got %d", res.StatusCode)
		}
		p.request("BYE", 22, 5, "u", tag, "")
		if res := p.response(message.Bye, 22); res.StatusCode != 200 {
			t.Errorf("got %d", res.StatusCode)
		}
		b.present(t, "1000", 0)
		p.say("shutdown\n")
		if e := p.next(); e.line != "down shutdown" {
			t.Errorf("got %q", e.line)
		}
	})
}

func TestAnotherSCTPAborts(t *testing.T) {
	onSCTP(t, func(t *testing.T, b *running, dial func(t *testing.T) *peer) {
		t.Run("abort", func(t *testing.T) {
			p := dial(t)
			p.request("OPTIONS", 1, 0, "u", "", "")
			if res := p.response(message.Options, 1); res.StatusCode != 200 {
				t.Errorf("got %d", res.StatusCode)
			}
			p.say("abort\n")
		})
		t.Run("and another comes", func(t *testing.T) {
			p := dial(t)
			p.request("OPTIONS", 1, 0, "u", "", "")
			if res := p.response(message.Options, 1); res.StatusCode != 200 {
				t.Errorf("got %d", res.StatusCode)
			}
		})
	})
}
