package test

import (
	"bufio"
	"context"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/test/bridge"
)

// arrows are the labels of a ladder, each with ">" in front if we sent it and "<" if we received it.
func arrows(ladder string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{3} +\+\d+\.\d{3}  \|(<?)-+ (.*?) -+>?\|`).FindAllStringSubmatch(ladder, -1) {
		direction := ">"
		if m[1] != "" {
			direction = "<"
		}
		all = append(all, direction+m[2])
	}
	return all
}

func TestACallAsALadder(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	w := b.openWire(t, "udp")
	d := w.dial("1000", plainSDP)
	d.sendWith("INFO", "Authorization: Digest username=\"wire\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"deadbeef\"\nContent-Type: application/dtmf-relay", "Signal=7\nDuration=160\n")
	if res := d.response(d.cseq, "INFO"); res.StatusCode != 200 {
		t.Fatalf("INFO: %d %s", res.StatusCode, res.Reason)
	}
	d.bye()
	ladder := b.must(t, "trace", "--call", d.id)
	want := []string{"<INVITE 1", ">200 OK INVITE 1", "<ACK 1", "<INFO 2", ">200 OK INFO 2", "<BYE 3", ">200 OK BYE 3"}
	got := slices.DeleteFunc(arrows(ladder), func(a string) bool { return strings.HasPrefix(a, ">1") }) // 100, 180: as may be
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q in\n%s", got, want, ladder)
	}
	for _, part := range []string{"call " + d.id, "offer PCMU keys 127.0.0.1:", "answer PCMU keys 127.0.0.1:"} {
		if !strings.Contains(ladder, part) {
			t.Errorf("no %q in\n%s", part, ladder)
		}
	}
	full := b.must(t, "trace", "--from", "wire", "--full")
	if strings.Contains(full, "deadbeef") || strings.Contains(full, "Signal=7") {
		t.Errorf("a secret is shown:\n%s", full)
	}
	for _, part := range []string{`username="wire", realm="r", nonce="n", uri="sip:r", response="********"`, "Signal=*", "Duration=160"} {
		if !strings.Contains(full, part) {
			t.Errorf("no %q in\n%s", part, full)
		}
	}
	if list := b.must(t, "trace"); !strings.Contains(list, "wire@127.0.0.1") || !strings.Contains(list, "1000@127.0.0.1") {
		t.Errorf("the call is not in the list:\n%s", list)
	}
	if r := b.run(t, "trace", "--call", "nobody"); r.code != 1 || !strings.Contains(r.stderr, "nobody") {
		t.Errorf("a call that never was: exit %d, %s", r.code, r.stderr)
	}
	if n, _ := b.metric(t, "confbridge_trace_messages_total", `result="kept"`); n < float64(len(want)) {
		t.Errorf("confbridge_trace_messages_total{result=\"kept\"} is %v, want at least %d", n, len(want))
	}
}

func TestWhatIsNoSIPIsKeptBySource(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	b.openWire(t, "udp").raw([]byte("GET / HTTP/1.0\r\n\r\n"))
	eventually(t, "it is kept", func() bool {
		return strings.Contains(b.run(t, "trace", "--unreadable").stdout, "no SIP: GET / HTTP/1.0")
	})
}

func TestFollowingTheMessages(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := b.followTrace(t, ctx, "--from", "wire")
	d := b.openWire(t, "tcp").dial("1000", plainSDP)
	d.bye()
	for _, want := range []string{"<INVITE 1", ">200 OK INVITE 1", "<ACK 1", "<BYE 2", ">200 OK BYE 2"} {
		for a := ""; a != want; {
			select {
			case line := <-out:
				if all := arrows(line); len(all) == 1 {
					a = all[0]
					if !strings.HasPrefix(a, ">1") && a != want {
						t.Fatalf("got %q, want %q", a, want)
					}
				}
			case <-time.After(patience):
				t.Fatalf("no %q comes", want)
			}
		}
	}
}

// followTrace runs `confbridge trace --follow` until ctx ends, and gives its lines once it follows.
func (b *running) followTrace(t *testing.T, ctx context.Context, args ...string) <-chan string {
	t.Helper()
	cmd := b.command(ctx, append([]string{"trace", "--follow"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines, done := make(chan string, 1000), make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
		_ = cmd.Wait() // killed by ctx
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	return lines
}

func TestHomerGetsEveryMessage(t *testing.T) {
	t.Parallel()
	homer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer homer.Close()
	b := startBridge(t, bridge.Config{HEP: homer.LocalAddr().String()})
	d := b.openWire(t, "udp").dial("1000", plainSDP)
	d.bye()
	want := []string{"INVITE sip:1000", "SIP/2.0 200 OK", "ACK sip:1000", "BYE sip:1000", "SIP/2.0 200 OK"}
	_ = homer.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 65536)
	for len(want) > 0 {
		n, err := homer.Read(buf)
		if err != nil {
			t.Fatalf("%v; not yet come: %q", err, want)
		}
		packet := string(buf[:n])
		if !strings.HasPrefix(packet, "HEP3") || !strings.Contains(packet, d.id) {
			t.Errorf("got %q", packet)
		}
		if strings.Contains(packet, want[0]) {
			want = want[1:]
		}
	}
	if n, _ := b.metric(t, "confbridge_hep_packets_total", `result="sent"`); n < 5 {
		t.Errorf("confbridge_hep_packets_total{result=\"sent\"} is %v, want 5 or more", n)
	}
}
