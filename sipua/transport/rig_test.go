package transport

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/sipua/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; it passes as soon as it does.
const patience = 20 * time.Second

type received struct {
	msg  *message.Message
	flow Flow
}

// ear is a Handler made of channels. A test that does not read them must make them large enough.
type ear struct {
	in     chan received
	closed chan error
	failed chan Flow // what Closed tells of UDP
}

func (e *ear) Receive(m *message.Message, f Flow) { e.in <- received{m, f} }

func (e *ear) Closed(f Flow, err error) {
	if !f.Reliable() {
		select {
		case e.failed <- f:
		default:
		}
	}
	select {
	case e.closed <- err:
	default:
	}
}

func (e *ear) next(t *testing.T) received {
	t.Helper()
	select {
	case r := <-e.in:
		return r
	case <-time.After(patience):
		t.Fatal("nothing was handed up")
		panic("unreachable")
	}
}

func open(t *testing.T, cfg Config) (*Manager, *ear) {
	t.Helper()
	m, err := Listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	e := &ear{in: make(chan received, 10000), closed: make(chan error, 100), failed: make(chan Flow, 100)}
	m.Start(e)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, e
}

// caller is a peer on a socket of its own.
type caller struct {
	t *testing.T
	net.Conn
}

func call(t *testing.T, to Target) *caller {
	t.Helper()
	c, err := net.Dial(strings.ToLower(to.Transport), to.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &caller{t, c}
}

func (c *caller) say(format string, args ...any) {
	c.t.Helper()
	if _, err := c.Write([]byte(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\r\n"))); err != nil {
		c.t.Fatal(err)
	}
}

func (c *caller) hear() string {
	c.t.Helper()
	buf := make([]byte, 65536)
	n, err := c.Read(buf)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(buf[:n])
}

// gone reads until the other side closes and returns what came before.
func (c *caller) gone() string {
	c.t.Helper()
	b, err := io.ReadAll(c)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		c.t.Fatal(err)
	}
	return string(b)
}

func (c *caller) port() string {
	return strconv.Itoa(int(addrPort(c.LocalAddr()).Port()))
}

// options is a request without Content-Length; via is what stands behind "SIP/2.0/".
func options(via string, cseq int) string {
	return fmt.Sprintf("OPTIONS sip:x@bridge SIP/2.0\nVia: SIP/2.0/%s\nFrom: <sip:a@b>;tag=1\nTo: <sip:x@bridge>\nCall-ID: c\nCSeq: %d OPTIONS\nMax-Forwards: 70\n", via, cseq)
}

const both = "udp://127.0.0.1:0 tcp://127.0.0.1:0"

func listenOn(urls string) Config { return Config{Listen: strings.Fields(urls)} }
