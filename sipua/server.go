// Package sipua is the SIP side of the bridge: the core of a user agent (RFC 3261 §8, §12 to §15) that answers calls
// as the focus of a conference (RFC 4353), and one that places them. Server takes calls into rooms; Client places
// calls, one at a time or hundreds.
//
// Below it are its subpackages: message (the text), transport (the sockets), transaction (the repeats), sdp (offer and
// answer).
//
// Goroutines: each call has one, which owns all of its state and ends with the call; requests come to it through a
// bounded inbox. Server.Shutdown and Client.Close return after all of them.
package sipua

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/locate"
	"github.com/confbridge/confbridge/sipua/overload"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/trunk"
	"github.com/confbridge/confbridge/sipua/upstream"
)

// Config is how a server behaves. The zero value works: UDP and TCP on port 5060 of all IPv4 addresses.
type Config struct {
	// Listen has URLs such as "udp://0.0.0.0:5060", "tcp://[::]:5060", "tls://0.0.0.0:5061", "ws://" and "wss://". nil
	// means UDP and TCP on 0.0.0.0:5060, if Transport has no Listeners.
	Listen []string
	// Advertise is the host put into Via and Contact, and into SDP where it is an IP address; empty: the address that
	// a call came in on.
	Advertise string
	// Domain is the host that a Request-URI must have, where it is not the address that the request came to; empty: any.
	Domain string
	// UserAgent is the Server and User-Agent field; empty means "confbridge".
	UserAgent string
	// Codecs are those that are spoken, in order of preference; nil means opus, G722, PCMU, PCMA.
	Codecs []codec.Name
	// Timers are those of RFC 3261 §17; the zero value has the RFC's.
	Timers transaction.Timers
	// Ring is how long a caller hears it ring before the call is answered: 180, then 200 (RFC 3261 §13.3.1.1). 0: the
	// call is answered at once.
	Ring time.Duration
	// SessionExpires is the session interval that is asked for (RFC 4028): the peer is asked at half of it whether it is
	// still there. 0 means 1800 s; negative: only where the peer asks for it. At least 90 s (ErrConfig).
	SessionExpires time.Duration
	// MaxCalls is how many calls there may be at once; beyond it INVITEs get 503. 0 means 10000.
	MaxCalls int
	// Trunks is who may call; the zero value lets in who calls from a private network.
	Trunks trunk.Config
	// Overload is which requests outside of dialogs are refused before anything is spent on them; the zero value has limits that
	// one carrier's 500 calls a second from one address stay below. Its Late should be rooms.Registry.Overruns.
	Overload overload.Config
	// Upstream is where we are registered, and who is pinged.
	Upstream upstream.Config
	// Locate is how names are looked up; its Usable is not looked at.
	Locate locate.Config
	// Transport has the rest about connections: limits, certificates, listeners that advertise an address of their own. Its
	// Listen, Advertise and Log are not looked at.
	Transport transport.Config
	// Sessions has the multicast sessions of rooms; nil: there are none.
	Sessions Sessions
	// Records takes the record of each call that came in; nil: none are kept.
	Records Records
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

// Server answers calls and takes the callers into rooms. Its methods are safe for concurrent use. It is a
// prometheus.Collector of confbridge_sip_requests_total{method,code}, confbridge_sip_calls and others.
type Server struct {
	cfg      Config
	rooms    Rooms
	engine   *media.Engine
	book     *trunk.Book
	gate     *overload.Gate
	metrics  metrics
	draining atomic.Bool
	// describing holds one for each OPTIONS that waits for a room.
	describing chan struct{}
	upstream   atomic.Pointer[upstream.Group] // nil before Listen

	mu    sync.Mutex
	ep    *endpoint // nil before Listen
	addrs []string
	ended bool
}

// New checks cfg (ErrConfig); it opens nothing.
func New(cfg Config, reg Rooms, eng *media.Engine) (*Server, error) {
	var faults []error
	if reg == nil || eng == nil {
		faults = append(faults, fmt.Errorf("%w: rooms and a media engine are needed", ErrConfig))
	}
	if cfg.MaxCalls < 0 {
		faults = append(faults, fmt.Errorf("%w: MaxCalls is %d", ErrConfig, cfg.MaxCalls))
	}
	if cfg.Ring < 0 {
		faults = append(faults, fmt.Errorf("%w: Ring is %v", ErrConfig, cfg.Ring))
	}
	faults = append(faults, checkSession(cfg.SessionExpires))
	for _, c := range cfg.Codecs {
		if !known(c) {
			faults = append(faults, fmt.Errorf("%w: codec %q", ErrConfig, c))
		}
	}
	if err := cfg.Upstream.Validate(); err != nil {
		faults = append(faults, fmt.Errorf("%w: %w", ErrConfig, err))
	}
	book, err := newBook(cfg)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	if cfg.Listen == nil && len(cfg.Transport.Listeners) == 0 {
		cfg.Listen = []string{"udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"}
	}
	if cfg.MaxCalls == 0 {
		cfg.MaxCalls = 10000
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "confbridge"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: cfg, rooms: reg, engine: eng, book: book, gate: overload.New(cfg.Overload), metrics: newMetrics(), describing: make(chan struct{}, maxDescribing)}, nil
}

// Listen opens all listeners, or none, and answers from then on until Shutdown; ctx bounds the opening only. The error
// names the address and wraps one of package transport's, or is ErrShutdown.
func (s *Server) Listen(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.ep != nil {
		return ErrShutdown
	}
	tc := s.cfg.Transport
	tc.Listen, tc.Advertise, tc.Log = s.cfg.Listen, s.cfg.Advertise, s.cfg.Log
	manager, err := transport.Listen(ctx, tc)
	if err != nil {
		return err
	}
	for _, t := range manager.Addrs() {
		s.addrs = append(s.addrs, url(t))
	}
	s.open(ctx, newNetwork(manager, s.cfg.Locate))
	manager.Start(s.ep.layer)
	return s.startUpstream(ctx)
}

// open makes the endpoint on a network.
func (s *Server) open(ctx context.Context, net network) {
	s.ep = newEndpoint(ctx, net, transaction.Config{Timers: s.cfg.Timers, Gate: s.gate, Server: s.cfg.UserAgent, Log: s.cfg.Log})
	s.ep.metrics, s.ep.maxCalls = s.metrics, s.cfg.MaxCalls
	s.ep.outside, s.ep.extensions, s.ep.session = s.outside, serverExtensions, sessionWish(s.cfg.SessionExpires)
}

// Addrs are the addresses listened on, as URLs in the order of Config.Listen, with the ports that were really taken.
func (s *Server) Addrs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.addrs...)
}

