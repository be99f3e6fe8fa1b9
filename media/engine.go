// Package media carries sound between sockets and whoever mixes it: one RTP leg a caller. It knows RTP and RTCP,
// and no SIP, SDP, gRPC or room.
package media

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// Config is how legs are made. The zero value works: ports 20000 to 29999, a timeout of 60 s.
type Config struct {
	PortMin, PortMax int
	// Timeout is how long a leg that should receive may hear nothing before it is dead; 0 means 60 s.
	Timeout time.Duration
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

// Engine makes legs and gives out their ports. Safe for concurrent use. It is a prometheus.Collector of
// confbridge_rtp_packets_total{dir,result} and confbridge_rtp_rejected_total{reason}.
type Engine struct{}

// NewEngine checks cfg; it opens nothing.
func NewEngine(cfg Config) (*Engine, error) { panic("TODO") }

// Open binds an even port for RTP and the next one for RTCP at ip (ErrNoPorts when none is left).
func (e *Engine) Open(ip netip.Addr) (*Leg, error) { panic("TODO") }

// Stream is what offer and answer have agreed on, for one leg.
type Stream struct {
	// Remote is where RTP goes; RemoteRTCP where RTCP goes, unused with Mux (RFC 5761).
	Remote, RemoteRTCP netip.AddrPort
	Mux                bool
	// Send and Receive are the direction, seen from here (RFC 3264 §6.1).
	Send, Receive bool
	// Payloads are the audio payload types that may come, at least one; the first is what is sent.
	Payloads []Payload
	// Events are the telephone-event payload types (RFC 4733).
	Events []EventPayload
}

// Payload binds an RTP payload type to a format. Receiving and sending numbers may differ (RFC 3264 §5.1).
type Payload struct {
	ReceiveType, SendType uint8
	Format                codec.Format
}

// EventPayload binds payload types to telephone-event at a clock rate.
type EventPayload struct {
	ReceiveType, SendType uint8
	ClockRateHz           int
}

// Leg is one caller's RTP and RTCP. One goroutine owns it: who opened it, until it is handed to a room; then the
// room's. Format, Receive, Send and Close are what package rooms asks of a leg.
type Leg struct{}

// Addr is the local RTP address; RTCP is on the next port.
func (l *Leg) Addr() netip.AddrPort { panic("TODO") }

// Configure sets or changes what was agreed. A changed remote address ends the latch on the old one.
func (l *Leg) Configure(s Stream) error { panic("TODO") }

// Format is the codec that Send takes.
func (l *Leg) Format() codec.Format { panic("TODO") }

// Receive drains the sockets without waiting and hands on what is valid. ErrTimeout when the peer is gone.
func (l *Leg) Receive(now time.Time, in Inlet) error { panic("TODO") }

// Send sends payload, which lasts samples clock units; an empty one only advances the timestamp.
func (l *Leg) Send(now time.Time, payload []byte, samples int) { panic("TODO") }

// PressKey queues a key to be sent as telephone-event (RFC 4733 §2.5.1.2) in place of sound by the coming Sends.
func (l *Leg) PressKey(digit byte, held time.Duration) error { panic("TODO") }

// Close sends RTCP BYE, closes the sockets and gives the ports back.
func (l *Leg) Close() error { panic("TODO") }

// Inlet takes what a leg receives; the same as rooms.Inlet, see there.
type Inlet interface {
	Restart(f codec.Format)
	Audio(p jitter.Packet)
	Key(digit byte, held time.Duration)
}
