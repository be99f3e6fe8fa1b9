package transaction

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// ServerTx is a request that came in, and its responses. Its methods are safe for concurrent use.
//
// Its lock is held while a response is given to the transport, which does not block and does not call back: so
// responses leave in the order in which they were given.
type ServerTx struct {
	l      *Layer
	key    key
	id     mergeKey
	unique bool // id is in the layer's table
	req    atomic.Pointer[message.Message]
	flow   transport.Flow
	toTag  string
	invite bool
	silent bool        // the TU knows nothing of it
	held   atomic.Bool // the gate counts it as half open
	came   time.Time

	mu        sync.Mutex
	via       message.Via // where responses go
	state     state
	last      []byte // the response that repeats of the request are answered with
	cancelled bool
	clock     clock
}

func newServerTx(l *Layer, k key, req *message.Message, from transport.Flow) *ServerTx {
	t := &ServerTx{l: l, flow: from, invite: req.Method == message.Invite, via: req.Via[0], came: time.Now()}
	// It outlives the request: what it keeps is a copy, for a part of the request's text would keep all of it.
	var tag string
	t.key.branch, t.key.sentBy, t.id.fromTag, t.id.callID, tag = copied(k.branch, k.sentBy, req.From.Tag(), req.CallID, req.To.Tag())
	t.key.method = plain(k.method)
	t.id.cseq = message.CSeq{Seq: req.CSeq.Seq, Method: plain(req.CSeq.Method)}
	if t.toTag = tag; tag == "" {
		t.toTag = newTag()
	}
	if t.invite {
		t.state = proceeding // RFC 3261 §17.2.1
	}
	t.req.Store(req)
	t.clock.fire = t.fire
	return t
}

// start starts what waits for the TU's first answer: the 100 to an INVITE (RFC 3261 §17.2.1), the 100 to a non-INVITE
// on an unreliable transport (RFC 4320 §4.2), and the end of patience with a TU that does not answer a non-INVITE.
func (t *ServerTx) start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, timers := time.Now(), t.l.cfg.Timers
	switch {
	case t.state == terminated: // Close was quicker
		return
	case t.invite && timers.Trying < 0:
		t.last = t.tryingText()
		_ = t.transmit(t.last) // if it fails, so will the next
	case t.invite:
		t.clock.repeat(now, timers.Trying)
	default:
		t.clock.expire(now, timers.life())
		if !t.flow.Reliable() {
			t.clock.repeat(now, timers.untilT2())
		}
	}
	t.clock.set(now)
}

// untilT2 is the time it takes a client's timer E to be reset to T2: with the RFC's values 3.5 s.
func (t Timers) untilT2() time.Duration {
	var sum time.Duration
	for d := t.T1; d < t.T2; d *= 2 {
		sum += d
	}
	return sum
}

// Request is the request; it is never changed. After the final response, or Acknowledged where that is a 2xx to an INVITE, and in
// Handler.Ended there is only its Method, From tag, Call-ID and CSeq: whoever needs more of it then keeps what it got before.
func (t *ServerTx) Request() *message.Message {
	if req := t.req.Load(); req != nil {
		return req
	}
	return &message.Message{
		Method: t.key.method, From: message.Address{}.WithTag(t.id.fromTag), CallID: t.id.callID, CSeq: t.id.cseq,
	}
}

// Acknowledged says that the ACK of the 2xx has come, which is the TU's to know: the INVITE is half open no more, and the 2xx
// will not be sent again.
func (t *ServerTx) Acknowledged() {
	t.mu.Lock()
	if t.state == accepted {
		t.slim()
	}
	t.mu.Unlock()
	t.release()
}

// release gives back to the gate what the INVITE has taken, once.
func (t *ServerTx) release() {
	if t.held.CompareAndSwap(true, false) {
		t.l.cfg.Gate.Release(t.flow.Remote.Addr())
	}
}

// slim forgets the request and keeps what the rest of the transaction needs: where its response goes, and that response in
// exactly its length. The lock is held.
func (t *ServerTx) slim() {
	t.req.Store(nil)
	t.last = bytes.Clone(t.last)
	var p message.Params
	for _, name := range [...]string{"received", "rport", "maddr"} {
		if v, ok := t.via.Params.Find(name); ok {
			p = append(p, message.Param{Name: name, Value: strings.Clone(v)})
		}
	}
	t.via = message.Via{Transport: t.flow.Transport, Host: strings.Clone(t.via.Host), Port: t.via.Port, Params: p}
}

