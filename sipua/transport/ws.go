package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/confbridge/confbridge/sipua/message"
)

// maxUpgradeBytes is the longest HTTP request that is read.
const maxUpgradeBytes = 16 << 10

// ws is SIP over WebSocket (RFC 7118): one message is one WebSocket message. The HTTP request in front of it is read by the
// connection's own goroutine.
func (m *Manager) ws() stream {
	return stream{
		name: "WS", pings: true,
		listen: listenTCP,
		dial:   dialTCP,
		greet:  m.greetWS,
		frames: wsFrames,
	}
}

// wss is ws over TLS.
func (m *Manager) wss() stream {
	kind := m.ws()
	kind.name, kind.named = "WSS", true
	kind.greet = func(ctx context.Context, nc net.Conn, to Target, inbound bool) (net.Conn, error) {
		tc, err := m.greetTLS(ctx, nc, to, inbound)
		if err != nil {
			return nil, err
		}
		return m.greetWS(ctx, tc, to, inbound)
	}
	return kind
}

// wsConn is a WebSocket as a net.Conn. Write writes one message, and a ping where there is nothing to write; Read is of the
// connection below, for wire.
type wsConn struct {
	net.Conn
	wire *wire
	ws   *websocket.Conn
	ctx  context.Context // never ends: deadlines are the connection's below
	code websocket.StatusCode
}

// wire is the connection below a WebSocket, as the WebSocket sees it: with our deadlines, and under watch.
type wire struct {
	net.Conn
	src      octets // nil during the handshake
	pending  []byte // read behind the HTTP request
	watch    frameWatch
	err      error         // why nothing more is read
	written  atomic.Int64  // UnixNano of the write deadline
	patience time.Duration // for a write without one
}

func (w *wire) Read(p []byte) (n int, err error) {
	switch {
	case w.err != nil:
		return 0, w.err
	case len(w.pending) > 0:
		n = copy(p, w.pending)
		w.pending = w.pending[n:]
	case w.src == nil:
		n, err = w.Conn.Read(p)
	default:
		n, err = w.src.readOctets(p, w.watch.midway())
	}
	if err == nil {
		err = w.watch.pass(p[:n], time.Now())
	}
	if err != nil && w.src != nil {
		w.err = err
		n = 0
	}
	return n, err
}

// Write sets a deadline where there is none that holds: answers to pings are written by whoever reads.
func (w *wire) Write(p []byte) (int, error) {
	if now := time.Now(); w.written.Load() < now.UnixNano() {
		_ = w.SetWriteDeadline(now.Add(w.patience))
	}
	return w.Conn.Write(p)
}

func (w *wire) SetWriteDeadline(t time.Time) error {
	w.written.Store(t.UnixNano())
	return w.Conn.SetWriteDeadline(t)
}

// Close only ends what waits: the connection's own goroutine closes it, when the last words have been said.
func (w *wire) Close() error { return w.SetDeadline(time.Unix(1, 0)) }

func (c *wsConn) SetWriteDeadline(t time.Time) error { return c.wire.SetWriteDeadline(t) }
func (c *wsConn) NetConn() net.Conn                  { return c.Conn }

func (c *wsConn) peerNames() []string {
	if id, ok := c.Conn.(identified); ok {
		return id.peerNames()
	}
	return nil
}