// Calls is how many calls there are.
func (s *Server) Calls() int {
	s.mu.Lock()
	ep := s.ep
	s.mu.Unlock()
	if ep == nil {
		return 0
	}
	return ep.callCount()
}

// Load is how much there is to remember: calls, and transactions that have not ended.
func (s *Server) Load() int {
	s.mu.Lock()
	ep := s.ep
	s.mu.Unlock()
	if ep == nil {
		return 0
	}
	stats := ep.layer.Stats()
	return ep.callCount() + stats.Servers + stats.Clients
}

// Shutdown answers new INVITEs with 503 from now on, sends everybody away with ReasonDraining and a BYE, waits for the
// calls to end as long as ctx lets it, and closes the sockets. All goroutines have ended when it returns. The error says
// that calls had to be broken off.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining.Store(true)
	s.mu.Lock()
	ep, ended := s.ep, s.ended
	s.ended = true
	s.mu.Unlock()
	if ep == nil || ended {
		return nil
	}
	if g := s.upstream.Load(); g != nil {
		g.Close() // first of all: nobody is to be sent here any more
	}
	return ep.shut(ctx, func(c *call) {
		c.giveUp(ErrShutdown) // one that still waits for its seat gets 503
		c.requestStop(rooms.ReasonDraining)
	})
}

func url(t transport.Target) string {
	return strings.ToLower(t.Transport) + "://" + netip.AddrPortFrom(t.Addr.Addr().Unmap(), t.Addr.Port()).String()
}
