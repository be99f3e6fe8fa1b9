package sctp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// key names an association of an endpoint: the port of UDP is not in it, because it may change (RFC 6951 §5.4).
type key struct {
	peer           netip.Addr
	peerPort, port uint16
}

// Endpoint is one packet socket with its associations. It is a net.Listener, and dials. Its methods are safe for concurrent use.
type Endpoint struct {
	cfg     Config
	carry   carrier
	addr    netip.AddrPort // our SCTP address
	udpPort uint16
	secret  [32]byte // signs cookies

	accepting chan *Conn
	done      chan struct{} // closed by Close: no Accept, no new association
	stopped   chan struct{} // closed at the end: the socket is closed
	assocs    sync.WaitGroup
	own       sync.WaitGroup
	count     counters

	mu       sync.Mutex
	closed   bool
	table    map[key]*assoc
	dialling map[key]*dialling
	sources  map[netip.Addr]int // inbound associations
}

// Stats counts what has happened since Listen.
type Stats struct {
	Dropped      uint64 // packets that were junk, of nobody's association, or with a wrong tag
	Overrun      uint64 // packets that an association did not take in time; SCTP sends them again
	Refused      uint64 // associations over a limit
	Violations   uint64 // associations that we aborted
	Associations int    // now
}

type counters struct{ dropped, overrun, refused, violations atomic.Uint64 }

// Stats returns the counters as of now.
func (e *Endpoint) Stats() Stats {
	e.mu.Lock()
	n := len(e.table)
	e.mu.Unlock()
	return Stats{e.count.dropped.Load(), e.count.overrun.Load(), e.count.refused.Load(), e.count.violations.Load(), n}
}

// Listen opens an endpoint. Over IP the port of addr is the SCTP port; inside UDP it is the UDP port, and the SCTP port is Config.Port. Port
// 0 takes a free one. ctx holds for the opening only. Errors wrap ErrKernel or are the system's: EPERM where raw sockets are not allowed,
// EADDRINUSE.
func Listen(ctx context.Context, cfg Config, addr netip.AddrPort) (*Endpoint, error) {
	cfg = cfg.withDefaults()
	open, over := openIP, "IP"
	if cfg.UDP {
		open, over = openUDP, "UDP"
	}
	s, at, err := open(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("SCTP over %s: %w", over, err)
	}
	e := newEndpoint(cfg, s, at)
	if cfg.UDP { // the UDP port is ours alone, so every SCTP port is free
		e.udpPort, e.addr = at.Port(), netip.AddrPortFrom(at.Addr(), cfg.Port)
	}
	e.start()
	return e, nil
}

// start starts the endpoint's goroutines.
func (e *Endpoint) start() {
	e.own.Go(e.read)
	e.own.Go(e.beat)
}

func newEndpoint(cfg Config, c carrier, addr netip.AddrPort) *Endpoint {
	e := &Endpoint{
		cfg: cfg, carry: c, addr: addr,
		accepting: make(chan *Conn, cfg.Backlog), done: make(chan struct{}), stopped: make(chan struct{}),
		table: make(map[key]*assoc), dialling: make(map[key]*dialling), sources: make(map[netip.Addr]int),
	}
	_, _ = rand.Read(e.secret[:]) // never fails
	return e
}

// UDPPort is the UDP port that is listened on; 0 over IP.
func (e *Endpoint) UDPPort() uint16 { return e.udpPort }

// Addr is the address that is listened on, an [Addr].
func (e *Endpoint) Addr() net.Addr { return Addr(e.addr) }

// Accept waits for an association that a peer has opened; it is a *Conn. After Close it returns net.ErrClosed.
func (e *Endpoint) Accept() (net.Conn, error) {
	select {
	case c := <-e.accepting:
		return c, nil
	case <-e.done:
		return nil, net.ErrClosed
	}
}

// Close takes no new association, waits up to Config.Shutdown for those that stand to be closed by whoever has them, aborts the rest, and
// returns when all goroutines have ended.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		<-e.stopped
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	close(e.done)
	e.hangUp()
	over := make(chan struct{})
	e.own.Go(func() { e.assocs.Wait(); close(over) })
	wait := time.NewTimer(2 * e.cfg.Shutdown) // the owner's last write, and the shutdown
	defer wait.Stop()
	select {
	case <-over:
	case <-wait.C:
		for _, a := range e.all() {
			a.abort(net.ErrClosed, causeUserAbort, "closing")
		}
		<-over
	}
	err := e.carry.close()
	close(e.stopped)
	e.own.Wait()
	return err
}

// hangUp closes what nobody has accepted.
func (e *Endpoint) hangUp() {
	for {
		select {
		case c := <-e.accepting:
			c.a.abort(net.ErrClosed, causeUserAbort, "closing")
		default:
			return
		}
	}
}

func (e *Endpoint) all() []*assoc {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*assoc, 0, len(e.table))
	for _, a := range e.table {
		all = append(all, a)
	}
	return all
}

// read is the goroutine that reads the socket.
func (e *Endpoint) read() {
	buf := make([]byte, 65536)
	for {
		n, from, err := e.carry.read(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // a passing error of the network
			select {
			case <-e.stopped:
				return
			case <-time.After(10 * time.Millisecond):
			}
		default:
			e.packet(buf[:n], from)
		}
	}
}

// beat is the goroutine that sends heartbeats and finds peers that are gone (RFC 9260 §8.1, §8.3).
func (e *Endpoint) beat() {
	tick := time.NewTicker(e.cfg.Heartbeat / 2)
	defer tick.Stop()
	for {
		select {
		case <-e.stopped:
			return
		case now := <-tick.C:
			for _, a := range e.all() {
				switch silent := now.Sub(time.Unix(0, a.heard.Load())); {
				case silent >= missedHeartbeats*e.cfg.Heartbeat:
					a.abort(ErrPeerGone, causeUserAbort, "no answer to heartbeats")
				case silent >= e.cfg.Heartbeat:
					a.heartbeat(now)
				}
			}
		}
	}
}

// add makes an association known and starts it, if there is room; of an inbound one it counts the source.
func (e *Endpoint) add(a *assoc) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	others := len(e.table) + len(e.dialling)
	if !a.inbound {
		others-- // it is itself being dialled
	}
	switch {
	case e.closed:
		return net.ErrClosed
	case others >= e.cfg.MaxAssociations, a.inbound && e.sources[a.key.peer] >= e.cfg.MaxPerSource:
		e.count.refused.Add(1)
		return ErrLimit
	}
	delete(e.dialling, a.key)
	e.table[a.key] = a
	if a.inbound {
		e.sources[a.key.peer]++
	}
	e.assocs.Go(a.run)
	return nil
}

// remove forgets an association; the second time it does nothing.
func (e *Endpoint) remove(a *assoc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.table[a.key] != a {
		return
	}
	delete(e.table, a.key)
	if a.inbound {
		if e.sources[a.key.peer]--; e.sources[a.key.peer] == 0 {
			delete(e.sources, a.key.peer)
		}
	}
}

func (e *Endpoint) find(k key) *assoc {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.table[k]
}
