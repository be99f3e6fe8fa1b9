// Package transport carries SIP messages (RFC 3261 §18): it listens on UDP, TCP, TLS, WS, WSS and SCTP, frames and parses what comes in,
// notes where it came from in the topmost Via (RFC 3261 §18.2.1, RFC 3581), sends responses back by §18.2.2, and keeps
// and reuses connections for requests. Nothing it does waits for a peer: a datagram goes to the kernel, a stream has a
// bounded queue and a writer of its own.
//
// Goroutines: one reader for each UDP socket, of which a listener has one for each processor; for each stream listener one that
// accepts; for each connection one that dials (if we open it), shakes hands and reads, and while something is queued a second
// one that writes. [Manager.Close] returns after all of them.
//
// Order: all messages of one connection, and over UDP of one source, are handed up one after another by the goroutine that
// reads it.
package transport

import (
	"cmp"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport/sctp"
)

// Errors of this package; they come wrapped with the address they are about.
var (
	ErrClosed      = errors.New("transport is closed")
	ErrNoListener  = errors.New("no listener for that transport and address family")
	ErrQueueFull   = errors.New("the peer does not read: write queue full")
	ErrFlowGone    = errors.New("connection is gone")
	ErrConnLimit   = errors.New("too many connections")
	ErrAddressUsed = errors.New("address in use")
	ErrConfig      = errors.New("invalid transport configuration")
)

// Config is how the transports behave. The zero value works but listens nowhere.
type Config struct {
	// Listen has URLs such as "udp://0.0.0.0:5060", "tcp://[::]:5060"; port 0 takes a free one.
	Listen []string
	// Listeners has more of them, each with what is advertised of it.
	Listeners []Listener
	// Advertise is the host, or host:port, put into Via and Contact; empty: the local address that the peer is reached from.
	Advertise string
	// External says to which peers Advertise is shown, the others being shown the local address: prefixes such as
	// "203.0.113.0/24", or "!10.0.0.0/8" for all but these; the longest that has the peer's address decides. Empty: everybody.
	External []string
	// Limits on streams; 0 means the default in brackets.
	MaxConns          int           // connections in all (4096)
	MaxConnsPerSource int           // connections from one IP address (64)
	IdleTimeout       time.Duration // nothing read nor written (5 min)
	MessageTimeout    time.Duration // from a message's first octet to its last (10 s)
	WriteTimeout      time.Duration // one write (5 s)
	DialTimeout       time.Duration // opening a connection (5 s)
	WriteQueue        int           // messages that wait to be written to one connection (128)
	UDPReaders        int           // sockets of each UDP listener, each with a reader (one a processor, at most 8)
	TLS               TLS           // certificates for TLS and WSS
	SCTP              sctp.Config   // of sctp:// and sctp+udp:// listeners; UDP, Log and the limits above are filled in
	// Origins are the web pages that may connect by WS and WSS, beside those of the same host: patterns such as
	// "app.example.com" or "https://*.example.com".
	Origins []string
	Tap     Tap          // sees every message; nil: nobody does
	Log     *slog.Logger // nil discards
}

// Tap sees the messages that pass, as they are on the wire; also those that do not parse. Received ones come on the goroutine that
// read them, sent ones on the one that gives them to the kernel, just before, so that no answer to them is seen first. It must not
// block, and data is only lent.
type Tap interface {
	Message(at time.Time, sent bool, f Flow, data []byte)
}

// Handler takes what comes in. Both methods run on the goroutine that reads the connection or socket (Closed of a
// connection that we failed to open: on the one that dialled), must not block, and may call the Manager but Close.
type Handler interface {
	// Receive takes one message that parsed and whose topmost Via has received and rport filled in. It is the handler's.
	Receive(msg *message.Message, from Flow)
	// Closed says that a connection has ended and that nothing queued on it will be sent any more. Over UDP it says that
	// datagrams to f.Remote do not arrive: an ICMP error has come (RFC 3261 §18.4); f has no Local and no SentBy then. Such an
	// error is easy to forge for who knows both ends' addresses: believe it only of a peer that has not been heard of.
	Closed(f Flow, err error)
}

// HostPort is a host (IPv6 without brackets) and a port.
type HostPort struct {
	Host string
	Port int
}

// Flow is a way to one peer: a connection, or a pair of addresses on a UDP socket. It is a comparable value; using it
// after the connection is gone is an error, never harmful.
type Flow struct {
	Transport string         // UDP, TCP, TLS, WS, WSS, SCTP
	Local     netip.AddrPort // our end: of a packet that came in, the address it was sent to
	Remote    netip.AddrPort // the peer's end
	SentBy    HostPort       // where we are reached by that transport: for Via, Contact, and the host also for SDP
	ID        uint64         // the connection or UDP socket
}

// Reliable says whether the transport delivers by itself (RFC 3261 §17).
func (f Flow) Reliable() bool { return f.Transport != "UDP" }

// Secure says whether nobody on the way can read or change what is sent: what a sips URI wants (RFC 3261 §26.2.2).
func (f Flow) Secure() bool { return f.Transport == "TLS" || f.Transport == "WSS" }

// String is the flow for a log: transport and peer.
func (f Flow) String() string { return f.Transport + " " + f.Remote.String() }

// Target is where a request is to go. It is comparable.
type Target struct {
	Transport string // UDP, TCP, TLS, WS, WSS, SCTP
	Addr      netip.AddrPort
	// Name is the domain that was asked for: over TLS and WSS the server must prove to be it (RFC 5922 §7.2). Empty elsewhere, and
	// where the URI had an address.
	Name string
}

// Secure is Flow.Secure of what is sent there.
func (t Target) Secure() bool { return Flow{Transport: t.Transport}.Secure() }

// String is the target as a URL.
func (t Target) String() string { return strings.ToLower(t.Transport) + "://" + t.Addr.String() }

// listeners are all listeners, with what they advertise.
func (c Config) listeners() []Listener {
	var all []Listener
	for _, url := range c.Listen {
		all = append(all, Listener{URL: url, Advertise: c.Advertise, External: c.External})
	}
	for _, l := range c.Listeners {
		if l.Advertise == "" {
			l.Advertise = c.Advertise
		}
		if len(l.External) == 0 {
			l.External = c.External
		}
		all = append(all, l)
	}
	return all
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) { *d = cmp.Or(*d, v) }
	set(&c.IdleTimeout, 5*time.Minute)
	set(&c.MessageTimeout, 10*time.Second)
	set(&c.WriteTimeout, 5*time.Second)
	set(&c.DialTimeout, 5*time.Second)
	c.MaxConns = cmp.Or(c.MaxConns, 4096)
	c.MaxConnsPerSource = cmp.Or(c.MaxConnsPerSource, 64)
	c.WriteQueue = cmp.Or(c.WriteQueue, 128)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
