package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/sipua/message"
)

// bystander is a connection that must not notice what others do.
type bystander struct {
	*caller
	m *Manager
	e *ear
}

func newBystander(t *testing.T, m *Manager, e *ear) *bystander {
	t.Helper()
	b := &bystander{call(t, Target{Transport: "TCP", Addr: m.Addrs()[len(m.Addrs())-1].Addr}), m, e}
	b.served(t)
	return b
}

// served sends a request and wants its answer.
func (b *bystander) served(t *testing.T) {
	t.Helper()
	b.say("%sl: 0\n\n", options("TCP x;branch=z9hG4bKbystander", 1))
	r := b.e.next(t)
	if err := b.m.Respond(r.flow, r.msg.Via[0], []byte("pong")); err != nil {
		t.Fatal(err)
	}
	if got := b.hear(); got != "pong" {
		t.Errorf("the bystander got %q", got)
	}
}

// reasons are the counters that say why a connection ended.
func reasons(s Stats) Stats {
	return Stats{
		Malformed: s.Malformed, Refused: s.Refused, HandshakeFailed: s.HandshakeFailed, OriginRefused: s.OriginRefused,
		IdleTimeouts: s.IdleTimeouts, MessageTimeouts: s.MessageTimeouts, TooLarge: s.TooLarge, Floods: s.Floods,
	}
}

// goneBut waits until n connections are left.
func goneBut(t *testing.T, m *Manager, e *ear, n int) {
	t.Helper()
	for m.Stats().Connections > n {
		select {
		case <-e.closed:
		case <-time.After(patience):
			t.Fatalf("%d connections are left, want %d", m.Stats().Connections, n)
		}
	}
}

func TestSlowLoris(t *testing.T) {
	const n = 500
	cfg := listenOn("tcp://127.0.0.1:0")
	cfg.MaxConnsPerSource, cfg.MessageTimeout = n+1, 2*time.Second
	m, e := open(t, cfg)
	good := newBystander(t, m, e)
	before := inUse()
	var slow []*caller
	for range n {
		c := call(t, m.Addrs()[0])
		c.say("OPTIONS sip:x SIP/2.0\nVia: ")
		slow = append(slow, c)
	}
	good.served(t)
	if per := (int64(inUse()) - int64(before)) / n; per > 32<<10 {
		t.Errorf("each costs %d octets", per)
	}
	dropping := make(chan struct{})
	go func() { // an octet now and then does not buy more time
		defer close(dropping)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for alive := n; alive > 0; <-tick.C {
			alive = 0
			for _, c := range slow {
				if _, err := c.Write([]byte("x")); err == nil {
					alive++
				}
			}
		}
	}()
	goneBut(t, m, e, 1)
	<-dropping
	good.served(t)
	if diff := cmp.Diff(Stats{MessageTimeouts: n}, reasons(m.Stats())); diff != "" {
		t.Error(diff)
	}
}

