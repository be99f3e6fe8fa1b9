package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
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
}

func (e *ear) Receive(m *message.Message, f Flow) { e.in <- received{m, f} }

func (e *ear) Closed(_ Flow, err error) {
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
	e := &ear{in: make(chan received, 10000), closed: make(chan error, 100)}
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

func TestTheTopmostViaSaysWhereARequestCameFrom(t *testing.T) {
	m, e := open(t, listenOn(both))
	for _, to := range m.Addrs() {
		c := call(t, to)
		for _, x := range []struct{ via, want string }{
			{"127.0.0.1:5099;branch=z9hG4bK1", "127.0.0.1:5099;branch=z9hG4bK1"},
			{"phone.example.com;branch=z9hG4bK1", "phone.example.com;branch=z9hG4bK1;received=127.0.0.1"},
			{"10.1.1.1:5099;rport;branch=z9hG4bK1", "10.1.1.1:5099;rport=" + c.port() + ";branch=z9hG4bK1;received=127.0.0.1"},
			{"127.0.0.1;rport;branch=z9hG4bK1", "127.0.0.1;rport=" + c.port() + ";branch=z9hG4bK1;received=127.0.0.1"},
			{"127.0.0.1;branch=z9hG4bK1;received=192.0.2.66", "127.0.0.1;branch=z9hG4bK1"}, // a peer must not send us elsewhere
			{"10.1.1.1;branch=z9hG4bK1;received=192.0.2.66;rport=99", "10.1.1.1;branch=z9hG4bK1;rport=" + c.port() + ";received=127.0.0.1"},
		} {
			c.say("%sl: 0\n\n", options(to.Transport+" "+x.via, 1))
			got := e.next(t)
			text := string(got.msg.Bytes())
			if want := "Via: SIP/2.0/" + to.Transport + " " + x.want + "\r\n"; !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
			if got.flow.Remote != addrPort(c.LocalAddr()) || got.flow.Local != to.Addr || got.flow.SentBy != (HostPort{"127.0.0.1", int(to.Addr.Port())}) {
				t.Errorf("flow %+v", got.flow)
			}
		}
	}
	if s := m.Stats(); s.ReceivedUDP != 6 || s.ReceivedTCP != 6 || s.Accepted != 1 || s.Connections != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestResponsesGoWhereRFC3261Section18_2_2Says(t *testing.T) {
	m, e := open(t, listenOn(both))
	udp, tcp := m.Addrs()[0], m.Addrs()[1]
	respond := func(r received) {
		t.Helper()
		if err := m.Respond(r.flow, r.msg.Via[0], message.NewResponse(r.msg, 200, "").Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("with rport to the port it came from, from the port it came to", func(t *testing.T) {
		c := call(t, udp)
		c.say("%s\n", options("UDP 10.9.9.9:5099;rport;branch=z9hG4bK1", 1))
		respond(e.next(t))
		if got := c.hear(); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") { // a connected socket takes it from there only
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("not to a stranger that maddr names", func(t *testing.T) {
		c := call(t, udp)
		c.say("%s\n", options("UDP 10.9.9.9:5099;rport;maddr=192.0.2.66;branch=z9hG4bK1", 1))
		respond(e.next(t))
		if got := c.hear(); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") {
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("without rport to the port in sent-by", func(t *testing.T) {
		pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = pc.Close() }()
		c := call(t, udp)
		c.say("%s\n", options(fmt.Sprintf("UDP 10.9.9.9:%d;branch=z9hG4bK1", addrPort(pc.LocalAddr()).Port()), 1))
		respond(e.next(t))
		_ = pc.SetDeadline(time.Now().Add(patience))
		buf := make([]byte, 2000)
		n, from, err := pc.ReadFrom(buf)
		if err != nil || addrPort(from) != udp.Addr || !strings.HasPrefix(string(buf[:n]), "SIP/2.0 200") {
			t.Errorf("got %q from %v, %v", buf[:n], from, err)
		}
	})
	t.Run("over TCP on the same connection", func(t *testing.T) {
		c := call(t, tcp)
		c.say("%sl: 0\n\n", options("TCP 10.9.9.9:5099;branch=z9hG4bK1", 1))
		respond(e.next(t))
		if got := c.hear(); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") {
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("over TCP on a new connection to sent-by where that is gone", func(t *testing.T) {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		c := call(t, tcp)
		c.say("%sl: 0\n\n", options(fmt.Sprintf("TCP phone.example.com:%d;branch=z9hG4bK1", addrPort(ln.Addr()).Port()), 1))
		r := e.next(t)
		_ = c.Close()
		for m.flowAlive(r.flow) {
			select {
			case <-e.closed:
			case <-time.After(patience):
				t.Fatal("the connection stays")
			}
		}
		respond(r)
		nc, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = nc.Close() }()
		again := &caller{t, nc}
		if got := again.hear(); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") {
			t.Errorf("got\n%s", got)
		}
	})
}

func TestMalformedRequestsGetA400ThatSaysWhy(t *testing.T) {
	m, e := open(t, listenOn(both))
	for _, to := range m.Addrs() {
		c := call(t, to)
		via := to.Transport + " 127.0.0.1;rport;branch=z9hG4bK1"
		c.say("%sl: 0\n\n", strings.Replace(options(via, 1), "To: <sip:x@bridge>", "To: \"x <sip:x@bridge>", 1))
		if got := c.hear(); !strings.HasPrefix(got, "SIP/2.0 400 Bad Request: To: quoted string without end\r\n") || !strings.Contains(got, "rport="+c.port()) {
			t.Errorf("got\n%s", got)
		}
		c.say("%sl: 0\n\n", strings.Replace(options(via, 1), "SIP/2.0\n", "SIP/7.0\n", 1))
		if got := c.hear(); !strings.HasPrefix(got, "SIP/2.0 505 Version Not Supported\r\n") {
			t.Errorf("got\n%s", got)
		}
		c.say("%sl: 0\n\n", strings.ReplaceAll(strings.Replace(options(via, 1), "To:", "Tx:", 1), "OPTIONS", "ACK")) // never answered
		c.say("%sl: 0\n\n", strings.Replace(options(via, 1), "Via:", "Vio:", 1))                                     // cannot be answered
		c.say("SIP/2.0 4294967301 x\nl: 0\n\n")
		c.say("%sl: 0\n\n", options(via, 77))
		if got := e.next(t).msg.CSeq.Seq; got != 77 {
			t.Errorf("got CSeq %d behind the malformed ones", got)
		}
	}
	if s := m.Stats(); s.Malformed != 10 || s.Answered400 != 4 {
		t.Errorf("got %+v", s)
	}
	c := call(t, m.Addrs()[0])
	c.say("%sContent-Length: 99\n\nshort", options("UDP 127.0.0.1;rport;branch=z9hG4bK1", 1))
	if got := c.hear(); !strings.HasPrefix(got, "SIP/2.0 400 Bad Request: Content-Length: 99 but only 5 octets of body\r\n") {
		t.Errorf("got\n%s", got)
	}
	c.say("%sContent-Length: 4\n\nbodyjunk", options("UDP 127.0.0.1;rport;branch=z9hG4bK1", 1))
	if got := string(e.next(t).msg.Body); got != "body" {
		t.Errorf("got body %q", got)
	}
}

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
	t.Run("a message too long gets 513 and ends the connection", func(t *testing.T) {
		c := call(t, to)
		c.say("%sl: 99999\n\n", options(via, 1))
		if got := c.gone(); !strings.HasPrefix(got, "SIP/2.0 513 Message Too Large\r\n") {
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
	back, err := b.Open(Target{"TCP", in.flow.Remote})
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
	f, err := m.Open(Target{"TCP", nobody})
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
	if _, err := m.Open(Target{"UDP", nobody}); !errors.Is(err, ErrNoListener) {
		t.Errorf("got %v, want ErrNoListener", err)
	}
	if _, err := m.Open(Target{"TCP", netip.MustParseAddrPort("[::1]:9")}); !errors.Is(err, ErrNoListener) {
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
	}{
		{"nothing is said", "", 50 * time.Millisecond, time.Hour},
		{"a message does not end", "OPTIONS sip:x SIP/2.0\n", time.Hour, 50 * time.Millisecond},
		{"a body does not end", "OPTIONS sip:x SIP/2.0\nl: 9\n\nx", time.Hour, 50 * time.Millisecond},
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
			if n := m.Stats().Timeouts; n != 1 {
				t.Errorf("got %d timeouts, want 1", n)
			}
		})
	}
}

func TestSocketsOnAllAddressesAnswerFromTheOneAsked(t *testing.T) {
	m, e := open(t, listenOn("udp://0.0.0.0:0 tcp://0.0.0.0:0"))
	port := m.Addrs()[0].Addr.Port()
	for _, ip := range []string{"127.0.0.1", "127.0.0.2"} { // all of 127/8 is ours on Linux
		to := netip.AddrPortFrom(netip.MustParseAddr(ip), port)
		c := call(t, Target{"UDP", to})
		c.say("%s\n", options("UDP 10.0.0.1;rport;branch=z9hG4bK1", 1))
		r := e.next(t)
		if r.flow.Local != to || r.flow.SentBy.Host != ip {
			t.Errorf("got %+v, want local %v", r.flow, to)
		}
		if err := m.Respond(r.flow, r.msg.Via[0], []byte("pong")); err != nil {
			t.Fatal(err)
		}
		if got := c.hear(); got != "pong" {
			t.Errorf("got %q", got)
		}
	}
	ip, err := m.LocalIP(netip.MustParseAddr("127.0.0.1"))
	if err != nil || ip.String() != "127.0.0.1" {
		t.Errorf("LocalIP: got %v, %v", ip, err)
	}
	f, err := m.Open(Target{"UDP", netip.MustParseAddrPort("127.0.0.1:9")})
	if err != nil || f.SentBy != (HostPort{"127.0.0.1", int(port)}) || f.Reliable() {
		t.Errorf("Open: got %+v, %v", f, err)
	}
	f, err = m.Open(Target{"TCP", netip.MustParseAddrPort("127.0.0.1:" + strconv.Itoa(int(m.Addrs()[1].Addr.Port())))})
	if err != nil || f.SentBy.Host != "127.0.0.1" || !f.Reliable() {
		t.Errorf("Open: got %+v, %v", f, err)
	}
}

func TestIPv6(t *testing.T) {
	if c, err := net.ListenPacket("udp6", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6:", err)
	} else {
		_ = c.Close()
	}
	m, e := open(t, listenOn("udp://[::]:0 tcp://[::1]:0"))
	for _, l := range m.Addrs() {
		c := call(t, Target{l.Transport, netip.AddrPortFrom(netip.IPv6Loopback(), l.Addr.Port())})
		c.say("%sl: 0\n\n", options(l.Transport+" [2001:db8::9];rport;branch=z9hG4bK1", 1))
		r := e.next(t)
		if r.flow.SentBy.Host != "::1" || r.msg.Via[0].Received() != "::1" {
			t.Errorf("got %+v %+v", r.flow, r.msg.Via[0])
		}
		if err := m.Respond(r.flow, r.msg.Via[0], []byte("pong")); err != nil {
			t.Fatal(err)
		}
		if got := c.hear(); got != "pong" {
			t.Errorf("got %q", got)
		}
	}
}

func TestListenErrorsHelp(t *testing.T) {
	m, _ := open(t, listenOn(both))
	for _, a := range m.Addrs() {
		_, err := Listen(t.Context(), Config{Listen: []string{"udp://127.0.0.1:0", a.String()}})
		if !errors.Is(err, ErrAddressUsed) || !strings.Contains(err.Error(), a.String()) || !strings.Contains(err.Error(), "ss -lnptu sport = :") {
			t.Errorf("got %v", err)
		}
	}
	for url, want := range map[string]string{
		"127.0.0.1:5060":          "want a form such as udp://0.0.0.0:5060",
		"smtp://127.0.0.1:25":     `unknown transport "smtp"`,
		"udp://host.invalid:5060": "must be an IP address",
		"udp://127.0.0.1:70000":   "port must be a number",
		"udp://192.0.2.77:0":      "this machine has no address 192.0.2.77",
	} {
		if _, err := Listen(t.Context(), Config{Listen: []string{url}}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), url) {
			t.Errorf("%s: got %v", url, err)
		}
	}
	if _, err := Listen(t.Context(), Config{Listen: []string{"udp://x:1"}}); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v, want ErrConfig", err)
	}
}

func TestResolve(t *testing.T) {
	m, _ := open(t, listenOn(both))
	for uri, want := range map[string]string{
		"sip:a@127.0.0.1":                            "udp://127.0.0.1:5060",
		"sip:a@127.0.0.1:5070;transport=tcp":         "tcp://127.0.0.1:5070",
		"sip:a@[2001:db8::1]":                        "udp://[2001:db8::1]:5060",
		"sips:a@127.0.0.1":                           "tls://127.0.0.1:5061",
		"sip:a@example.com;maddr=127.0.0.9;lr":       "udp://127.0.0.9:5060",
		"sip:a@localhost;transport=tcp":              "tcp://127.0.0.1:5060",
		"sip:no-such-host.invalid":                   "",
		"tel:+12":                                    "",
		"sip:a@localhost;transport=sctp":             "",
		"sip:1000@127.0.0.1:5080;user=phone;x=y?a=b": "udp://127.0.0.1:5080",
	} {
		u, err := message.ParseURI(uri)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Resolve(t.Context(), u)
		if (err == nil) != (want != "") || err == nil && got.String() != want || err != nil && !errors.Is(err, ErrResolve) {
			t.Errorf("%s: got %v, %v; want %s", uri, got, err, want)
		}
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
