package sipua

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
)

// OutCall is a call that Client.Dial has placed. Its methods are safe for concurrent use. It must be ended by Hangup,
// by the peer, or by Client.Close, and its leg by OutLeg.Close.
type OutCall struct {
	call *call
	leg  *OutLeg
	done chan struct{}
}

// Leg is the call's sound.
func (o *OutCall) Leg() *OutLeg { return o.leg }

// CallID is the Call-ID field, for logs.
func (o *OutCall) CallID() string { return o.call.d.id.callID }

// Done is closed when the call is over, whoever ended it, and nothing more is sent for it.
func (o *OutCall) Done() <-chan struct{} { return o.done }

// Reasons are those of the peer's BYE (RFC 3326); nil before Done is closed, and where the peer did not end the call
// or gave none.
func (o *OutCall) Reasons() []message.Reason {
	select {
	case <-o.done:
		return o.call.farewell
	default:
		return nil
	}
}

// Hangup sends a BYE and waits for its answer (RFC 3261 §15.1.1). It does nothing to a call that is over. The error is
// the context's; the BYE is then still under way.
func (o *OutCall) Hangup(ctx context.Context) error {
	o.call.requestStop(rooms.ReasonHangup)
	select {
	case <-o.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run is the goroutine of the call.
func (o *OutCall) run() {
	defer close(o.done)
	defer o.call.close()
	o.call.loop()
}

// apply hands what was agreed to the leg's owner.
func (o *OutCall) apply(_ context.Context, s media.Stream) error {
	o.leg.next.Store(&s)
	return nil
}

func (o *OutCall) key(context.Context, byte, time.Duration) error { return nil }
func (o *OutCall) left() <-chan struct{}                          { return nil }
func (o *OutCall) leave(why rooms.Reason) rooms.Reason            { return why }

// OutLeg is the sound of a call that was placed. One goroutine uses it. What the bridge changes in the call (RFC 3261
// §14) takes effect with the next Receive.
type OutLeg struct {
	leg  *media.Leg
	next atomic.Pointer[media.Stream]
}

// change takes up what was agreed anew. A stream that the leg refuses leaves it as it is.
func (l *OutLeg) change() error {
	if s := l.next.Swap(nil); s != nil {
		return l.leg.Configure(*s)
	}
	return nil
}

// Profile is how Send's payloads are to be made, as of the last Receive.
func (l *OutLeg) Profile() codec.Profile { return l.leg.Profile() }

// Format is the codec of Profile.
func (l *OutLeg) Format() codec.Format { return l.leg.Format() }

// Expects is the format that sound is likely to come in, as of the last Receive.
func (l *OutLeg) Expects() codec.Format { return l.leg.Expects() }

// Receive hands on what has come in, without waiting. It fails with media.ErrTimeout when the peer is gone.
func (l *OutLeg) Receive(now time.Time, in media.Inlet) error {
	if err := l.change(); err != nil {
		return err
	}
	return l.leg.Receive(now, in)
}

// Send sends payload, which lasts samples clock units; an empty one only advances the timestamp.
func (l *OutLeg) Send(now time.Time, payload []byte, samples int) { l.leg.Send(now, payload, samples) }

// PressKey queues a key to be sent by the coming Sends (RFC 4733).
func (l *OutLeg) PressKey(digit byte, held time.Duration) error { return l.leg.PressKey(digit, held) }

// Close closes the sockets. It is the last call.
func (l *OutLeg) Close() error { return l.leg.Close() }
