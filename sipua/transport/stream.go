package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// stream is one connection-oriented transport. Another one is a file that makes such a value, and a line in
// Manager.stream. One Write on a connection is one whole message.
type stream struct {
	name string
	// named says that greet makes the server prove to be Target.Name, so that connections are kept apart by it.
	named bool
	// pings says that an empty Write is a ping, to be sent while a connection is idle.
	pings bool
	// bound says that dial is of a listener's socket alone: without one there is no dialling.
	bound bool
	// listen opens a listener whose Accept waits for no peer: what must be talked over first is greet's.
	listen func(ctx context.Context, addr netip.AddrPort) (net.Listener, error)
	// dial opens a connection, from the local address and port if that is valid: it is what we have told the peer.
	dial func(ctx context.Context, local, to netip.AddrPort) (net.Conn, error)
	// greet makes a new connection ready (a TLS or WebSocket handshake), on that connection's goroutine and within
	// DialTimeout; it returns what to read and write instead. to.Name is who must be there, where we have dialled. nil where
	// there is nothing to do. It closes nothing. A net.Conn that is an identified tells who the peer has proved to be.
	greet func(ctx context.Context, nc net.Conn, to Target, inbound bool) (net.Conn, error)
	// frames cuts what is read into messages: by Content-Length (framer), or where one Read is one message (wholes). nc is
	// what greet returned. It must read by src alone, which keeps the deadlines.
	frames func(nc net.Conn, src octets) messages
}

// identified is a connection whose peer has proved who it is, as TLS's.
type identified interface {
	peerNames() []string
}

// messages is a stream cut into messages. next returns one, good until the next call; nil is a keepalive that wants
// CR LF in answer. The error is a *frameError, or the source's.
type messages interface {
	next() ([]byte, error)
}

// stream returns a transport by its name.
func (m *Manager) stream(name string) (stream, bool) {
	switch name {
	case "TCP":
		return tcp(), true
	case "TLS":
		return m.tls(), true
	case "WS":
		return m.ws(), true
	case "WSS":
		return m.wss(), true
	case "SCTP", "SCTP+UDP":
		return m.sctp(name == "SCTP+UDP"), true
	}
	return stream{}, false
}

// tcp is SIP over TCP (RFC 3261 §18).
func tcp() stream {
	return stream{
		name:   "TCP",
		listen: listenTCP,
		dial:   dialTCP,
		frames: func(_ net.Conn, src octets) messages { return &framer{src: src} },
	}
}

func listenTCP(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, network("tcp", addr.Addr()), addr.String())
}

func dialTCP(ctx context.Context, local, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	if local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(local)
		nc, err := d.DialContext(ctx, network("tcp", to.Addr()), to.String())
		if !errors.Is(err, syscall.EADDRINUSE) { // somebody was faster to take the port
			return nc, err
		}
		d.LocalAddr = nil
	}
	return d.DialContext(ctx, network("tcp", to.Addr()), to.String())
}

// streamListener is one listener of a stream transport.
type streamListener struct {
	m    *Manager
	kind stream
	ln   net.Listener
	addr netip.AddrPort
}

func (m *Manager) listenStream(ctx context.Context, name string, addr netip.AddrPort) error {
	kind, _ := m.stream(name)
	ln, err := kind.listen(ctx, addr)
	if err != nil {
		return err
	}
	l := &streamListener{m: m, kind: kind, ln: ln, addr: addrPort(ln.Addr())}
	m.streams = append(m.streams, l)
	m.addrs = append(m.addrs, Target{Transport: kind.name, Addr: l.addr})
	return nil
}

// accept is the listener's goroutine.
func (l *streamListener) accept() {
	for {
		nc, err := l.ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !l.m.pause(50*time.Millisecond) {
				return
			}
			l.m.cfg.Log.Warn("SIP connection not accepted", "local", l.addr, "err", err) // out of file descriptors, mostly
			continue
		}
		l.m.accepted(l.kind, nc)
	}
}

// accepted starts a connection that a peer has opened, or closes it where there are too many. One whose handshake has not
// ended counts as any other.
func (m *Manager) accepted(kind stream, nc net.Conn) {
	local, remote := addrPort(nc.LocalAddr()), addrPort(nc.RemoteAddr())
	c := newConn(m, kind, Flow{Transport: kind.name, Local: local, Remote: remote, SentBy: m.sentBy(kind.name, local, remote.Addr())})
	c.nc, c.inbound = nc, true
	m.mu.Lock()
	from := oneSource(remote.Addr())
	if m.closed || len(m.conns) >= m.cfg.MaxConns || m.bySource[from] >= m.cfg.MaxConnsPerSource {
		m.mu.Unlock()
		m.count.refused.Add(1)
		_ = nc.Close()
		return
	}
	m.bySource[from]++
	m.addLocked(c, Target{Transport: kind.name, Addr: remote})
	m.mu.Unlock()
	m.count.accepted.Add(1)
}

