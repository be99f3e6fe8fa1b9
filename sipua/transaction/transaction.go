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
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// Errors of this package.
var (
	ErrTimeout    = errors.New("no answer in time")                    // timers B, F; 64*T1 after Cancel; a silent TU
	ErrNoAck      = errors.New("no ACK came")                          // timer H
	ErrFinalSent  = errors.New("a final response has been sent")       // Respond
	ErrEnded      = errors.New("transaction has ended")                // Respond, Cancel
	ErrTransport  = errors.New("transport failed")                     // wraps what the transport said
	ErrClosed     = errors.New("transaction layer is closed")          // everything after Close
	ErrTooMany    = errors.New("too many transactions")                // Send
	ErrNotInvite  = errors.New("only an INVITE can be cancelled")      // Cancel
	ErrBadRequest = errors.New("request cannot be sent as it is")      // Send
	ErrNotAllowed = errors.New("response not allowed to a non-INVITE") // Respond: RFC 4320 §4
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
	// MaxServer and MaxClient bound the transactions alive at once (131072 and 20000); beyond, requests get 503, and such outside of
	// dialogs do so from three quarters on. A server transaction whose response has gone takes less than 2 kB; over UDP it lives
	// for 64*T1 after it, so 500 calls a second make 32000 of them.
	MaxServer, MaxClient int
	// RetryAfter is the shortest Retry-After of that 503, in whole seconds (10 s).
	RetryAfter time.Duration
	// Gate is asked for each new request that is in no dialog, before anything is spent on it; nil takes all.
	Gate Gate
	// Server is the Server field of the responses that the layer makes by itself, 100 and 503 among them; empty: they have none.
	Server string
	Log    *slog.Logger // nil discards
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
	// came for a non-2xx (timer H), ErrTransport when a response could not be sent, ErrTimeout when the TU has not
	// answered a non-INVITE within 64*T1. Goroutine: a timer's, the reader's, or the one that called Respond, before it
	// returns. Of the request there is only what ServerTx.Request says. It is not called by Close.
	Ended(tx *ServerTx, err error)
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Timers.T1 = cmp.Or(c.Timers.T1, 500*time.Millisecond)
	c.Timers.T2 = cmp.Or(c.Timers.T2, 4*time.Second)
	c.Timers.T4 = cmp.Or(c.Timers.T4, 5*time.Second)
	c.Timers.D = cmp.Or(c.Timers.D, 32*time.Second)
	c.Timers.Trying = cmp.Or(c.Timers.Trying, 200*time.Millisecond)
	c.MaxServer = cmp.Or(c.MaxServer, 131072)
	c.MaxClient = cmp.Or(c.MaxClient, 20000)
	c.RetryAfter = cmp.Or(c.RetryAfter, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// life is 64*T1: how long a transaction waits for the peer.
func (t Timers) life() time.Duration { return 64 * t.T1 }
