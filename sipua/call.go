package sipua

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/cdr"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/trunk"
)

var (
	errCancelled    = errors.New("call was cancelled")
	errTooManyCalls = errors.New("too many calls")
	errDialogExists = errors.New("dialog exists")
)

const (
	// inboxSize is how many requests of one dialog wait while the call is busy with another; more go into its backlog.
	inboxSize = 16
	// setupTime bounds the waiting for a seat; applyTime for one room's tick.
	setupTime = 30 * time.Second
	applyTime = 10 * time.Second
)

// event is what comes in for a call: a request, or the ACK of a 2xx.
type event struct {
	tx  *transaction.ServerTx
	ack *message.Message
}

// side is what a call connects the peer with: a seat in a room, or whoever placed the call.
type side interface {
	// apply makes what was agreed hold for the media.
	apply(ctx context.Context, s media.Stream) error
	// key tells of a key that came by INFO.
	key(ctx context.Context, digit byte, held time.Duration) error
	// left is closed when the side is done with the call.
	left() <-chan struct{}
	// leave ends the side and returns the reason that counts: the first that was given. It may be called again.
	leave(why rooms.Reason) rooms.Reason
}

// call is one call: a dialog, its offers and answers, and its side. All fields belong to the goroutine that runs loop,
// but inbox, inviting, giveUp and stop.
type call struct {
	ep   *endpoint
	log  *slog.Logger
	user string // of our Contact
	// focus says that our Contact is that of a conference (RFC 4579 §5.1).
	focus    bool
	admitted *trunk.Call // of a call that came in, or was placed from a room: its trunk's line; not written once it is confirmed, as focus
	side     side
	account  *account // nil: no record of the call is kept

	inbox    chan event
	backlog  backlog                 // behind it; the endpoint's
	inviting atomic.Bool             // an INVITE is in the inbox or being worked on
	giveUp   context.CancelCauseFunc // ends the setup
	stop     chan rooms.Reason       // holds one: the call is to end
	// For calls that are to take this one's place (RFC 3891):
	takeovers chan *takeover
	confirmed atomic.Bool   // a 2xx has been sent or has come
	leaving   atomic.Bool   // the call is ending, or its seat is taken
	gone      chan struct{} // closed when the call is over

	d       dialog
	local   sdp.Local    // our media address, and what we sent last
	stream  media.Stream // what holds now
	offered []byte       // an offer of ours in a 2xx, its answer is to come in the ACK
	pending *accepted
	ending  *message.Reason // we end the call, for this reason
	over    bool

	// Before the final response, of calls that came in:
	early    *early
	reliable reliable
	turn     func() // ends our turn at the setup; nil when it has ended
	// predecessor is the call whose seat this one takes; nil mostly, and when it has been taken. vacated says that this
	// one's has been.
	predecessor *call
	vacated     bool

	// Changes of ours:
	session     sessionTimer
	updates     bool // the peer takes UPDATE
	noInfo      bool // it takes no INFO; not written once the side has joined
	wantRefresh bool
	change      *change
	reack       repeats      // of our last re-INVITE
	rseq        uint32       // of the last provisional response that we have acknowledged
	rseqOf      message.CSeq // and of which re-INVITE

	audience *audience // of a call that hears the room by a multicast session; nil: it has a leg

	keys keyInfos // to be pressed at the peer by INFO

	// Of calls that we placed:
	placed   bool
	again    <-chan *message.Message // 2xx of our INVITE: repeats, or of other branches
	ackAgain func()
	fork     func(other *message.Message)
	auth     *credentials     // answer challenges within the call; nil: none
	farewell []message.Reason // of the peer's BYE
}

// accepted is a 2xx to an INVITE whose ACK has not come yet.
type accepted struct {
	tx       *transaction.ServerTx
	res      *message.Message
	interval time.Duration
	deadline time.Time
	timer    *time.Timer
}

func newCall(ep *endpoint, d dialog, user string) *call {
	return &call{
		ep: ep, d: d, user: user,
		log:    ep.log.With("call_id", d.id.callID, "remote", d.flow.Remote.String()),
		inbox:  make(chan event, inboxSize),
		stop:   make(chan rooms.Reason, 1),
		giveUp: func(error) {},
		side:   noSide{},

		takeovers: make(chan *takeover), gone: make(chan struct{}),
		session: sessionTimer{want: ep.session}, keys: newKeyInfos(),
	}
}

// requestStop asks the call to end; it does not wait.
func (c *call) requestStop(why rooms.Reason) {
	select {
	case c.stop <- why:
	default:
	}
}

// live is the goroutine of an answered call that came in.
func (c *call) live() {
	defer c.close()
	c.loop()
}

