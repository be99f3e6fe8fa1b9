package sipua

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/transaction"
)

var (
	errHungUp  = errors.New("caller hung up before the answer")
	errNoPrack = errors.New("no PRACK came")
	errExpired = errors.New("invitation has expired")
)

// ringAgain is how often a caller is told that it still rings, lest a proxy gives up (RFC 3261 §13.3.1.1).
const ringAgain = time.Minute

// early is what a call that came in is before its final response.
type early struct {
	invite   *transaction.ServerTx
	reliably bool // provisional responses are acknowledged (RFC 3262)
	// open says that the offer of the INVITE is not answered yet, or none of ours has been sent.
	open   bool
	agreed *sdp.Agreed // is to hold from the 2xx on
	failed error       // why the call cannot be answered: what came in a PRACK
}

// reliable is the newest provisional response that was sent reliably (RFC 3262 §3). The zero value is none.
type reliable struct {
	tx       *transaction.ServerTx
	res      *message.Message
	seq      uint32
	waiting  bool // its PRACK has not come
	interval time.Duration
	deadline time.Time
	timer    *time.Timer // nil: it is not repeated (any more)
}

// due is when the response is to be repeated.
func (r *reliable) due() <-chan time.Time {
	if r.timer == nil {
		return nil
	}
	return r.timer.C
}

// rest ends the repeats. Its PRACK is still taken (RFC 3262 §3: after a final response too).
func (r *reliable) rest() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// acknowledges says whether a PRACK is for r, and not for the second time.
func (r *reliable) acknowledges(a message.RAck) bool {
	return r.waiting && a == message.RAck{RSeq: r.seq, CSeq: r.tx.Request().CSeq}
}

// ring lets the caller wait for d, with 180 (RFC 3261 §13.3.1.1), and takes meanwhile what comes in for the early dialog.
// body is what the 2xx is to carry; it returns what is left of that, or why the call is not to be answered.
func (c *call) ring(ctx context.Context, d time.Duration, body []byte) ([]byte, error) {
	e := c.early
	if e.reliably && c.offered != nil {
		// RFC 3261 §13.2.1: an offer of ours goes into the first reliable message; its answer comes in the PRACK.
		c.provisional(180, body)
		body = nil
	} else {
		c.provisional(180, nil)
	}
	defer c.reliable.rest()
	over, again := time.NewTimer(d), time.NewTicker(ringAgain)
	defer over.Stop()
	defer again.Stop()
	var expires <-chan time.Time
	if seconds, ok := e.invite.Request().Expires(); ok {
		limit := time.NewTimer(time.Duration(seconds) * time.Second)
		defer limit.Stop()
		expires = limit.C
	}
	rung := false
	for {
		c.ep.refill(c)
		// RFC 3262 §3: a 2xx waits for the PRACK of a response that had a description.
		if rung && !(c.reliable.waiting && len(c.reliable.res.Body) > 0) {
			return body, nil
		}
		select {
		case ev := <-c.inbox:
			c.handle(ev)
			if c.over {
				return nil, errHungUp
			}
			if e.failed != nil {
				return nil, e.failed
			}
		case <-over.C:
			rung = true
		case <-again.C:
			if !c.reliable.waiting {
				c.provisional(180, nil)
			}
		case <-c.reliable.due():
			if !c.repeatProvisional() {
				return nil, errNoPrack
			}
		case <-expires:
			return nil, errExpired
		case <-c.side.left():
			if c.side.leave(rooms.ReasonUnspecified) == rooms.ReasonDraining {
				return nil, rooms.ErrDraining
			}
			return nil, rooms.ErrClosed
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// provisional sends a provisional response that makes an early dialog (RFC 3261 §12.1.1): reliably where the caller can
// that (RFC 3262 §3). One with a description is sent to no other caller.
func (c *call) provisional(status int, body []byte) {
	tx := c.early.invite
	res := tx.Response(status, "")
	res.Contact = []message.Address{c.contact(tx)}
	res.RecordRoute = tx.Request().RecordRoute
	c.ep.offers(res)
	if c.early.reliably {
		r := &c.reliable
		r.rest()
		if r.seq == 0 {
			r.seq = 1 + rand.Uint32N(1<<31-1) // RFC 3262 §3: 1 to 2^31-1
		} else {
			r.seq++
		}
		res.Add("Require", "100rel")
		res.SetRSeq(r.seq)
		if body != nil {
			res.SetBody(acceptSDP, body)
			c.local.Previous = body
		}
		r.tx, r.res, r.waiting, r.interval = tx, res, true, c.ep.timers.T1
		r.deadline, r.timer = time.Now().Add(64*c.ep.timers.T1), time.NewTimer(r.interval)
	}
	c.ep.respond(tx, res)
}

// repeatProvisional sends the response again, at intervals that double, and says whether there is still hope for its
// PRACK: none after 64*T1.
func (c *call) repeatProvisional() bool {
	r := &c.reliable
	if !time.Now().Before(r.deadline) {
		r.rest()
		return false
	}
	if err := r.tx.Respond(r.res); err != nil {
		c.log.Debug("provisional response not repeated", "err", err)
	}
	r.interval *= 2
	r.timer.Reset(min(r.interval, time.Until(r.deadline)))
	return true
}

// prack takes a PRACK (RFC 3262 §3, §5).
func (c *call) prack(tx *transaction.ServerTx) {
	rack, ok := tx.Request().RAck()
	if !ok {
		c.ep.reply(tx, 400, "PRACK without RAck")
		return
	}
	if !c.reliable.acknowledges(rack) {
		c.ep.reply(tx, 481, "")
		return
	}
	body, _, ok := c.ep.readable(tx, acceptSDP)
	if !ok {
		return
	}
	c.reliable.rest()
	c.reliable.waiting = false
	res := tx.Response(200, "") // RFC 3262, table 3: without a Contact
	switch {
	case c.early != nil && c.offered != nil: // our offer was in the response
		if err := c.answeredBy(body); err != nil {
			c.early.failed = err
			c.ep.replyError(tx, err)
			return
		}
		c.early.open = false
	case body != nil && (c.early == nil || c.early.open):
		c.ep.putOff(tx)
		return
	case body != nil:
		answer, err := c.answer(body)
		if err != nil {
			c.ep.replyError(tx, err)
			return
		}
		c.local.Previous = answer
		res.SetBody(acceptSDP, answer)
	}
	c.ep.respond(tx, res)
}

// answeredBy takes the answer to an offer of ours.
func (c *call) answeredBy(answer []byte) error {
	offer := c.offered
	c.offered = nil
	agreed, err := c.acceptAnswer(offer, answer)
	if err != nil {
		return err
	}
	return c.apply(agreed)
}

// putOff answers what comes before an earlier offer or INVITE is answered: 500 with a Retry-After of 0 to 10 s (RFC 3261 §14.2,
// RFC 3311 §5.2).
func (ep *endpoint) putOff(tx *transaction.ServerTx) {
	res := tx.Response(500, "")
	res.Add("Retry-After", strconv.Itoa(rand.IntN(11)))
	ep.respond(tx, res)
}
