package transport

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/confbridge/confbridge/sipua/message"
)

// Manager is all transports. Its methods are safe for concurrent use.
type Manager struct {
	cfg     Config
	certs   *certs
	handler Handler // set once, by Start
	addrs   []Target
	shownAt []shown // what is advertised of each of addrs
	shown   shown   // of connections that we open without a listener of their transport
	udp     []*udpSocket
	streams []*streamListener
	count   counters
	wg      sync.WaitGroup
	ctx     context.Context // ends with Close: dialling and backing off stop
	cancel  context.CancelFunc

	mu       sync.Mutex
	closed   bool
	nextID   uint64
	conns    map[uint64]*conn
	byTarget map[Target]*conn
	bySource map[netip.Addr]int // accepted connections
}

// Listen opens all listeners of cfg, or none. Nothing is read before Start, but Close must be called either way. ctx
// holds for the opening only. Errors wrap ErrConfig or ErrAddressUsed, or are the system's.
func Listen(ctx context.Context, cfg Config) (*Manager, error) {
	m := &Manager{
		cfg: cfg.withDefaults(), nextID: 1,
		conns: make(map[uint64]*conn), byTarget: make(map[Target]*conn), bySource: make(map[netip.Addr]int),
	}
	m.ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := m.listenAll(ctx); err != nil {
		_ = m.Close()
		return nil, err
	}
	return m, nil
}

// Start starts reading and gives what comes in to h; it is called once, before anything is sent.
func (m *Manager) Start(h Handler) {
	m.handler = h
	for _, u := range m.udp {
		u.start()
	}
	for _, l := range m.streams {
		m.wg.Go(l.accept)
	}
}

// Close closes every listener and connection and returns after all goroutines have ended. What is queued on a
// connection is written first, where the peer takes it within a second.
func (m *Manager) Close() error {
	m.mu.Lock()
	m.closed = true
	conns := make([]*conn, 0, len(m.conns))
	for _, c := range m.conns {
		conns = append(conns, c)
	}
	m.mu.Unlock()
	for _, c := range conns {
		c.drain(ErrClosed)
	}
	m.cancel()
	for _, l := range m.streams {
		_ = l.ln.Close()
	}
	for _, u := range m.udp {
		u.close()
	}
	m.wg.Wait()
	return nil
}

// Addrs are the listeners' bound addresses, in the order of Config.Listen, then of Config.Listeners.
func (m *Manager) Addrs() []Target { return append([]Target(nil), m.addrs...) }

// Open returns the flow that a request to t takes: the UDP socket, or a connection that is there, or a new one. It
// does not wait: messages queue while the connection is dialled, and the Handler's Closed tells when that fails.
// Errors: ErrNoListener (a transport that we do not listen on cannot be used), ErrConnLimit, ErrClosed.
func (m *Manager) Open(t Target) (Flow, error) {
	t.Addr = netip.AddrPortFrom(t.Addr.Addr().Unmap(), t.Addr.Port())
	if t.Transport == "UDP" {
		u, local, err := m.udpFor(t.Addr.Addr())
		if err != nil {
			return Flow{}, fmt.Errorf("%s: %w", t, err)
		}
		return u.flow(local, t.Addr), nil
	}
	c, err := m.connect(t)
	if err != nil {
		return Flow{}, fmt.Errorf("%s: %w", t, err)
	}
	return c.flow, nil
}

// Send writes data on a flow. It does not block; data belongs to the transport afterwards and must not be changed.
// Errors: ErrFlowGone, ErrQueueFull, ErrClosed, or the system's.
func (m *Manager) Send(f Flow, data []byte) error {
	if f.Transport == "UDP" {
		return m.sendUDP(f, f.Remote, data)
	}
	m.mu.Lock()
	c := m.conns[f.ID]
	m.mu.Unlock()
	if c == nil {
		return fmt.Errorf("%s: %w", f, ErrFlowGone)
	}
	return c.send(data)
}

// Respond sends a response, data, back along the flow its request came on, by RFC 3261 §18.2.2 and RFC 3581 §4; via is
// the topmost Via as Receive gave it. Over a stream it is the same connection, or a new one where that is gone. It does
// not block; data belongs to the transport afterwards. Errors as of Send and Open.
func (m *Manager) Respond(f Flow, via message.Via, data []byte) error {
	port := via.Port
	if port == 0 {
		port = message.DefaultPort(f.Transport)
	}
	sentBy := netip.AddrPortFrom(f.Remote.Addr(), uint16(port))
	if f.Transport != "UDP" {
		err := m.Send(f, data)
		if err == nil || m.flowAlive(f) {
			return err
		}
		again, err := m.Open(Target{Transport: f.Transport, Addr: sentBy})
		if err != nil {
			return err
		}
		return m.Send(again, data)
	}
	// What is in "received" is where the packet came from: Receive has seen to that, so Remote has it. maddr counts
	// where it is what it was made for, a multicast group; else anybody could point our responses at anybody.
	to := sentBy
	maddr, _ := via.Params.Find("maddr")
	if group, err := netip.ParseAddr(maddr); err == nil && group.IsMulticast() {
		to = netip.AddrPortFrom(group, uint16(port))
	} else if _, ok := via.RPort(); ok {
		to = f.Remote
	}
	return m.sendUDP(f, to, data)
}

func (m *Manager) flowAlive(f Flow) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conns[f.ID] != nil
}

func (m *Manager) sendUDP(f Flow, to netip.AddrPort, data []byte) error {
	for _, u := range m.udp {
		if u.id == f.ID {
			f.Remote = to
			m.tap(true, f, data)
			return u.send(f.Local.Addr(), to, data)
		}
	}
	return fmt.Errorf("%s: %w", f, ErrFlowGone)
}

// id returns a new number for a socket or connection.
func (m *Manager) id() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nextID++
	return m.nextID
}
