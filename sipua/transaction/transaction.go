// Package transaction is the transaction layer (RFC 3261 §17, RFC 6026, RFC 4320): it repeats what an unreliable
// transport may lose, absorbs what comes twice, matches responses to requests, CANCEL to INVITE, and gives up in time.
//
// The transaction user (TU) gives New a [Handler] for what comes in, and sends with [Layer.Send].
//
// Goroutines: the layer has none of its own. Handler.Request, Ack and Cancel run on the goroutine that reads the
// connection, in the order in which its messages came; Handler.Ended and everything a timer does run on that timer's
// goroutine. No lock is held while the TU is called, so it may call the layer and its transactions from anywhere.
package transaction

import (
	"errors"
	"log/slog"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// Errors of this package.
var (
	ErrTimeout    = errors.New("no answer in time")                   // timers B, F; and C of RFC 3261 §9.1 after Cancel
	ErrNoAck      = errors.New("no ACK came")                         // timer H
	ErrFinalSent  = errors.New("a final response has been sent")      // Respond
	ErrEnded      = errors.New("transaction has ended")               // Respond, Cancel
	ErrTransport  = errors.New("transport failed")                    // wraps what the transport said
	ErrClosed     = errors.New("transaction layer is closed")         // everything after Close
	ErrTooMany    = errors.New("too many transactions")               // Send
	ErrNotInvite  = errors.New("only an INVITE can be cancelled")     // Cancel
	ErrBadRequest = errors.New("request cannot be sent as it is")     // Send
	ErrProvSent   = errors.New("only final responses may be sent so") // Respond: RFC 4320 §4.1
)

// Timers are the base times of RFC 3261 §17.1.1.1; 0 means the RFC's value in brackets.
type Timers struct {
	T1 time.Duration // round-trip time (500 ms); 64*T1 is the life of most things
	T2 time.Duration // longest interval between repeats of non-INVITE requests and INVITE responses (4 s)
	T4 time.Duration // how long a message stays in the network (5 s)
	D  time.Duration // how long an INVITE client absorbs repeated non-2xx responses (32 s)
	// Trying is when an INVITE that the TU has not answered is answered with 100 (200 ms); negative: at once.
	Trying time.Duration
}

// Config is how the layer behaves. The zero value works.
type Config struct {
	Timers Timers
	// MaxServer and MaxClient bound the transactions alive at once (20000 each); beyond, requests get 503.
	MaxServer, MaxClient int
	// RetryAfter is the Retry-After of that 503, in whole seconds (10 s).
	RetryAfter time.Duration
	Log        *slog.Logger // nil discards
}

// Transport is what the layer sends by; *transport.Manager is one. None of the methods may block.
type Transport interface {
	Open(t transport.Target) (transport.Flow, error)
	Send(f transport.Flow, data []byte) error
	Respond(f transport.Flow, via message.Via, data []byte) error
}

// Handler is the transaction user's ear.
type Handler interface {
	// Request takes a new request in its transaction. Sooner or later the TU must give it a final response.
	// Goroutine: the connection's reader. It must not block: hand over and return.
	Request(tx *ServerTx)
	// Ack takes an ACK that belongs to no transaction: the one for a 2xx, as often as it comes. Goroutine: the reader.
	Ack(ack *message.Message, from transport.Flow)
	// Cancel says that a CANCEL came for an INVITE that has had no final response. The CANCEL is already answered with
	// 200; the TU should answer tx with 487 (RFC 3261 §9.2). At most once for each tx. Goroutine: the reader.
	Cancel(tx *ServerTx, cancel *message.Message)
	// Ended says that a server transaction is over, once for each: err is nil in the normal case, ErrNoAck when no ACK
	// came for a non-2xx (timer H), ErrTransport when a response could not be sent. Goroutine: a timer's, the reader's,
	// or the one that called Respond, after it.
	Ended(tx *ServerTx, err error)
}

// Layer is all transactions of one bridge. Its methods are safe for concurrent use. It is the transport's Handler.
type Layer struct{}

// New returns a layer that sends by tp and hands up to tu. Give it to the transport's Start.
func New(cfg Config, tp Transport, tu Handler) *Layer { return &Layer{} }

// Receive takes one message from the transport, on the goroutine that read it.
func (l *Layer) Receive(msg *message.Message, from transport.Flow) {}

// Closed takes the end of a connection from the transport: client transactions on it fail.
func (l *Layer) Closed(f transport.Flow, err error) {}

// Close ends all transactions without a word to the peers and returns after running timers have ended. Close the
// transport after it.
func (l *Layer) Close() {}

// Stats returns the counters as of now.
func (l *Layer) Stats() Stats { return Stats{} }

// Send sends a request in a new client transaction; not for ACK. The topmost Via is added here. Everything else, also
// a Contact, must be in req, which must not be changed afterwards.
func (l *Layer) Send(req *message.Message, to transport.Target) (*ClientTx, error) {
	return nil, ErrClosed
}

// SendAck sends an ACK for a 2xx (RFC 3261 §13.2.2.4): outside any transaction, with a Via of its own.
func (l *Layer) SendAck(ack *message.Message, to transport.Target) error { return ErrClosed }

// Stats counts what has happened since New.
type Stats struct {
	Servers, Clients int    // transactions now
	Retransmissions  uint64 // requests that came again
	Repeated         uint64 // messages that we sent again
	Merged           uint64 // 482 sent (RFC 3261 §8.2.2.2)
	Refused          uint64 // 503 sent because of the bound
	StrayResponses   uint64 // responses that match nothing
	StrayCancels     uint64 // CANCELs that match nothing; 481 sent
	Discarded        uint64 // responses with more than one Via (§8.1.3.3), ACKs that match a non-2xx twice
	Timeouts         uint64 // timers B, F, H fired
}
