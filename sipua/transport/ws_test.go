package transport

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// browser opens a WebSocket as a web page does.
func browser(t *testing.T, m *Manager, opts *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	opts.HTTPClient = &http.Client{Transport: tr}
	return websocket.Dial(ctx, "ws://"+m.Addrs()[0].Addr.String()+"/ws", opts)
}

func TestWebSocketMessages(t *testing.T) {
	m, e := open(t, listenOn("ws://127.0.0.1:0"))
	ws, res, err := browser(t, m, &websocket.DialOptions{Subprotocols: []string{"sip"}}) //nolint:bodyclose // it is the WebSocket
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	if res.Header.Get("Sec-WebSocket-Protocol") != "sip" {
		t.Errorf("got %v", res.Header)
	}
	without := crlf(options("WS df7jal23ls0d.invalid;branch=z9hG4bK1", 1) + "\nhello") // RFC 7118 §4: needs no Content-Length
	for _, c := range []struct {
		kind websocket.MessageType
		text string
		body string
	}{
		{websocket.MessageText, without, "hello"},
		{websocket.MessageBinary, without + "\xff\x00", "hello\xff\x00"},
		{websocket.MessageText, crlf(options("WS x;branch=z9hG4bK1", 1)+"l: 3\n\n") + "abc", "abc"},
	} {
		if err := ws.Write(t.Context(), c.kind, []byte(c.text)); err != nil {
			t.Fatal(err)
		}
		r := e.next(t)
		if string(r.msg.Body) != c.body || r.flow.Transport != "WS" {
			t.Errorf("got %q over %s", r.msg.Body, r.flow)
		}
		for reply, want := range map[string]websocket.MessageType{"pong": websocket.MessageText, "pong\xff": websocket.MessageBinary} {
			if err := m.Respond(r.flow, r.msg.Via[0], []byte(reply)); err != nil {
				t.Fatal(err)
			}
			kind, got, err := ws.Read(t.Context())
			if err != nil || string(got) != reply || kind != want {
				t.Errorf("got %v %q, %v", kind, got, err)
			}
		}
	}
	if err := ws.Write(t.Context(), websocket.MessageText, []byte("\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := ws.Read(t.Context()); string(got) != "\r\n" {
		t.Errorf("the keepalive is answered with %q, %v", got, err)
	}
	ctx := ws.CloseRead(t.Context())
	if err := ws.Ping(ctx); err != nil {
		t.Errorf("no pong: %v", err)
	}
	if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("the closing handshake: %v", err)
	}
	select {
	case err := <-e.closed:
		if !strings.Contains(err.Error(), "peer has closed") {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		t.Error("the connection stays")
	}
}

func TestWhoMayOpenAWebSocket(t *testing.T) {
	cfg := listenOn("ws://127.0.0.1:0")
	cfg.Origins = []string{"app.example", "https://*.trusted.example"}
	m, e := open(t, cfg)
	own := m.Addrs()[0].Addr.String()
	sip := []string{"sip"}
	for _, c := range []struct {
		name, origin string
		protocols    []string
		status       int
	}{
		{"no web page", "", sip, 101},
		{"a page of the same host", "http://" + own, sip, 101},
		{"a page that is allowed", "https://app.example", sip, 101},
		{"a page by a pattern", "https://a.trusted.example", sip, 101},
		{"a page by a pattern, with the wrong scheme", "http://a.trusted.example", sip, 403},
		{"another page", "https://evil.example", sip, 403},
		{"no subprotocol", "", nil, 400},
		{"another subprotocol", "", []string{"xmpp", "mqtt"}, 400},
		{"several subprotocols", "", []string{"xmpp", "sip"}, 101},
	} {
		header := http.Header{}
		if c.origin != "" {
			header.Set("Origin", c.origin)
		}
		ws, res, err := browser(t, m, &websocket.DialOptions{Subprotocols: c.protocols, HTTPHeader: header})
		if res == nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if res.StatusCode != c.status {
			t.Errorf("%s: got %d, want %d", c.name, res.StatusCode, c.status)
		}
		if err == nil {
			_ = ws.CloseNow()
		} else {
			_ = res.Body.Close()
		}
	}
	goneBut(t, m, e, 0)
	if s := m.Stats(); s.OriginRefused != 2 || s.HandshakeFailed != 2 {
		t.Errorf("got %d origins refused and %d handshakes failed, want 2 and 2", s.OriginRefused, s.HandshakeFailed)
	}
}

func TestAPlainHTTPRequestIsAnswered(t *testing.T) {
	m, _ := open(t, listenOn("ws://127.0.0.1:0"))
	c := call(t, Target{Transport: "TCP", Addr: m.Addrs()[0].Addr})
	c.say("GET / HTTP/1.1\nHost: x\n\n")
	if got := c.gone(); !strings.HasPrefix(got, "HTTP/1.1 426 Upgrade Required\r\n") {
		t.Errorf("got %q", got)
	}
}

func TestWebSocketsAreDialled(t *testing.T) {
	ca := newAuthority(t)
	server, theirs := open(t, tlsOn("ws://127.0.0.1:0 wss://127.0.0.1:0", ca.issue("127.0.0.1", "bridge.example")))
	client, mine := open(t, Config{TLS: TLS{CAFile: ca.file}})
	for _, to := range server.Addrs() {
		if to.Transport == "WSS" {
			to.Name = "bridge.example"
		}
		r, err := ask(t, client, mine, theirs, to)
		if err != nil {
			t.Fatal(err)
		}
		if r.flow.Transport != to.Transport || r.flow.Secure() != (to.Transport == "WSS") {
			t.Errorf("got %+v", r.flow)
		}
		res := "SIP/2.0 200 OK\r\nVia: SIP/2.0/WS x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
		if err := server.Respond(r.flow, r.msg.Via[0], []byte(res)); err != nil {
			t.Fatal(err)
		}
		if got := mine.next(t); got.msg.StatusCode != 200 {
			t.Errorf("got %s", got.msg.Bytes())
		}
		if to.Name = "evil.example"; to.Transport == "WSS" {
			if _, err := ask(t, client, mine, theirs, to); err == nil || !strings.Contains(err.Error(), "not for") {
				t.Errorf("got %v, want a refusal of the name", err)
			}
		}
	}
}
