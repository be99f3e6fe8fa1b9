package sipua

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
)

// change is a re-INVITE or UPDATE of ours that is under way (RFC 3261 §14.1, RFC 3311 §5.1).
type change struct {
	tx      *transaction.ClientTx
	req     *message.Message
	offer   []byte             // in it; nil where there is none
	targets []transport.Target // that have not been tried
	target  transport.Target   // that tx went to
	round   round
	renews  bool // it tells the listener of a session that it has changed
}

// changing is what comes in answer to a change of ours.
func (c *call) changing() <-chan *message.Message {
	if c.change == nil {
		return nil
	}
	return c.change.tx.Responses()
}

// offering says whether an offer of ours has no answer yet.
func (c *call) offering() bool {
	return c.offered != nil || c.change != nil && c.change.offer != nil
}

// free says whether we may change the session now: no INVITE is under way in either direction, and no offer.
func (c *call) free() bool {
	return c.early == nil && c.ending == nil && c.pending == nil && c.change == nil && c.offered == nil && !c.inviting.Load()
}

// refresh refreshes the session (RFC 4028 §7.4): by UPDATE without an offer where the peer takes it, else by an INVITE
// with the description that holds, its version unchanged.
func (c *call) refresh() {
	if c.audience.isStale() {
		c.offerSession()
		return
	}
	if c.updates {
		c.modify(message.Update, nil)
		return
	}
	c.modify(message.Invite, c.local.Previous)
}

// offerSession tells the listener of a session that it has changed.
func (c *call) offerSession() {
	offer, err := c.offer()
	if err != nil {
		c.end(message.Reason{Protocol: "SIP", Cause: refuse(err).status, Text: err.Error()})
		return
	}
	c.audience.stale = false
	c.modify(message.Invite, offer)
	if c.change == nil { // there is no way at the moment
		c.audience.stale = true
		return
	}
	c.change.renews = true
}

// modify sends an INVITE or UPDATE in the dialog; the call must be free. What comes of it is changed's.
func (c *call) modify(method message.Method, offer []byte) {
	req, next := c.d.request(method)
	at := contact(c.user, c.d.flow, c.d.target.Scheme == "sips")
	if c.focus {
		at.Params = at.Params.With("isfocus", "")
	}
	req.Contact = []message.Address{at}
	c.ep.offers(req)
	req.Add("User-Agent", c.ep.agent)
	c.session.ask(req)
	if offer != nil {
		req.SetBody(acceptSDP, offer)
		c.local.Previous = offer
	}
	c.change = &change{req: req, offer: offer, targets: c.ep.targets(c.ep.ctx, &c.d, next)}
	if offer != nil && c.audience.isSecret() { // a Contact may name another way than the call came by
		c.change.targets = slices.DeleteFunc(c.change.targets, func(t transport.Target) bool { return !t.Secure() })
	}
	c.sendChange()
}

// sendChange sends the change to the first of its targets that can be sent to.
func (c *call) sendChange() {
	ch := c.change
	for len(ch.targets) > 0 {
		target := ch.targets[0]
		ch.targets = ch.targets[1:]
		req := ch.req.Clone()
		c.auth.apply(req)
		tx, err := c.ep.layer.Send(req, target)
		if err == nil {
			ch.target, ch.tx = target, tx
			return
		}
		c.log.Debug("request not sent", "method", ch.req.Method, "err", err)
	}
	c.change = nil
	c.session.retry(refreshAgain)
}

// changed takes a response to a change of ours, or its end without one.
func (c *call) changed(res *message.Message, ok bool) {
	ch := c.change
	switch {
	case !ok && errors.Is(ch.tx.Err(), transaction.ErrTransport):
		c.sendChange() // RFC 3261 §8.1.3.1: as a 503, and not the end of the dialog
	case !ok:
		c.change = nil
		c.end(message.Reason{Protocol: "SIP", Cause: 408, Text: "no answer to " + string(ch.req.Method)}) // RFC 3261 §12.2.1.2
	case res.StatusCode < 200:
		c.prackChange(res)
	case res.StatusCode < 300:
		c.change = nil
		c.accepted(ch, res)
	case (res.StatusCode == 401 || res.StatusCode == 407) && c.auth.learn(res, &ch.round): // RFC 3261 §22.2
		c.d.localSeq++
		ch.req = ch.req.Clone()
		ch.req.CSeq.Seq = c.d.localSeq
		ch.targets = append([]transport.Target{ch.target}, ch.targets...)
		c.sendChange()
	default:
		c.change = nil
		c.refused(ch, res)
	}
}