// Flow is where it came on. Its SentBy is what a Contact should have.
func (t *ServerTx) Flow() transport.Flow { return t.flow }

// ToTag is the tag in the To field of all responses of this transaction: the request's, or a new random one.
func (t *ServerTx) ToTag() string { return t.toTag }

// Cancelled says whether a CANCEL has come.
func (t *ServerTx) Cancelled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cancelled
}

// Response returns a response to the request with the To-tag in it (not in a 100), to be filled and given to Respond. It is
// for use as long as Request has everything.
func (t *ServerTx) Response(status int, reason string) *message.Message {
	res := message.NewResponse(t.Request(), status, reason)
	t.tag(res)
	return res
}

func (t *ServerTx) tag(res *message.Message) {
	if res.StatusCode > 100 && res.To.Tag() == "" {
		res.To = res.To.WithTag(t.toTag)
	}
}

// Reply is Respond with a response that has nothing but a status; an empty reason is the status's own phrase.
func (t *ServerTx) Reply(status int, reason string) error {
	res := t.Response(status, reason)
	t.l.sign(res)
	return t.Respond(res)
}

// Respond sends a response and repeats it as RFC 3261 §17.2 says. To an INVITE any number of provisional ones and one
// final one, or more than one 2xx, which the TU itself repeats by calling Respond again until its ACK comes (RFC 6026
// §7.1). To anything else one final one, but no 408 (RFC 4320 §4.2); a 100 goes by itself where it may. A To-tag is
// added where there is none. res must not be changed afterwards. Errors: ErrFinalSent, ErrEnded, ErrNotAllowed,
// ErrTransport: after that one the transaction is over, unless it was for a repeated 2xx.
func (t *ServerTx) Respond(res *message.Message) error {
	t.tag(res)
	data := res.Bytes()
	t.mu.Lock()
	before := t.state
	var err error
	if t.invite {
		err = t.respondInvite(res.StatusCode, data)
	} else {
		err = t.respondOther(res.StatusCode, data)
	}
	if before < completed && (t.state == completed || t.state == terminated) {
		t.slim()
	}
	over := t.state == terminated && before != terminated
	t.mu.Unlock()
	if over {
		t.ended(err)
	}
	return err
}

// respondInvite is RFC 3261 §17.2.1 with RFC 6026 §7.1. The lock is held.
func (t *ServerTx) respondInvite(status int, data []byte) error {
	now, timers := time.Now(), t.l.cfg.Timers
	switch {
	case t.state == terminated:
		return ErrEnded
	case t.state == accepted && status/100 == 2:
		return t.transmit(data)
	case t.state != proceeding:
		return ErrFinalSent
	}
	t.clock.clear()
	t.last = data
	switch {
	case status < 200:
	case status < 300:
		t.state, t.last = accepted, nil
		t.clock.expire(now, timers.life()) // timer L
		t.clock.set(now)
		return t.transmit(data) // RFC 6026 §8.8: a transport error does not end it
	default:
		t.state = completed
		t.clock.expire(now, timers.life()) // timer H
		if !t.flow.Reliable() {
			t.clock.repeat(now, timers.T1) // timer G
		}
	}
	t.clock.set(now)
	return t.endOn(t.transmit(data))
}

// respondOther is RFC 3261 §17.2.2 with RFC 4320. The lock is held.
func (t *ServerTx) respondOther(status int, data []byte) error {
	switch {
	case t.state == terminated:
		return ErrEnded
	case t.state == completed:
		return ErrFinalSent
	case status < 200 || status == 408:
		return ErrNotAllowed
	}
	now := time.Now()
	t.clock.clear()
	t.state, t.last = completed, data
	if !t.flow.Reliable() {
		t.clock.expire(now, t.l.cfg.Timers.life()) // timer J; 0 on a reliable transport
	}
	t.clock.set(now)
	err := t.endOn(t.transmit(data))
	if t.flow.Reliable() {
		t.terminate()
	}
	return err
}

// endOn ends the transaction if a response could not be sent (RFC 3261 §17.2.4). The lock is held.
func (t *ServerTx) endOn(err error) error {
	if err != nil {
		t.terminate()
	}
	return err
}

