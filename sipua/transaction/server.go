package transaction

import (
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// ServerTx is a request that came in, and its responses. Its methods are safe for concurrent use.
type ServerTx struct{}

// Request is the request; it is never changed.
func (t *ServerTx) Request() *message.Message { return nil }

// Flow is where it came on. Its SentBy is what a Contact should have.
func (t *ServerTx) Flow() transport.Flow { return transport.Flow{} }

// ToTag is the tag in the To field of all responses of this transaction: the request's, or a new random one.
func (t *ServerTx) ToTag() string { return "" }

// Response returns a response to the request with the To-tag in it (not in a 100), to be filled and given to Respond.
func (t *ServerTx) Response(status int, reason string) *message.Message { return nil }

// Respond sends a response and repeats it as RFC 3261 §17.2 says. To an INVITE any number of provisional ones and one
// final one, or more than one 2xx, which the TU itself repeats by calling Respond again until its ACK comes (RFC 6026
// §7.1). A To-tag is added where there is none. res must not be changed afterwards. Errors: ErrFinalSent, ErrEnded,
// ErrTransport.
func (t *ServerTx) Respond(res *message.Message) error { return ErrEnded }

// Reply is Respond with a response that has nothing but a status; an empty reason is the status's own phrase.
func (t *ServerTx) Reply(status int, reason string) error { return ErrEnded }

// Cancelled says whether a CANCEL has come.
func (t *ServerTx) Cancelled() bool { return false }