// loop runs the call from its first 2xx to its end.
func (c *call) loop() {
	defer c.session.stop()
	defer c.keys.stop()
	for !c.over {
		c.ep.refill(c)
		if c.ending != nil && c.pending == nil {
			c.bye() // RFC 3261 §15: not before the ACK has come or will not come
			return
		}
		if c.wantRefresh && c.free() {
			c.wantRefresh = false
			c.refresh()
		}
		left, session, renewed := c.side.left(), c.session.due(), c.audience.changed()
		if c.ending != nil {
			left, session, renewed = nil, nil, nil
		}
		var repeat <-chan time.Time
		if c.pending != nil {
			repeat = c.pending.timer.C
		}
		select {
		case ev := <-c.inbox:
			c.handle(ev)
		case <-repeat:
			c.repeat()
		case <-left:
			c.end(byeReason(c.side.leave(rooms.ReasonUnspecified)))
		case why := <-c.stop:
			c.stopped(why)
		case t := <-c.takeovers:
			c.giveSeat(t)
		case <-session:
			c.sessionDue()
		case <-renewed:
			c.renew()
		case res, ok := <-c.changing():
			c.changed(res, ok)
		case res, ok := <-c.again:
			c.answeredAgain(res, ok)
		case _, ok := <-c.reack.responses:
			c.reack.take(ok)
		case p := <-c.keys.asked:
			c.pressAll(p)
		case res, ok := <-c.keys.responses():
			c.keyTold(res, ok)
		case <-c.keys.next:
			c.pressNext()
		case <-c.ep.ctx.Done():
			c.part()
			return
		}
	}
}

// stopped ends the call because it was asked to.
func (c *call) stopped(why rooms.Reason) {
	if c.vacated {
		c.end(replacedReason())
		return
	}
	c.end(byeReason(c.side.leave(why)))
}

// sessionDue refreshes the session, or ends the call whose session has not been refreshed (RFC 4028 §10).
func (c *call) sessionDue() {
	refresh, over := c.session.fired()
	switch {
	case over:
		c.end(message.Reason{Protocol: "SIP", Cause: 408, Text: "session has expired"})
	case refresh:
		c.wantRefresh = true
	}
}

// part ends the call at once, ACK or not, because everything ends: one BYE, whose answer nobody waits for.
func (c *call) part() {
	c.end(byeReason(c.side.leave(rooms.ReasonDraining)))
	req, next := c.farewellRequest()
	c.auth.apply(req)
	for _, target := range c.ep.targets(c.ep.ctx, &c.d, next) {
		_, err := c.ep.layer.Send(req.Clone(), target)
		if err == nil {
			return
		}
		c.log.Debug("BYE not sent", "err", err)
	}
}

// farewellRequest is the BYE that tells why.
func (c *call) farewellRequest() (req *message.Message, next message.URI) {
	req, next = c.d.request(message.Bye)
	req.AddReason(*c.ending)
	req.Add("User-Agent", c.ep.agent)
	return req, next
}

// answeredAgain takes another 2xx to an INVITE of ours (RFC 3261 §13.2.2.4): the same is acknowledged again, that of
// another branch is declined.
func (c *call) answeredAgain(res *message.Message, ok bool) {
	switch {
	case !ok:
		c.again = nil
	case res.To.Tag() == c.d.id.remoteTag:
		c.ackAgain()
	default:
		c.fork(res)
	}
}

// end lets the side go at once; the BYE is sent as soon as it may be. The first reason counts.
func (c *call) end(why message.Reason) {
	c.side.leave(rooms.ReasonFailed)
	if c.ending == nil {
		c.ending = &why
		c.leaving.Store(true)
		c.account.ended(cdr.Bridge, why.Text)
		c.log.Info("call is ended from here", "err", why.Text)
	}
}

// close is the last thing that the call's goroutine does.
func (c *call) close() {
	c.ep.remove(c)
	c.dropPending()
	close(c.gone)
	for {
		c.ep.refill(c)
		select {
		case ev := <-c.inbox:
			if ev.tx != nil {
				c.ep.reply(ev.tx, 481, "")
			}
		default:
			c.side.leave(rooms.ReasonFailed)
			c.admitted.End()
			c.account.close()
			c.ep.wg.Done()
			return
		}
	}
}

// accept sends a 2xx to an INVITE and repeats it until its ACK comes, over reliable transports too (RFC 3261 §13.3.1.4).
func (c *call) accept(tx *transaction.ServerTx, body []byte) {
	res := c.ok(tx, body)
	c.confirmed.Store(true)
	c.pending = &accepted{
		tx: tx, res: res, interval: c.ep.timers.T1,
		deadline: time.Now().Add(64 * c.ep.timers.T1), timer: time.NewTimer(c.ep.timers.T1),
	}
	c.ep.respond(tx, res)
}

