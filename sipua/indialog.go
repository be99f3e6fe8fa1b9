package sipua

import (
	"context"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/cdr"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
)

// handle takes one event of the dialog (RFC 3261 §12.2.2).
func (c *call) handle(ev event) {
	if ev.ack != nil {
		c.acknowledged(ev.ack)
		return
	}
	_ = c.ep.net.Writable(c.ep.ctx, ev.tx.Flow()) // thousands of requests may have come at once; a way that is gone is Respond's matter
	req := ev.tx.Request()
	if err := c.d.sequence(req); err != nil {
		c.ep.reply(ev.tx, 500, "CSeq out of order")
		return
	}
	c.d.flow = ev.tx.Flow()
	if !c.ep.required(ev.tx) {
		return
	}
	switch req.Method {
	case message.Bye:
		c.hungUp(ev.tx)
	case message.Invite:
		c.reinvite(ev.tx)
	case message.Update:
		c.update(ev.tx)
	case message.Info:
		c.info(ev.tx)
	case message.Prack:
		c.prack(ev.tx)
	case message.Options:
		c.ep.options(ev.tx)
	default:
		c.ep.refuseMethod(ev.tx)
	}
}

// hungUp takes a BYE (RFC 3261 §15.1.2), also before the ACK. The seat is free when the caller has the 200.
func (c *call) hungUp(tx *transaction.ServerTx) {
	c.farewell = tx.Request().Reasons()
	c.account.ended(cdr.Peer, farewellText(c.farewell))
	c.over = true
	c.leaving.Store(true)
	c.side.leave(rooms.ReasonHangup)
	c.ep.remove(c)
	c.ep.reply(tx, 200, "")
	c.log.Info("call is ended by the peer", "reason", reasonsText(c.farewell))
}

// reinvite takes an INVITE in the dialog (RFC 3261 §14.2). If it is refused, everything stays as it was.
func (c *call) reinvite(tx *transaction.ServerTx) {
	switch {
	case tx.Cancelled():
		c.ep.reply(tx, 487, "")
		return
	case c.ending != nil:
		c.ep.reply(tx, 481, "")
		return
	case c.early != nil || c.offering() || c.change != nil && c.change.req.Method == message.Invite:
		c.ep.reply(tx, 491, "") // RFC 3261 §14.2: an INVITE or an offer of ours is still to be answered
		return
	case c.ep.sessionTooShort(tx):
		return
	}
	body, _, ok := c.ep.readable(tx, acceptSDP)
	if !ok {
		return
	}
	var answer []byte
	if body == nil {
		var err error
		if answer, err = c.offer(); err != nil { // RFC 3261 §14.2: a new offer
			c.ep.replyError(tx, err)
			return
		}
		c.offered = answer
	} else {
		var err error
		if answer, err = c.answer(body); err != nil {
			c.ep.replyError(tx, err)
			return
		}
	}
	c.local.Previous = answer
	c.d.refresh(tx.Request())
	// A peer that sends a new INVITE has had the 2xx to the one before: its ACK is lost or late (RFC 5407 §3.1.4).
	c.dropPending()
	c.accept(tx, answer)
}

// answer answers an offer and makes it hold.
func (c *call) answer(offer []byte) ([]byte, error) {
	answer, agreed, err := c.answerTo(offer)
	if err != nil {
		return nil, err
	}
	return answer, c.apply(agreed)
}

// update takes an UPDATE (RFC 3311 §5.2): a new target, and an offer where it has one.
func (c *call) update(tx *transaction.ServerTx) {
	if c.ending != nil {
		c.ep.reply(tx, 481, "")
		return
	}
	body, _, ok := c.ep.readable(tx, acceptSDP)
	if !ok {
		return
	}
	switch {
	case body != nil && c.offering():
		c.ep.reply(tx, 491, "")
		return
	case body != nil && c.early != nil && c.early.open:
		c.ep.putOff(tx)
		return
	case c.ep.sessionTooShort(tx):
		return
	}
	var answer []byte
	if body != nil {
		var err error
		if answer, err = c.answer(body); err != nil {
			c.ep.replyError(tx, err)
			return
		}
		c.local.Previous = answer
	}
	c.d.refresh(tx.Request())
	c.ep.respond(tx, c.ok(tx, answer))
}

// info takes an INFO (RFC 6086): the keys of telephones that cannot send telephone-event. One without a body is a
// sign of life.
func (c *call) info(tx *transaction.ServerTx) {
	if _, packaged := tx.Request().Header("Info-Package"); packaged {
		res := tx.Response(469, "Bad Info Package") // RFC 6086 §4.2.2
		res.Add("Recv-Info", "")
		c.ep.respond(tx, res)
		return
	}
	body, contentType, ok := c.ep.readable(tx, acceptInfo)
	if !ok {
		return
	}
	if body == nil {
		c.ep.reply(tx, 200, "")
		return
	}
	digit, held, err := readDTMF(contentType, body)
	if err != nil {
		c.ep.reply(tx, 400, "Malformed key")
		return
	}
	if digit != 0 {
		ctx, cancel := context.WithTimeout(c.ep.ctx, applyTime)
		defer cancel()
		if err := c.side.key(ctx, digit, held); err != nil {
			c.ep.replyError(tx, err)
			return
		}
	}
	c.ep.reply(tx, 200, "")
}
