package transport

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

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
		if got := c.hear(); !strings.HasPrefix(got, "SIP/2.0 505 Version Not Supported\r\n") || !strings.Contains(got, "\r\nTo: <sip:x@bridge>;tag=") {
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
