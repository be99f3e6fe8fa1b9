package uac_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/bench/uac"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answerer answers as told: for each request, the responses to it, each a status line.
type answerer struct {
	conn *net.UDPConn
	done sync.WaitGroup
	mu   sync.Mutex
	got  []string // the methods, in order
}

func answer(t *testing.T, script func(method string, nth int) []string) *answerer {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	a := &answerer{conn: conn}
	a.done.Go(func() {
		buf := make([]byte, 65536)
		count := map[string]int{}
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			head, _, _ := strings.Cut(string(buf[:n]), "\r\n\r\n")
			lines := strings.Split(head, "\r\n")
			method, _, _ := strings.Cut(lines[0], " ")
			a.mu.Lock()
			a.got = append(a.got, method)
			a.mu.Unlock()
			count[method]++
			for _, status := range script(method, count[method]) {
				var b strings.Builder
				fmt.Fprintf(&b, "SIP/2.0 %s\r\n", status)
				for _, h := range lines[1:] {
					switch name, _, _ := strings.Cut(h, ":"); name {
					case "Via", "From", "Call-ID", "CSeq":
						fmt.Fprintf(&b, "%s\r\n", h)
					case "To":
						fmt.Fprintf(&b, "%s;tag=x\r\n", strings.TrimSuffix(h, ";tag=x"))
					}
				}
				fmt.Fprintf(&b, "Contact: <sip:%s>\r\n\r\n", conn.LocalAddr())
				fmt.Fprintf(&b, "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n")
				if _, err := conn.WriteToUDPAddrPort([]byte(b.String()), from); err != nil {
					return
				}
			}
		}
	})
	t.Cleanup(func() { conn.Close(); a.done.Wait() })
	return a
}

func (a *answerer) address() netip.AddrPort {
	return netip.MustParseAddrPort(a.conn.LocalAddr().String())
}

func TestACall(t *testing.T) {
	for _, tt := range []struct {
		name           string
		script         func(method string, nth int) []string
		fails          string
		sent, received int64
	}{
		{"is answered and hung up", func(method string, _ int) []string {
			switch method {
			case "INVITE":
				return []string{"100 Trying", "180 Ringing", "200 OK"}
			case "BYE":
				return []string{"200 OK"}
			}
			return nil
		}, "", 0, 0},
		{"is refused with the reason", func(method string, _ int) []string {
			if method == "INVITE" {
				return []string{"486 Busy Here"}
			}
			return nil
		}, "486 Busy Here", 0, 0},
		{"is asked for again when the first INVITE gets lost", func(method string, nth int) []string {
			if method == "INVITE" && nth == 1 || method == "ACK" {
				return nil
			}
			return []string{"200 OK"}
		}, "", 1, 0},
		{"acknowledges an answer that comes again", func(method string, nth int) []string {
			switch method {
			case "INVITE":
				return []string{"200 OK", "200 OK"}
			case "BYE":
				return []string{"200 OK"}
			}
			return nil
		}, "", 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			far := answer(t, tt.script)
			a, err := uac.Listen(far.address())
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			c, err := a.Call(t.Context(), "1000", 4002)
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("got error %v, want %s", err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Media.String(); got != "127.0.0.1:4000" {
				t.Errorf("got media %s", got)
			}
			if err := c.Hangup(t.Context()); err != nil {
				t.Error(err)
			}
			if sent, received := a.Retransmissions(); sent != tt.sent || received != tt.received {
				t.Errorf("got %d requests and %d responses again, want %d and %d", sent, received, tt.sent, tt.received)
			}
		})
	}
}

func TestACallIsChangedByAnotherOffer(t *testing.T) {
	far := answer(t, func(method string, nth int) []string {
		switch {
		case method == "INVITE" && nth == 3:
			return []string{"488 Not Acceptable Here"}
		case method == "INVITE":
			return []string{"200 OK", "200 OK"} // each final answer comes twice
		case method == "BYE":
			return []string{"200 OK"}
		}
		return nil
	})
	a, err := uac.Listen(far.address())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	c, err := a.Place(t.Context(), "1000", "somebody", "v=0\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Change(t.Context(), "v=0\r\ns=other\r\n"); err != nil {
		t.Errorf("change: %v", err)
	}
	answer := c.Answer
	if err := c.Change(t.Context(), "v=0\r\ns=third\r\n"); err == nil || !strings.Contains(err.Error(), "488") {
		t.Errorf("a change that is refused: got %v", err)
	}
	if c.Answer != answer || !strings.Contains(answer, "m=audio 4000") {
		t.Errorf("the answer is %q, after a refusal %q", answer, c.Answer)
	}
	if err := c.Hangup(t.Context()); err != nil {
		t.Error(err)
	}
	far.mu.Lock()
	defer far.mu.Unlock()
	invites := 0
	for _, method := range far.got {
		if method == "INVITE" {
			invites++
		}
	}
	if invites != 3 {
		t.Errorf("%d INVITEs were sent: %v", invites, far.got)
	}
}