func (t *ServerTx) terminate() {
	t.state = terminated
	t.last = nil
	t.clock.clear()
	t.clock.set(time.Now())
}

func (t *ServerTx) transmit(data []byte) error {
	if err := t.l.tp.Respond(t.flow, t.via, data); err != nil {
		return fmt.Errorf("%w: %w", ErrTransport, err)
	}
	return nil
}

// tryingText is the 100 that goes by itself.
func (t *ServerTx) tryingText() []byte {
	res := message.NewResponse(t.Request(), 100, "")
	res.AddDelay(time.Since(t.came)) // RFC 3261 §8.2.6.1
	t.l.sign(res)
	return res.Bytes()
}

func (t *ServerTx) sendTrying() error {
	t.last = t.tryingText()
	if !t.invite {
		t.state = proceeding
	}
	return t.endOn(t.transmit(t.last))
}

// ended takes the transaction out of the layer and tells the TU. No lock is held.
func (t *ServerTx) ended(err error) {
	t.l.dropServer(t)
	t.release()
	if !t.silent {
		t.l.tu.Ended(t, err)
	}
}

// stop is Close's way to end it.
func (t *ServerTx) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.terminate()
	t.release()
}

// again answers a request that came again with the last response, if there is one (RFC 3261 §17.2.1, §17.2.2).
func (t *ServerTx) again() {
	t.mu.Lock()
	if t.last == nil || t.state != proceeding && t.state != completed {
		t.mu.Unlock()
		return
	}
	t.l.count.repeated.Add(1)
	err := t.endOn(t.transmit(t.last))
	t.mu.Unlock()
	if err != nil {
		t.ended(err)
	}
}

// ack takes an ACK on the INVITE's own branch and says whether it is the TU's: that of a 2xx.
func (t *ServerTx) ack(req *message.Message) (up bool) {
	t.mu.Lock()
	switch t.state {
	case accepted: // RFC 6026 §7.1
		t.mu.Unlock()
		return true
	case completed:
	default:
		t.mu.Unlock()
		return false // too early, or absorbed
	}
	if strings.HasPrefix(t.key.branch, legacy) && req.To.Tag() != t.toTag { // RFC 2543: its To-tag must be the response's
		t.mu.Unlock()
		return true
	}
	now := time.Now()
	t.clock.clear()
	t.state, t.last = confirmed, nil
	t.release()
	over := t.flow.Reliable() // timer I
	if over {
		t.terminate()
	} else {
		t.clock.expire(now, t.l.cfg.Timers.T4)
		t.clock.set(now)
	}
	t.mu.Unlock()
	if over {
		t.ended(nil)
	}
	return false
}

// cancel notes a CANCEL and says whether the TU is to be told: only the first, and only before a final response.
func (t *ServerTx) cancel() (up bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != proceeding || t.cancelled {
		return false
	}
	t.cancelled = true
	return true
}

// fire runs on the timer's goroutine.
func (t *ServerTx) fire() {
	if !t.l.enter() {
		return
	}
	defer t.l.leave()
	t.mu.Lock()
	if t.state == terminated {
		t.mu.Unlock()
		return
	}
	now := time.Now()
	repeat, expire := t.clock.due(now)
	var err error
	switch {
	case expire:
		err = t.expired()
		t.terminate()
	case repeat && t.state == completed: // timer G
		t.clock.repeat(now, min(2*t.clock.interval, t.l.cfg.Timers.T2))
		t.l.count.repeated.Add(1)
		err = t.endOn(t.transmit(t.last))
	case repeat:
		t.clock.repeatAt = time.Time{}
		err = t.sendTrying()
	}
	over := t.state == terminated
	if !over {
		t.clock.set(now)
	}
	t.mu.Unlock()
	if over {
		t.ended(err)
	}
}

// expired says what the end of a state means.
func (t *ServerTx) expired() error {
	switch {
	case t.state == completed && t.invite: // timer H
		t.l.count.timeouts.Add(1)
		return ErrNoAck
	case t.state == trying, t.state == proceeding: // a non-INVITE that nobody answered; the client has given up (RFC 4320)
		return ErrTimeout
	}
	return nil // timers I, J, L
}
