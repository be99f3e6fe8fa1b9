package sipua

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/sipua/message"
)

// TestLimitsAreAnswered breaks each limit over each transport: something must come back, and calls go on.
func TestLimitsAreAnswered(t *testing.T) {
	many := strings.Repeat
	head := func(w *wire, method, uri string) string {
		return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;rport;branch=z9hG4bK%s\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:1000@b>\r\nCall-ID: %[5]s\r\n"+
			"CSeq: 1 %[1]s\r\nContact: <sip:a@b>\r\n", method, uri, w.transport, w.host(), w.callID)
	}
	for _, row := range []struct {
		name   string
		over   string // one transport only
		text   func(w *wire) string
		status int
		closed bool // the connection is ended: nobody knows where the next message begins
	}{
		{"a body of more than 32 KiB", "", func(w *wire) string {
			return head(w, "INVITE", "sip:1000@b") + fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", maxBodyBytes+1, many("v", maxBodyBytes+1))
		}, 413, false},
		{"a body of more than a message may have", "TCP", func(w *wire) string {
			return head(w, "INVITE", "sip:1000@b") + "Content-Type: application/sdp\r\nContent-Length: 70000\r\n\r\nv=0\r\n"
		}, 413, true},
		{"a body of 2 GiB to come", "TCP", func(w *wire) string {
			return head(w, "OPTIONS", "sip:1000@b") + "Content-Length: 2147483646\r\n\r\n"
		}, 413, true},
		{"a Content-Length beyond all bounds", "TCP", func(w *wire) string {
			return head(w, "OPTIONS", "sip:1000@b") + "Content-Length: 99999999999999999999\r\n\r\n"
		}, 400, true},
		{"a body shorter than it says", "UDP", func(w *wire) string {
			return head(w, "OPTIONS", "sip:1000@b") + "Content-Length: 70000\r\n\r\nv=0\r\n"
		}, 400, false},
		{"a Request-URI of more than 8 KiB", "", func(w *wire) string {
			return head(w, "OPTIONS", "sip:"+many("1", message.MaxLineBytes)+"@b") + "Content-Length: 0\r\n\r\n"
		}, 414, false},
		{"a header of more than 32 KiB that does not end", "TCP", func(w *wire) string {
			return head(w, "OPTIONS", "sip:1000@b") + many("X: "+many("y", 1000)+"\r\n", 33)
		}, 513, true},
		{"a line of more than 8 KiB", "", func(w *wire) string {
			return head(w, "OPTIONS", "sip:1000@b") + "X: " + many("y", message.MaxLineBytes) + "\r\nContent-Length: 0\r\n\r\n"
		}, 400, false},
		{"too many header fields", "", func(w *wire) string {
			return head(w, "OPTIONS", "sip:1000@b") + many("X: y\r\n", message.MaxHeaders) + "Content-Length: 0\r\n\r\n"
		}, 400, false},
		{"too many parameters", "", func(w *wire) string {
			return head(w, "OPTIONS", "sip:1000@b"+many(";a", message.MaxParams+1)) + "Content-Length: 0\r\n\r\n"
		}, 400, false},
		{"too many routes", "", func(w *wire) string {
			return head(w, "OPTIONS", "sip:1000@b") + "Route: <sip:a>" + many(",<sip:a>", message.MaxValues) + "\r\nContent-Length: 0\r\n\r\n"
		}, 400, false},
		{"too many hops", "", func(w *wire) string {
			return head(w, "OPTIONS", "sip:1000@b") + "Via: SIP/2.0/UDP a" + many(",SIP/2.0/UDP a", message.MaxVias) + "\r\nContent-Length: 0\r\n\r\n"
		}, 400, false},
	} {
		for _, over := range []string{"UDP", "TCP"} {
			if row.over != "" && row.over != over {
				continue
			}
			t.Run(over+": "+row.name, func(t *testing.T) {
				b := newBridge(t, nil)
				w := b.phone(t, over)
				w.raw(row.text(w))
				res := status(t, w)
				if res != row.status {
					t.Errorf("got %d, want %d", res, row.status)
				}
				if row.closed {
					if _, err := io.Copy(io.Discard, w.in); err != nil && !strings.Contains(err.Error(), "reset") {
						t.Errorf("the connection was not closed: %v", err)
					}
					w = b.phone(t, over)
				}
				w.seq = 10
				w.send("OPTIONS", "")
				if got := status(t, w); got != 200 {
					t.Errorf("OPTIONS behind it: got %d, want 200", got)
				}
			})
		}
	}
}

// status reads one response, of which the header may be longer than a message may be, and returns its status.
func status(t *testing.T, w *wire) (code int) {
	t.Helper()
	text := string(w.readText())
	if _, err := fmt.Sscanf(text, "SIP/2.0 %d ", &code); err != nil {
		t.Fatalf("got %.200q", text)
	}
	return code
}
