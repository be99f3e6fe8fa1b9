package sipua

import (
	"context"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/transaction"
)

// maxEarly is how many branches of an INVITE of ours are told apart.
const maxEarly = 16

// earlyDialogs are those that the provisional responses to an INVITE of ours have made, one for each To-tag: there are
// several where a proxy has forked it (RFC 3261 §12.1.2, §13.2.2.1). One goroutine owns them, that of Client.Dial.
type earlyDialogs struct {
	ep     *endpoint
	tx     *transaction.ClientTx
	invite *message.Message
	local  sdp.Local // Previous is the offer
	inbox  chan event
	list   map[string]*earlyDialog // by To-tag
}

// earlyDialog is a call that has no goroutine, no leg and no end of its own.
type earlyDialog struct {
	call *call
	rseq uint32 // of the newest reliable response that has been acknowledged; 0 before the first
}

// lobby is the side of a call that is not answered yet: nobody is there to hear a key.
type lobby struct{ noSide }

func (lobby) key(context.Context, byte, time.Duration) error { return nil }

func newEarlyDialogs(ep *endpoint, tx *transaction.ClientTx, local sdp.Local) *earlyDialogs {
	return &earlyDialogs{
		ep: ep, tx: tx, invite: tx.Request(), local: local, inbox: make(chan event, inboxSize), list: map[string]*earlyDialog{},
	}
}

// take takes a provisional response. One that was sent reliably is acknowledged by PRACK, in its order; one that comes
// again or too early is not (RFC 3262 §4).
func (e *earlyDialogs) take(res *message.Message) {
	tag := res.To.Tag()
	if res.StatusCode <= 100 || tag == "" {
		return
	}
	x := e.list[tag]
	switch {
	case x != nil:
		x.call.d.refresh(res)
	case len(e.list) == maxEarly:
		return
	default:
		x = e.begin(res)
	}
	rseq, ok := res.RSeq()
	if !ok || !res.HasToken("Require", "100rel") || x.rseq != 0 && rseq != x.rseq+1 {
		return
	}
	x.rseq = rseq
	if body := sessionIn(res); body != nil && x.call.offered != nil { // RFC 3261 §13.2.1: the first answer counts
		if err := x.call.answeredBy(body); err != nil {
			x.call.early.failed = err
		}
	}
	e.ep.sendPrack(&x.call.d, message.RAck{RSeq: rseq, CSeq: res.CSeq}, nil)
}

// begin makes an early dialog that the callee's requests find.
func (e *earlyDialogs) begin(res *message.Message) *earlyDialog {
	c := newCall(e.ep, placed(e.invite, res, e.tx.Flow()), e.invite.Contact[0].URI.User)
	c.early, c.side, c.local, c.offered, c.placed, c.inbox = &early{}, lobby{}, e.local, e.local.Previous, true, e.inbox
	x := &earlyDialog{call: c}
	e.list[res.To.Tag()] = x
	e.ep.mu.Lock()
	defer e.ep.mu.Unlock()
	if !e.ep.closed && e.ep.calls[c.d.id] == nil {
		e.ep.calls[c.d.id] = c
	}
	return x
}

// handle takes a request of a callee before its 2xx.
func (e *earlyDialogs) handle(ev event) {
	if ev.tx == nil {
		return
	}
	if x := e.list[ev.tx.Request().From.Tag()]; x != nil {
		x.call.handle(ev)
	} else {
		e.ep.reply(ev.tx, 481, "")
	}
	for _, x := range e.list {
		e.ep.refill(x.call)
	}
}

// end forgets them all, when the INVITE has its final response. What has come in for them is answered. It may be called
// again.
func (e *earlyDialogs) end() {
	for _, x := range e.list {
		e.ep.remove(x.call)
	}
	e.drain()
}

// drain takes what has come in.
func (e *earlyDialogs) drain() {
	for {
		select {
		case ev := <-e.inbox:
			e.handle(ev)
		default:
			return
		}
	}
}

// become makes the call of a 2xx, in place of its early dialog where there was one.
func (e *earlyDialogs) become(res *message.Message) (c *call, err error) {
	d := placed(e.invite, res, e.tx.Flow())
	x := e.list[res.To.Tag()]
	if x != nil {
		before := &x.call.d
		d.localSeq, d.remoteSeq, d.remoteMethod, d.flow = before.localSeq, before.remoteSeq, before.remoteMethod, before.flow
	}
	c = newCall(e.ep, d, e.invite.Contact[0].URI.User)
	c.local, c.placed = e.local, true
	e.ep.mu.Lock()
	if x != nil {
		c.local = x.call.local
		if e.ep.calls[d.id] == x.call {
			delete(e.ep.calls, d.id)
		}
	}
	err = e.ep.addLocked(c, nil)
	e.ep.mu.Unlock()
	return c, err
}

// agreed is what answers our offer: the first description that came reliably, and that of the 2xx otherwise (RFC 3261
// §13.2.1); and what has been agreed since.
func (e *earlyDialogs) agreed(res *message.Message) (sdp.Agreed, error) {
	if x := e.list[res.To.Tag()]; x != nil {
		switch early := x.call.early; {
		case early.failed != nil:
			return sdp.Agreed{}, early.failed
		case early.agreed != nil:
			return *early.agreed, nil
		}
	}
	return sdp.AcceptAnswer(e.local.Previous, sessionIn(res), e.local)
}

// decline acknowledges a 2xx that is not wanted and ends its dialog (RFC 3261 §13.2.2.4): of another branch, or behind
// a CANCEL.
func (e *earlyDialogs) decline(res *message.Message) {
	d := placed(e.invite, res, e.tx.Flow())
	if x := e.list[res.To.Tag()]; x != nil {
		d.localSeq = x.call.d.localSeq
	}
	ack, next := d.requestAt(message.Ack, e.invite.CSeq.Seq)
	copyCredentials(ack, e.invite)
	bye, _ := d.request(message.Bye)
	for _, target := range e.ep.targets(e.ep.ctx, &d, next) {
		err := e.ep.layer.SendAck(ack.Clone(), target)
		if err == nil {
			_, err = e.ep.layer.Send(bye.Clone(), target)
		}
		if err == nil {
			return
		}
		e.ep.log.Debug("unwanted answer not declined", "call_id", e.invite.CallID, "err", err)
	}
}