// accepted takes the 2xx.
func (c *call) accepted(ch *change, res *message.Message) {
	c.d.refresh(res) // RFC 3261 §12.2.1.2
	c.session.answered(res)
	if ch.req.Method == message.Invite {
		c.acknowledge(ch)
	}
	if ch.offer == nil {
		return
	}
	answer := sessionIn(res)
	if len(answer) == 0 {
		c.log.Debug("2xx without an answer: what was agreed holds", "method", ch.req.Method)
		return
	}
	agreed, err := c.acceptAnswer(ch.offer, answer)
	if err == nil {
		err = c.apply(agreed)
	}
	if err != nil {
		c.end(message.Reason{Protocol: "SIP", Cause: refuse(err).status, Text: err.Error()})
	}
}

// acknowledge sends the ACK of a re-INVITE's 2xx, and again whenever the 2xx comes again.
func (c *call) acknowledge(ch *change) {
	ack, next := c.d.requestAt(message.Ack, ch.req.CSeq.Seq)
	copyCredentials(ack, ch.tx.Request())
	targets := c.ep.targets(c.ep.ctx, &c.d, next)
	c.reack = repeats{responses: ch.tx.Responses(), ack: func() { c.ep.sendAck(ack, targets) }}
	c.reack.ack()
}

// repeats are 2xx that come again, because their ACK was lost (RFC 3261 §13.2.2.4).
type repeats struct {
	responses <-chan *message.Message
	ack       func()
}

// take acknowledges one more.
func (r *repeats) take(ok bool) {
	if !ok {
		r.responses = nil
		return
	}
	r.ack()
}

// sendAck sends an ACK to the first target that can be sent to.
func (ep *endpoint) sendAck(ack *message.Message, targets []transport.Target) {
	for _, target := range targets {
		err := ep.layer.SendAck(ack.Clone(), target)
		if err == nil {
			return
		}
		ep.log.Debug("ACK not sent", "call_id", ack.CallID, "err", err)
	}
}

// refused takes a final response that is no 2xx. The session is as it was (RFC 3261 §14.1).
func (c *call) refused(ch *change, res *message.Message) {
	status := res.StatusCode
	c.log.Debug("session is not changed", "method", ch.req.Method, "status", status)
	switch {
	case status == 408 || status == 481: // RFC 3261 §12.2.1.2
		c.end(message.Reason{Protocol: "SIP", Cause: status, Text: message.StatusText(status) + " to " + string(ch.req.Method)})
	case status == 491:
		if ch.renews {
			c.audience.stale = true
		}
		c.session.retry(c.backOff())
	case ch.renews: // what it has is not where the sound is any more
		c.end(message.Reason{Protocol: "SIP", Cause: status, Text: "session has changed"})
	case status == 422 && c.session.tooSmall(res):
		c.wantRefresh = true
	case ch.req.Method == message.Update && (status == 405 || status == 501):
		c.updates = false
		c.wantRefresh = true
	case c.session.capable: // others count too: it must succeed before the end
		c.session.retry(max(retryAfter(res, refreshAgain), refreshPause))
	default: // it was only to learn whether the peer is there
		c.session.restart()
	}
}

// backOff is how long to wait after a 491 (RFC 3261 §14.1): the side that made the Call-ID 2.1 to 4 s, the other up to
// 2 s, in units of 10 ms.
func (c *call) backOff() time.Duration {
	const unit = 10 * time.Millisecond
	if c.placed {
		return time.Duration(210+rand.IntN(191)) * unit
	}
	return time.Duration(rand.IntN(201)) * unit
}

// retryAfter is what a Retry-After field says (RFC 3261 §20.33), or otherwise; at most an hour.
func retryAfter(res *message.Message, otherwise time.Duration) time.Duration {
	r, ok := res.RetryAfter()
	if !ok {
		return otherwise
	}
	return min(r.After, time.Hour)
}

// prackChange acknowledges a reliable provisional response to a re-INVITE of ours (RFC 3262 §4).
func (c *call) prackChange(res *message.Message) {
	rseq, ok := res.RSeq()
	if !ok || !res.HasToken("Require", "100rel") || rseq <= c.rseq && res.CSeq == c.rseqOf {
		return
	}
	c.rseq, c.rseqOf = rseq, res.CSeq
	c.ep.sendPrack(&c.d, message.RAck{RSeq: rseq, CSeq: res.CSeq}, nil)
}

// sendPrack acknowledges a provisional response of the peer's. Nobody waits for its answer: what is lost is repeated.
func (ep *endpoint) sendPrack(d *dialog, what message.RAck, body []byte) {
	req, next := d.request(message.Prack)
	req.SetRAck(what)
	req.Add("User-Agent", ep.agent)
	if body != nil {
		req.SetBody(acceptSDP, body)
	}
	for _, target := range ep.targets(ep.ctx, d, next) {
		_, err := ep.layer.Send(req.Clone(), target)
		if err == nil {
			return
		}
		ep.log.Debug("PRACK not sent", "call_id", d.id.callID, "err", err)
	}
}