func TestBadStreams(t *testing.T) {
	head := options("TCP x;branch=z9hG4bK1", 1)
	for _, c := range []struct {
		name, say string
		answer    string // how what comes back begins
		want      Stats
	}{
		// All of these go on writing for a while before they look: the answer must not be lost to a reset.
		{"a header that does not end", head + strings.Repeat("X: yyyyyyyyyyyyyyy\n", 10000), "SIP/2.0 513 ", Stats{TooLarge: 1}},
		{"a line that does not end", head + "X: " + strings.Repeat("y", 200000), "SIP/2.0 513 ", Stats{TooLarge: 1}},
		{"no line end at all", strings.Repeat("y", 200000), "", Stats{TooLarge: 1}},
		{"a Content-Length over the limit", head + "l: 100000000\n\n" + strings.Repeat("y", 200000), "SIP/2.0 413 ", Stats{TooLarge: 1}},
		{"a Content-Length that is no number", head + "l: -1\n\n" + strings.Repeat("y", 200000), "SIP/2.0 400 ", Stats{Malformed: 1}},
		{"two Content-Lengths", head + "l: 1\nContent-Length: 2\n\n" + strings.Repeat("y", 200000), "SIP/2.0 400 ", Stats{Malformed: 1}},
		{"garbage", strings.Repeat("\x00\xff\n\n", 20000), "", Stats{Malformed: 1}},
		{"a Content-Length that is too long", head + "l: 6\n\nhello", "", Stats{MessageTimeouts: 1}},
		{"a Content-Length that is too short", head + "l: 2\n\nhello\n\n" + head + "l: 0\n\n", "SIP/2.0 200", Stats{Malformed: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := listenOn("tcp://127.0.0.1:0")
			cfg.MessageTimeout = time.Second
			m, e := open(t, cfg)
			good := newBystander(t, m, e)
			bad := call(t, m.Addrs()[0])
			bad.say("%s", c.say)
			if c.answer == "SIP/2.0 200" { // the first of two messages is one
				if r := e.next(t); string(r.msg.Body) != "he" {
					t.Errorf("got body %q", r.msg.Body)
				}
				bad.gone()
			} else if got := bad.gone(); !strings.HasPrefix(got, c.answer) || (c.answer == "") != (got == "") {
				t.Errorf("got %q", got)
			}
			_ = bad.Close()
			goneBut(t, m, e, 1)
			good.served(t)
			if diff := cmp.Diff(c.want, reasons(m.Stats())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatADeafPeerCostsIsBounded(t *testing.T) {
	cfg := listenOn("tcp://127.0.0.1:0")
	cfg.WriteQueue, cfg.WriteTimeout = 1000, time.Hour
	m, e := open(t, cfg)
	good := newBystander(t, m, e)
	deaf := call(t, m.Addrs()[0])
	deaf.say("%sl: 0\n\n", options("TCP x;branch=z9hG4bK1", 1))
	f := e.next(t).flow
	data := make([]byte, message.MaxMessageBytes)
	sent := 0
	for err := error(nil); err == nil; sent++ {
		if err = m.Send(f, data); err != nil && !errors.Is(err, ErrQueueFull) {
			t.Fatal(err)
		}
		if sent > 1000 {
			t.Fatal("the queue takes everything")
		}
	}
	m.mu.Lock()
	c := m.conns[f.ID]
	m.mu.Unlock()
	c.mu.Lock()
	waiting := c.queued
	c.mu.Unlock()
	if waiting > maxQueueBytes {
		t.Errorf("%d octets wait", waiting)
	}
	good.served(t)
}

func TestBadHandshakes(t *testing.T) {
	ca := newAuthority(t)
	for _, c := range []struct{ name, url, say string }{
		{"garbage instead of TLS", "tls", "\x00\xff\x13garbage" + strings.Repeat("x", 1000)},
		{"SIP instead of TLS", "tls", crlf(options("TLS x;branch=z9hG4bK1", 1) + "l: 0\n\n")},
		{"a TLS handshake that does not end", "tls", "\x16\x03\x01\x02\x00\x01\x00"},
		{"a TLS record of garbage", "tls", "\x16\x03\x01\x00\x20" + strings.Repeat("\xff", 32)},
		{"nothing", "tls", ""},
		{"nothing, where HTTP is wanted", "ws", ""},
		{"garbage instead of HTTP", "ws", "\x00\xff\r\n\r\n"},
		{"an HTTP header that does not end", "ws", "GET / HTTP/1.1\r\n" + strings.Repeat("X: yyyyyyyyyy\r\n", 2000)},
		{"an HTTP line that does not end", "ws", "GET /" + strings.Repeat("y", 30000)},
		{"an HTTP request that does not end", "ws", "GET / HTTP/1.1\r\nHost: x\r\n"},
		{"a key that is none", "ws", "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Protocol: sip\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := tlsOn(c.url+"://127.0.0.1:0 tcp://127.0.0.1:0", ca.issue("127.0.0.1"))
			cfg.DialTimeout = 500 * time.Millisecond
			m, e := open(t, cfg)
			good := newBystander(t, m, e)
			bad := call(t, Target{Transport: "TCP", Addr: m.Addrs()[0].Addr})
			_, _ = bad.Write([]byte(c.say))
			bad.gone()
			_ = bad.Close()
			goneBut(t, m, e, 1)
			good.served(t)
			if diff := cmp.Diff(Stats{HandshakeFailed: 1}, reasons(m.Stats())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHandshakesThatDoNotEndCountAsConnections(t *testing.T) {
	ca := newAuthority(t)
	cfg := tlsOn("tls://127.0.0.1:0", ca.issue("127.0.0.1"))
	cfg.MaxConnsPerSource, cfg.DialTimeout = 3, time.Hour
	m, _ := open(t, cfg)
	to := Target{Transport: "TCP", Addr: m.Addrs()[0].Addr}
	for range 3 {
		call(t, to).say("\x16")
	}
	if got := call(t, to).gone(); got != "" {
		t.Errorf("got %q", got)
	}
	if s := m.Stats(); s.Refused != 1 || s.Connections != 3 {
		t.Errorf("got %+v", s)
	}
}

// upgraded is a WebSocket by hand.
func upgraded(t *testing.T, m *Manager) *caller {
	t.Helper()
	c := call(t, Target{Transport: "TCP", Addr: m.Addrs()[0].Addr})
	c.say("GET / HTTP/1.1\nHost: x\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Protocol: sip\n\n")
	if got := c.hear(); !strings.HasPrefix(got, "HTTP/1.1 101 Switching Protocols\r\n") || !strings.HasSuffix(got, "\r\n\r\n") {
		t.Fatalf("got %q", got)
	}
	return c
}

// frame is a WebSocket frame with a mask of zeros.
func frame(first byte, announced uint64, payload string) string {
	b := []byte{first}
	switch {
	case announced < 126:
		b = append(b, 0x80|byte(announced))
	case announced < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(announced))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), announced)
	}
	return string(b) + "\x00\x00\x00\x00" + payload
}

func TestBadWebSockets(t *testing.T) {
	sip := crlf(options("WS x;branch=z9hG4bK1", 1) + "\n")
	const text, begin, more, ping = 0x81, 0x01, 0x00, 0x89
	for _, c := range []struct {
		name, say string
		code      uint16 // of the closing frame; 0: none
		want      Stats
	}{
		{"a frame of 100 MB announced", frame(text, 100<<20, "x"), 1009, Stats{TooLarge: 1}},
		{"a length of 64 bits", frame(text, 1<<63, ""), 1009, Stats{TooLarge: 1}},
		{"a message over the limit in many frames", frame(begin, 60000, strings.Repeat("x", 60000)) + frame(more, 60000, strings.Repeat("x", 60000)), 1009, Stats{TooLarge: 1}},
		{"garbage", strings.Repeat("\x83\x85\x00\x00\x00\x00hello", 100), 1002, Stats{Malformed: 1}},
		{"a frame without a mask", "\x81\x05hello", 1002, Stats{Malformed: 1}},
		{"a continuation of nothing", frame(more, 1, "x"), 1002, Stats{Malformed: 1}},
		{"more pings than anybody needs", strings.Repeat(frame(ping, 0, ""), 5000), 1008, Stats{Floods: 1}},
		{"pings between the pieces of a message", frame(begin, 1, "x") + strings.Repeat(frame(ping, 4, "ping"), 5000), 1008, Stats{Floods: 1}},
		{"a message that does not end", frame(begin, 1, "x"), 0, Stats{MessageTimeouts: 1}},
		{"a frame that does not end", frame(text, 1000, "x"), 0, Stats{MessageTimeouts: 1}},
		{"a header that does not end", "\x81", 0, Stats{MessageTimeouts: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := listenOn("ws://127.0.0.1:0 tcp://127.0.0.1:0")
			cfg.MessageTimeout = time.Second
			m, e := open(t, cfg)
			good := newBystander(t, m, e)
			bad := upgraded(t, m)
			for range 2 { // it is a WebSocket first
				bad.Write([]byte(frame(text, uint64(len(sip)), sip)))
				e.next(t)
			}
			_, _ = bad.Write([]byte(c.say))
			got := bad.gone()
			var want string
			if c.code != 0 {
				want = string(binary.BigEndian.AppendUint16([]byte{0x88, 2}, c.code))
			}
			if i := strings.LastIndexByte(got, 0x88); c.code == 0 && i >= 0 || c.code != 0 && (i < 0 || len(got) < i+4 || got[i+2:i+4] != want[2:]) {
				t.Errorf("got the end %q, want %q", got[max(0, len(got)-20):], want)
			}
			_ = bad.Close()
			goneBut(t, m, e, 1)
			good.served(t)
			if diff := cmp.Diff(c.want, reasons(m.Stats())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIdleWebSocketsArePinged(t *testing.T) {
	m, e := open(t, listenOn("ws://127.0.0.1:0"))
	c := upgraded(t, m)
	sip := crlf(options("WS x;branch=z9hG4bK1", 1) + "\n")
	_, _ = c.Write([]byte(frame(0x81, uint64(len(sip)), sip)))
	f := e.next(t).flow
	m.mu.Lock()
	conn := m.conns[f.ID]
	m.mu.Unlock()
	if err := conn.send(ping); err != nil { // as readOctets does when pingEvery is over
		t.Fatal(err)
	}
	if got := c.hear(); got != "\x89\x00" {
		t.Errorf("got %q, want a ping", got)
	}
	if n := m.Stats().SentTCP; n != 0 {
		t.Errorf("a ping counts as %d messages", n)
	}
}

// FuzzFrameWatch wants the same of octets however they come, and that nothing is passed which announces too much.
func FuzzFrameWatch(f *testing.F) {
	f.Add([]byte(frame(0x81, 5, "hello")+frame(0x89, 0, "")), byte(1))
	f.Add([]byte(frame(0x01, 300, strings.Repeat("x", 300))+frame(0x80, 2, "ab")), byte(7))
	f.Add([]byte(frame(0x82, 100<<20, "x")), byte(3))
	f.Add(bytes.Repeat([]byte(frame(0x89, 0, "")), 300), byte(50))
	f.Fuzz(func(t *testing.T, data []byte, step byte) {
		var whole, pieces frameWatch
		now := time.Now()
		wholeErr := whole.pass(data, now)
		var err error
		for rest := data; len(rest) > 0 && err == nil; {
			n := min(len(rest), int(step)+1)
			err = pieces.pass(rest[:n], now)
			rest = rest[n:]
		}
		if !errors.Is(err, wholeErr) || wholeErr == nil && whole != pieces {
			t.Errorf("got %v %+v in pieces of %d, %v %+v at once", err, pieces, int(step)+1, wholeErr, whole)
		}
		if whole.left > message.MaxMessageBytes+4 {
			t.Errorf("%d octets are awaited", whole.left)
		}
	})
}
