package transport

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

func TestStreamsAreCutByContentLength(t *testing.T) {
	m, e := open(t, listenOn("tcp://127.0.0.1:0"))
	to := m.Addrs()[0]
	via := "TCP 127.0.0.1;branch=z9hG4bK1"
	t.Run("messages in one write and in many, with keepalives between", func(t *testing.T) {
		c := call(t, to)
		one := options(via, 1) + "Content-Length: 5\n\nhello"
		c.say("%s", "\n"+one+"\n\n\n"+one+one)
		for range 3 {
			if got := string(e.next(t).msg.Body); got != "hello" {
				t.Errorf("got body %q", got)
			}
		}
		for _, b := range []byte(strings.ReplaceAll(one, "\n", "\r\n")) {
			if _, err := c.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(e.next(t).msg.Body); got != "hello" {
			t.Errorf("got body %q", got)
		}
	})
	t.Run("a double CRLF is answered with one", func(t *testing.T) { // RFC 5626 §3.5.1
		c := call(t, to)
		c.say("\n\n")
		if got := c.hear(); got != "\r\n" {
			t.Errorf("got %q", got)
		}
		c.say("\n")
		c.say("\n")
		if got := c.hear(); got != "\r\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a message without Content-Length gets 400 and ends the connection", func(t *testing.T) {
		c := call(t, to)
		c.say("%s\n", options(via, 1))
		if got := c.gone(); !strings.HasPrefix(got, "SIP/2.0 400 Bad Request: Content-Length: missing on a stream\r\n") {
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("a body too long gets 413 and ends the connection", func(t *testing.T) {
		c := call(t, to)
		c.say("%sl: 99999\n\n", options(via, 1))
		if got := c.gone(); !strings.HasPrefix(got, "SIP/2.0 413 Request Entity Too Large\r\n") {
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("a header without end ends the connection", func(t *testing.T) {
		c := call(t, to)
		if _, err := c.Write([]byte(strings.ReplaceAll(options(via, 1), "\n", "\r\n") + strings.Repeat("X: yyyyyyyyyyyyyyy\r\n", 1700))); err != nil {
			t.Fatal(err)
		}
		if got := c.gone(); !strings.HasPrefix(got, "SIP/2.0 513 ") {
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("in order, whatever happens", func(t *testing.T) {
		c := call(t, to)
		const n = 5000
		go func() {
			var b strings.Builder
			for i := range n {
				b.WriteString(strings.ReplaceAll(options(via, i)+"l: 0\n\n", "\n", "\r\n"))
			}
			_, _ = c.Write([]byte(b.String()))
		}()
		for i := range n {
			if got := e.next(t).msg.CSeq.Seq; got != uint32(i) {
				t.Fatalf("got CSeq %d, want %d", got, i)
			}
		}
	})
}

func TestRequestsReuseConnections(t *testing.T) {
	a, _ := open(t, listenOn("tcp://127.0.0.1:0"))
	b, e := open(t, listenOn("tcp://127.0.0.1:0"))
	to := b.Addrs()[0]
	var flows []Flow
	for i := range 3 {
		f, err := a.Open(to)
		if err != nil {
			t.Fatal(err)
		}
		if f.SentBy.Port != int(a.Addrs()[0].Addr.Port()) {
			t.Errorf("sent-by %v is not the listener's", f.SentBy)
		}
		if err := a.Send(f, []byte(strings.ReplaceAll(options("TCP x;branch=z9hG4bK1", i)+"l: 0\n\n", "\n", "\r\n"))); err != nil {
			t.Fatal(err)
		}
		flows = append(flows, f)
	}
	var in received
	for i := range 3 {
		if in = e.next(t); in.msg.CSeq.Seq != uint32(i) {
			t.Errorf("got CSeq %d, want %d", in.msg.CSeq.Seq, i)
		}
	}
	if flows[0] != flows[1] || flows[1] != flows[2] || a.Stats().Opened != 1 {
		t.Errorf("connections are not reused: %v", flows)
	}
	// A request the other way takes the connection that is there.
	back, err := b.Open(Target{Transport: "TCP", Addr: in.flow.Remote})
	if err != nil || back != in.flow {
		t.Errorf("got %v, %v; want %v", back, err, in.flow)
	}
}

func TestConnectionsThatCannotBeOpenedAreTold(t *testing.T) {
	m, e := open(t, listenOn("tcp://127.0.0.1:0"))
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := addrPort(ln.Addr())
	_ = ln.Close()
	f, err := m.Open(Target{Transport: "TCP", Addr: nobody})
	if err != nil {
		t.Fatal(err)
	}
	_ = m.Send(f, []byte("x"))
	select {
	case err := <-e.closed:
		if err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Closed was not called")
	}
	if err := m.Send(f, []byte("x")); !errors.Is(err, ErrFlowGone) {
		t.Errorf("got %v, want ErrFlowGone", err)
	}
	if _, err := m.Open(Target{Transport: "UDP", Addr: nobody}); !errors.Is(err, ErrNoListener) {
		t.Errorf("got %v, want ErrNoListener", err)
	}
	if _, err := m.Open(Target{Transport: "SMTP", Addr: nobody}); !errors.Is(err, ErrNoListener) {
		t.Errorf("got %v, want ErrNoListener", err)
	}
}

func TestAPeerThatDoesNotReadCostsNobodyElse(t *testing.T) {
	cfg := listenOn("tcp://127.0.0.1:0")
	cfg.WriteQueue, cfg.WriteTimeout = 4, 300*time.Millisecond
	m, e := open(t, cfg)
	deaf, good := call(t, m.Addrs()[0]), call(t, m.Addrs()[0])
	deaf.say("%sl: 0\n\n", options("TCP x;branch=z9hG4bK1", 1))
	f := e.next(t).flow
	var closed error
	full := false
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for deadline := time.After(patience); closed == nil; {
		if err := m.Send(f, make([]byte, 60000)); errors.Is(err, ErrQueueFull) && !full {
			full = true
			good.say("%sl: 0\n\n", options("TCP x;branch=z9hG4bK1", 2))
			r := e.next(t)
			if err := m.Respond(r.flow, r.msg.Via[0], []byte("pong")); err != nil {
				t.Fatal(err)
			}
			if got := good.hear(); got != "pong" {
				t.Errorf("got %q", got)
			}
		}
		select {
		case closed = <-e.closed:
		case <-pace.C:
		case <-deadline:
			t.Fatal("the deaf connection stays")
		}
	}
	var ne net.Error // the write timeout
	if !full || !errors.As(closed, &ne) || !ne.Timeout() {
		t.Errorf("queue full: %v, closed: %v", full, closed)
	}
	if m.Stats().QueueFull == 0 {
		t.Error("dropped messages are not counted")
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	cfg := listenOn("tcp://127.0.0.1:0")
	cfg.MaxConnsPerSource = 2
	m, e := open(t, cfg)
	a, b := call(t, m.Addrs()[0]), call(t, m.Addrs()[0])
	for _, c := range []*caller{a, b} {
		c.say("%sl: 0\n\n", options("TCP x;branch=z9hG4bK1", 1))
		e.next(t)
	}
	if got := call(t, m.Addrs()[0]).gone(); got != "" {
		t.Errorf("got %q", got)
	}
	if s := m.Stats(); s.Refused != 1 || s.Connections != 2 {
		t.Errorf("got %+v", s)
	}
	_ = a.Close()
	<-e.closed
	for m.Stats().Connections != 1 {
		t.Fatal("a closed connection counts")
	}
	c := call(t, m.Addrs()[0])
	c.say("\n\n")
	if got := c.hear(); got != "\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestSlowAndSilentConnectionsAreClosed(t *testing.T) {
	for _, c := range []struct {
		name, say     string
		idle, message time.Duration
		want          Stats
	}{
		{"nothing is said", "", 50 * time.Millisecond, time.Hour, Stats{IdleTimeouts: 1}},
		{"a message does not end", "OPTIONS sip:x SIP/2.0\n", time.Hour, 50 * time.Millisecond, Stats{MessageTimeouts: 1}},
		{"a body does not end", "OPTIONS sip:x SIP/2.0\nl: 9\n\nx", time.Hour, 50 * time.Millisecond, Stats{MessageTimeouts: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := listenOn("tcp://127.0.0.1:0")
			cfg.IdleTimeout, cfg.MessageTimeout = c.idle, c.message
			m, _ := open(t, cfg)
			peer := call(t, m.Addrs()[0])
			peer.say("%s", c.say)
			if got := peer.gone(); got != "" {
				t.Errorf("got %q", got)
			}
			if s := m.Stats(); s.IdleTimeouts != c.want.IdleTimeouts || s.MessageTimeouts != c.want.MessageTimeouts {
				t.Errorf("got %+v, want %+v", s, c.want)
			}
		})
	}
}

func TestCloseWritesWhatIsQueuedAndThenRefuses(t *testing.T) {
	m, err := Listen(context.WithoutCancel(t.Context()), listenOn(both))
	if err != nil {
		t.Fatal(err)
	}
	e := &ear{in: make(chan received, 10), closed: make(chan error, 10)}
	m.Start(e)
	c := call(t, m.Addrs()[1])
	c.say("%sl: 0\n\n", options("TCP x;branch=z9hG4bK1", 1))
	f := e.next(t).flow
	for range 50 {
		if err := m.Send(f, []byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(c.gone()); got != 500 {
		t.Errorf("got %d octets, want 500", got)
	}
	if err := m.Send(f, []byte("x")); !errors.Is(err, ErrFlowGone) {
		t.Errorf("got %v", err)
	}
	if _, err := m.Open(m.Addrs()[1]); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	u, err := m.Open(m.Addrs()[0])
	if err == nil {
		err = m.Send(u, []byte("x"))
	}
	if !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := <-e.closed; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