// ok makes a 200 with a Contact, what we can do, and an SDP body where there is one.
func (c *call) ok(tx *transaction.ServerTx, body []byte) *message.Message {
	req, res := tx.Request(), tx.Response(200, "")
	res.Contact = []message.Address{c.contact(tx)}
	c.ep.capabilities(res)
	if req.Method == message.Invite {
		res.RecordRoute = req.RecordRoute // RFC 3261 §12.1.1
		res.Add("Recv-Info", "")          // RFC 6086 §5.2: no packages
	}
	if c.early == nil { // RFC 4028: there is a session
		c.session.answer(req, res)
	}
	if body != nil {
		res.SetBody(acceptSDP, body)
	}
	return res
}

// contact is where the peer reaches this call.
func (c *call) contact(tx *transaction.ServerTx) message.Address {
	at := contact(c.user, tx.Flow(), wantsSIPS(tx.Request()))
	if c.focus {
		at.Params = at.Params.With("isfocus", "")
	}
	return at
}

// repeat sends the 2xx again, or gives up and ends the call.
func (c *call) repeat() {
	p := c.pending
	if !time.Now().Before(p.deadline) {
		c.dropPending()
		c.end(message.Reason{Protocol: "SIP", Cause: 408, Text: "no ACK"})
		return
	}
	if err := p.tx.Respond(p.res); err != nil {
		c.log.Debug("2xx not repeated", "err", err)
	}
	p.interval = min(2*p.interval, c.ep.timers.T2)
	p.timer.Reset(min(p.interval, time.Until(p.deadline)))
}

func (c *call) dropPending() {
	if c.pending != nil {
		c.pending.tx.Acknowledged()
		c.pending.timer.Stop()
		c.pending = nil
	}
}

// acknowledged takes the ACK of a 2xx. It carries the answer where the 2xx had the offer (RFC 3261 §13.2.1).
func (c *call) acknowledged(ack *message.Message) {
	if c.pending == nil || ack.CSeq.Seq != c.pending.tx.Request().CSeq.Seq {
		return
	}
	c.dropPending()
	if c.offered == nil || c.ending != nil {
		return
	}
	if err := c.answeredBy(sessionIn(ack)); err != nil {
		c.log.Info("answer in ACK is of no use", "err", err)
		c.end(message.Reason{Protocol: "SIP", Cause: refuse(err).status, Text: err.Error()})
		return
	}
	c.relieve()
}

// apply makes what was agreed hold; in an early dialog, from the 2xx on.
func (c *call) apply(a sdp.Agreed) error {
	if c.early != nil {
		c.early.agreed = &a
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ep.ctx, applyTime)
	defer cancel()
	next := stream(a, c.stream)
	if c.focus {
		next = quiet(next, c.stream)
	}
	if err := c.side.apply(ctx, next); err != nil {
		return err
	}
	c.stream = next
	return nil
}

// bye ends the call from our side (RFC 3261 §15.1.1) and waits for the answer. The side has left before it.
func (c *call) bye() {
	req, next := c.farewellRequest()
	var r round
	for _, target := range c.ep.targets(c.ep.ctx, &c.d, next) {
		for {
			c.auth.apply(req)
			tx, err := c.ep.layer.Send(req.Clone(), target)
			if err != nil {
				c.log.Debug("BYE not sent", "err", err)
				break
			}
			res, err := c.await(tx)
			challenged := res != nil && (res.StatusCode == 401 || res.StatusCode == 407) && c.auth.learn(res, &r)
			if !challenged {
				if !errors.Is(err, transaction.ErrTransport) {
					return
				}
				break
			}
			req, _ = c.farewellRequest()
		}
		req.Del("Authorization")
		req.Del("Proxy-Authorization")
	}
}

// await waits for a final response, and meanwhile answers what comes in: a BYE that crossed ours with 200, and then
// there is nothing more to wait for, and no response; all else with 481.
func (c *call) await(tx *transaction.ClientTx) (*message.Message, error) {
	for {
		c.ep.refill(c)
		select {
		case res, ok := <-tx.Responses():
			if !ok {
				return nil, tx.Err()
			}
			if res.StatusCode >= 200 {
				return res, nil
			}
		case ev := <-c.inbox:
			switch {
			case ev.tx == nil:
			case ev.tx.Request().Method == message.Bye:
				c.ep.reply(ev.tx, 200, "")
				return nil, nil
			default:
				c.ep.reply(ev.tx, 481, "")
			}
		case t := <-c.takeovers:
			t.done <- errReplaced
		case <-c.ep.ctx.Done():
			return nil, context.Cause(c.ep.ctx)
		}
	}
}
