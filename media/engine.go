// Package media carries sound between sockets and whoever mixes it: one RTP leg a caller. It knows RTP and RTCP,
// and no SIP, SDP, gRPC or room.
//
// An [Engine] gives out [Leg]s, each with a pair of UDP ports. A leg has no goroutine: its owner calls Receive and
// Send once every 20 ms, and everything happens inside those two, RTCP and timeouts too. The sockets are plain
// non-blocking file descriptors that Go's netpoller never sees, so a packet wakes nobody. That makes the package
// Linux only: it needs recvmmsg and SO_TIMESTAMPNS.
package media

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/confbridge/confbridge/media/internal/udp"
)

const (
	defaultPortMin = 20000
	defaultPortMax = 29999
	defaultTimeout = 60 * time.Second
)

// Config is how legs are made. The zero value works: ports 20000 to 29999, a timeout of 60 s.
type Config struct {
	PortMin, PortMax int
	// Timeout is how long a leg that should receive may hear nothing, neither RTP nor RTCP, before it is dead; 0 means
	// 60 s.
	Timeout time.Duration
	// Exchanges is how many goroutines can have an Exchange at a time: one for each processor is right for who ticks rooms, and 0 for who has a few
	// legs. Each takes 400 kB. Where the kernel has no io_uring there are none, which is logged.
	Exchanges int
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

// Engine makes legs and gives out their ports. Safe for concurrent use. It is a prometheus.Collector of
// confbridge_rtp_packets_total{dir,result}, confbridge_rtp_rejected_total{reason} and confbridge_media_legs.
type Engine struct {
	timeout time.Duration
	log     *slog.Logger
	ports   *ports
	batches pool[batch]
	lent    pool[Exchange] // one for each processor; none where the kernel has no io_uring

	mu     sync.Mutex
	legs   map[*Leg]struct{}
	closed totals // what the legs that are gone have counted
}

// NewEngine checks cfg (ErrInvalid); it opens nothing but the rings of the exchanges, which Close closes.
func NewEngine(cfg Config) (*Engine, error) {
	if cfg.PortMin == 0 && cfg.PortMax == 0 {
		cfg.PortMin, cfg.PortMax = defaultPortMin, defaultPortMax
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("timeout %v is negative: %w", cfg.Timeout, ErrInvalid)
	}
	p, err := newPorts(cfg.PortMin, cfg.PortMax)
	if err != nil {
		return nil, err
	}
	e := &Engine{timeout: cfg.Timeout, log: cfg.Log, ports: p, batches: newPool[batch](mostBatches), legs: make(map[*Leg]struct{})}
	if e.lent, err = newExchanges(cfg.Exchanges); err != nil {
		e.log.Info("a system call for each packet, and not for many", "err", err)
	}
	return e, nil
}

// Exchange lends an exchange, or nil where all are lent or there are none. Return gives it back.
func (e *Engine) Exchange() *Exchange { return e.lent.take(new(uint8)) }

// Return sends what still waits in x and takes it back; x may be nil.
func (e *Engine) Return(x *Exchange) {
	if x != nil {
		x.Flush()
		e.lent.give(x, 0)
	}
}

// Close gives back what the exchanges hold. Nothing is lent then, nor later; the legs go on without.
func (e *Engine) Close() error { return closeExchanges(&e.lent) }

// Open binds an even port for RTP and the next one for RTCP at ip (ErrNoPorts when none is left). The leg is silent
// and deaf until it is configured. Who opens it must Close it or hand it to somebody who will.
func (e *Engine) Open(ip netip.Addr) (*Leg, error) {
	if !ip.IsValid() {
		return nil, fmt.Errorf("no address to bind: %w", ErrInvalid)
	}
	ip = ip.Unmap()
	port, rtp, rtcp, err := e.bind(ip)
	if err != nil {
		return nil, fmt.Errorf("open leg at %s: %w", ip, err)
	}
	l := newLeg(e, netip.AddrPortFrom(ip, port), rtp, rtcp)
	e.mu.Lock()
	e.legs[l] = struct{}{}
	e.mu.Unlock()
	return l, nil
}

// bind takes pairs from the pool until one can be bound. What another process holds goes to the end of the queue.
func (e *Engine) bind(ip netip.Addr) (uint16, udp.Socket, udp.Socket, error) {
	for range e.ports.total() {
		port, ok := e.ports.take()
		if !ok {
			break
		}
		rtp, rtcp, err := udp.OpenPair(ip, port)
		if err == nil {
			return port, rtp, rtcp, nil
		}
		e.ports.give(port)
		if !udp.IsPortTaken(err) {
			return 0, udp.Socket{}, udp.Socket{}, err
		}
		e.log.Debug("port is held by another process", "port", port)
	}
	return 0, udp.Socket{}, udp.Socket{}, ErrNoPorts
}

// forget takes a leg that is closed out of the books and keeps its counts.
func (e *Engine) forget(l *Leg) {
	e.mu.Lock()
	if _, ok := e.legs[l]; ok {
		delete(e.legs, l)
		e.closed.add(&l.counters)
	}
	e.mu.Unlock()
	if l.group == nil {
		e.ports.give(l.local.Port())
	}
}