// oneSource is what the limit for one source counts: an IPv4 address, or the /64 that one IPv6 host has to itself.
func oneSource(a netip.Addr) netip.Addr {
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64)
		return p.Addr()
	}
	return a
}

// connect returns the connection to a target, and starts to open one where there is none.
func (m *Manager) connect(t Target) (*conn, error) {
	kind, ok := m.stream(t.Transport)
	if !ok {
		return nil, ErrNoListener
	}
	t.Name = domain(t.Name)
	if !kind.named {
		t.Name = ""
	}
	m.mu.Lock()
	c, closed := m.byTarget[t], m.closed
	m.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if c != nil {
		return c, nil
	}
	c, err := m.outward(kind, t)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch other := m.byTarget[t]; {
	case m.closed:
		return nil, ErrClosed
	case other != nil:
		return other, nil
	case len(m.conns) >= m.cfg.MaxConns:
		return nil, ErrConnLimit
	}
	m.addLocked(c, t, Target{Transport: t.Transport, Addr: t.Addr})
	m.count.opened.Add(1)
	return c, nil
}

// outward makes a connection of ours, not yet started.
func (m *Manager) outward(kind stream, t Target) (*conn, error) {
	c := newConn(m, kind, Flow{})
	c.target = t
	for _, l := range m.streams {
		if l.kind.name == t.Transport && l.addr.Addr().Is4() == t.Addr.Addr().Is4() {
			// The Via names our listener, not the port that the connection happens to have (RFC 3261 §18.1.1).
			c.kind = l.kind // SCTP dials from its listener's packet socket
			local, err := l.addr.Addr(), error(nil)
			if local.IsUnspecified() {
				local, err = probe(m.ctx, t.Addr.Addr())
			}
			at := netip.AddrPortFrom(local, l.addr.Port())
			c.flow = Flow{Transport: t.Transport, Local: at, Remote: t.Addr, SentBy: m.sentBy(t.Transport, at, t.Addr.Addr())}
			return c, err
		}
	}
	if kind.bound {
		return nil, ErrNoListener
	}
	// There is no listener: the connection itself is the only way to us, so its own port is told.
	local, err := probe(m.ctx, t.Addr.Addr())
	if err != nil {
		return nil, err
	}
	if c.bind, err = freePort(m.ctx, local); err != nil {
		return nil, err
	}
	c.flow = Flow{Transport: t.Transport, Local: c.bind, Remote: t.Addr, SentBy: m.sentBy(t.Transport, c.bind, t.Addr.Addr())}
	return c, nil
}

// freePort finds a TCP port that nobody has just now.
func freePort(ctx context.Context, ip netip.Addr) (netip.AddrPort, error) {
	ln, err := listenTCP(ctx, netip.AddrPortFrom(ip, 0))
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer func() { _ = ln.Close() }()
	return addrPort(ln.Addr()), nil
}

// addLocked makes a connection known by the targets it is for, where they have none, and starts it. m.mu is held and m is
// not closed.
func (m *Manager) addLocked(c *conn, keys ...Target) {
	m.nextID++
	c.flow.ID = m.nextID
	m.conns[c.flow.ID] = c
	for _, t := range keys {
		m.keyLocked(c, t)
	}
	m.wg.Go(c.run)
}

// keyLocked lets requests to t take c, if they take no other connection yet. m.mu is held.
func (m *Manager) keyLocked(c *conn, t Target) {
	if m.byTarget[t] == nil {
		m.byTarget[t] = c
		c.keys = append(c.keys, t)
	}
}

// retire keeps new requests from a connection that is about to end.
func (m *Manager) retire(c *conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retireLocked(c)
}

func (m *Manager) retireLocked(c *conn) {
	for _, t := range c.keys {
		if m.byTarget[t] == c {
			delete(m.byTarget, t)
		}
	}
	c.keys = nil
}

// forget takes a connection out of the tables.
func (m *Manager) forget(c *conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.conns, c.flow.ID)
	m.retireLocked(c)
	if from := oneSource(c.flow.Remote.Addr()); c.inbound {
		if m.bySource[from]--; m.bySource[from] == 0 {
			delete(m.bySource, from)
		}
	}
}

// errOrigin refuses a web page that is not allowed to call from where it came.
var errOrigin = errors.New("that Origin is not allowed")

var errPeerClosed = fmt.Errorf("the peer has closed: %w", ErrFlowGone)