// Write writes one message: as text where it is UTF-8, else as binary (RFC 7118 §4).
func (c *wsConn) Write(p []byte) (int, error) {
	if len(p) == 0 { // a whole frame in one write: it does not come between another's octets
		ping := []byte{0x89, 0}
		if c.wire.watch.client {
			ping = []byte{0x89, 0x80, 0, 0, 0, 0}
		}
		return c.wire.Write(ping)
	}
	kind := websocket.MessageText
	if !utf8.Valid(p) {
		kind = websocket.MessageBinary
	}
	if err := c.ws.Write(c.ctx, kind, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// CloseWrite says goodbye, and does not wait for the peer to say it too.
func (c *wsConn) CloseWrite() error {
	if c.wire.err == nil {
		c.wire.err = net.ErrClosed
	}
	return c.ws.Close(c.code, "")
}

// Close closes the connection below, which ends whatever the WebSocket does.
func (c *wsConn) Close() error {
	err := c.Conn.Close()
	_ = c.ws.CloseNow()
	return err
}

// greetWS does the opening handshake (RFC 7118 §4.1, RFC 6455 §4).
func (m *Manager) greetWS(ctx context.Context, nc net.Conn, to Target, inbound bool) (net.Conn, error) {
	w := &wire{Conn: nc, patience: m.cfg.WriteTimeout}
	if t, ok := ctx.Deadline(); ok {
		_ = nc.SetReadDeadline(t)
		_ = w.SetWriteDeadline(t)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	shake := m.acceptWS
	if !inbound {
		shake = dialWS
	}
	ws, err := shake(ctx, w, to)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(message.MaxMessageBytes)
	return &wsConn{Conn: nc, wire: w, ws: ws, ctx: context.WithoutCancel(ctx), code: websocket.StatusGoingAway}, nil
}

// acceptWS reads the HTTP request and answers it.
func (m *Manager) acceptWS(_ context.Context, w *wire, _ Target) (*websocket.Conn, error) {
	in := bufio.NewReaderSize(io.LimitReader(w.Conn, maxUpgradeBytes), 2048)
	req, err := http.ReadRequest(in)
	if err != nil {
		return nil, fmt.Errorf("HTTP request: %w", err)
	}
	res := &responder{wire: w, in: in, header: http.Header{}}
	if !offersSIP(req) { // RFC 7118 §4.1
		http.Error(res, "this is for SIP over WebSocket: Sec-WebSocket-Protocol must have sip", http.StatusBadRequest)
		return nil, errors.Join(errors.New("the WebSocket subprotocol sip is not offered"), res.flush())
	}
	ws, err := websocket.Accept(res, req, &websocket.AcceptOptions{Subprotocols: []string{"sip"}, OriginPatterns: m.cfg.Origins})
	if err == nil {
		return ws, nil
	}
	if res.status == http.StatusForbidden {
		err = fmt.Errorf("%w: %w", errOrigin, err)
	}
	return nil, errors.Join(err, res.flush())
}

// offersSIP looks for the subprotocol; a request that is no upgrade is Accept's to refuse.
func offersSIP(req *http.Request) bool {
	if req.Header.Get("Upgrade") == "" {
		return true
	}
	for _, field := range req.Header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(field, ",") {
			if strings.EqualFold(strings.TrimSpace(name), "sip") {
				return true
			}
		}
	}
	return false
}

// responder is the http.ResponseWriter and http.Hijacker of the one response.
type responder struct {
	wire   *wire
	in     *bufio.Reader
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *responder) Header() http.Header { return r.header }

func (r *responder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *responder) Write(p []byte) (int, error) { return r.body.Write(p) }

func (r *responder) flush() error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", r.status, http.StatusText(r.status))
	if r.status != http.StatusSwitchingProtocols {
		r.header.Set("Content-Length", strconv.Itoa(r.body.Len()))
		r.header.Set("Connection", "close")
	}
	_ = r.header.Write(&b)
	b.WriteString("\r\n")
	b.Write(r.body.Bytes())
	_, err := r.wire.Write(b.Bytes())
	return err
}

// Hijack gives the connection away, with what has been read of it too far.
func (r *responder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := r.flush(); err != nil {
		return nil, nil, err
	}
	r.wire.pending, _ = r.in.Peek(r.in.Buffered())
	return r.wire, bufio.NewReadWriter(bufio.NewReaderSize(r.wire, 1024), bufio.NewWriterSize(r.wire, 1024)), nil
}

// dialWS asks for a WebSocket.
func dialWS(ctx context.Context, w *wire, to Target) (*websocket.Conn, error) {
	w.watch.client, w.watch.inHTTP = true, 1
	host := to.Addr.String()
	if to.Name != "" {
		host = net.JoinHostPort(to.Name, strconv.Itoa(int(to.Addr.Port())))
	}
	tr := &http.Transport{
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return w, nil },
		MaxResponseHeaderBytes: maxUpgradeBytes,
	}
	ws, res, err := websocket.Dial(ctx, "ws://"+host+"/", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: tr}, Subprotocols: []string{"sip"},
	})
	if res != nil && res.Body != nil && err != nil {
		_ = res.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	if ws.Subprotocol() != "sip" { // RFC 7118 §4.1
		return nil, errors.Join(errors.New("the WebSocket server does not speak the subprotocol sip"), ws.CloseNow())
	}
	return ws, nil
}

// wsMessages gives the messages of a WebSocket.
type wsMessages struct {
	c   *wsConn
	buf []byte
}

func wsFrames(nc net.Conn, src octets) messages {
	c := nc.(*wsConn)
	c.wire.src = src
	return &wsMessages{c: c}
}

// next returns one WebSocket message. A double CRLF is a keepalive that wants an answer (RFC 7118 §6), a single one is an answer.
func (w *wsMessages) next() ([]byte, error) {
	for {
		if cap(w.buf) > 4096 {
			w.buf = nil
		}
		w.buf = w.buf[:0]
		_, r, err := w.c.ws.Reader(w.c.ctx)
		if err == nil {
			err = w.take(r)
		}
		switch {
		case err != nil:
			return nil, w.why(err)
		case string(w.buf) == "\r\n\r\n":
			return nil, nil
		case !blank(w.buf):
			return w.buf, nil
		}
	}
}

// take reads one message.
func (w *wsMessages) take(r io.Reader) error {
	for {
		if len(w.buf) == cap(w.buf) {
			bigger := make([]byte, len(w.buf), max(2048, 2*cap(w.buf)))
			copy(bigger, w.buf)
			w.buf = bigger
		}
		n, err := r.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// why says what a WebSocket's error means for the connection.
func (w *wsMessages) why(err error) error {
	if w.c.wire.err != nil {
		err = w.c.wire.err
	}
	var fault *frameError
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		err = errFrameTooLarge
	case websocket.CloseStatus(err) != -1:
		return errPeerClosed
	case w.c.wire.err == nil:
		err = &frameError{status: 400, reason: "WebSocket: " + err.Error()}
	}
	if errors.As(err, &fault) {
		w.c.code = websocket.StatusProtocolError
		switch fault.status {
		case 413, 513:
			w.c.code = websocket.StatusMessageTooBig
		case 0:
			w.c.code = websocket.StatusPolicyViolation
		}
	}
	return err
}
