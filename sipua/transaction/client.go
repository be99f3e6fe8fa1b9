package transaction

import (
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// ClientTx is a request that we sent, and its responses. Its methods are safe for concurrent use.
type ClientTx struct{}

// Request is the request as sent, with its Via.
func (t *ClientTx) Request() *message.Message { return nil }

// Flow is the way it took. After a fall-back from TCP to UDP (RFC 3261 §18.1.1) it is the new one.
func (t *ClientTx) Flow() transport.Flow { return transport.Flow{} }

// Responses are the responses in order. To an INVITE also every 2xx of every branch, repeats included, until 64*T1
// after the first (timer M of RFC 6026): the TU sends the ACK for each. The ACK for other final responses is sent
// here. The channel is closed after a final response other than a 2xx to an INVITE, and when the transaction fails;
// then Err says why. It holds 16; a TU that does not read loses the oldest provisional ones.
func (t *ClientTx) Responses() <-chan *message.Message { return nil }

// Err is nil until Responses is closed, and after it if a final response came; else ErrTimeout, ErrTransport, ErrClosed.
func (t *ClientTx) Err() error { return nil }

// Cancel sends a CANCEL for an INVITE (RFC 3261 §9.1): now, or when the first provisional response has come. The INVITE's
// own final response, mostly 487, comes through Responses; if none has come 64*T1 after the CANCEL, ErrTimeout ends it.
// Cancelling twice does nothing. Errors: ErrNotInvite, ErrEnded after a final response.
func (t *ClientTx) Cancel() error { return nil }
