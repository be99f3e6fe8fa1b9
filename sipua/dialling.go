package sipua

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms/cdr"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// dialling is one call that is being placed: what stays from one INVITE to the next (RFC 3261 §8.1.3.4, §8.1.3.5). One goroutine owns it.
type dialling struct {
	ep          *endpoint
	engine      *media.Engine
	cfg         DialConfig
	to          message.URI
	callID, tag string
	seq         uint32
	bind        netip.Addr // of the leg
	leg         *media.Leg
	local       sdp.Local
	timer       sessionTimer  // what a 422 has taught
	early       *earlyDialogs // of the INVITE under way
	auth        *credentials

	// Of calls into a conference:
	focus string // user of our Contact, which is then that of a focus (RFC 4579 §5.1); empty: none is
	as    string // user of From, where cfg.From says nothing; empty: focus
	rings func() // told of the provisional responses but 100; nil: nobody is
	line  *trunk.Call
	noted *account // nil: no record of the call is kept
}

func newDialling(ep *endpoint, engine *media.Engine, cfg DialConfig, uri message.URI) *dialling {
	return &dialling{
		ep: ep, engine: engine, cfg: cfg, to: uri, callID: newTag(), tag: newTag(), timer: sessionTimer{want: ep.session},
		auth: newCredentials(cfg.User, cfg.Password),
	}
}

// untilClosed begins what shut waits for, and ends its context when that begins; end must be called.
func (ep *endpoint) untilClosed(ctx context.Context) (_ context.Context, end func(), err error) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.closed {
		return nil, nil, ErrShutdown
	}
	ep.wg.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ep.closing:
			cancel(ErrShutdown)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-watched
		ep.wg.Done()
	}, nil
}

// ask sends the INVITE, as how says, until it has its 2xx. Another final response is a *StatusError. After an error nothing is left open.
func (d *dialling) ask(ctx context.Context, how outgoing) (outcome, error) {
	how.uri, how.build, how.wait, how.again, how.auth = d.to, d.build, d.final, d.again, d.auth
	got, err := d.ep.ask(ctx, &how)
	if err == nil && got.res.StatusCode >= 300 {
		err = newStatusError(got.res)
	}
	if err != nil {
		d.close()
	}
	return got, err
}

func (d *dialling) close() {
	if d.leg != nil {
		_ = d.leg.Close()
		d.leg = nil
	}
}

// build makes the next INVITE; its sound is where the flow begins.
func (d *dialling) build(flow transport.Flow, uri message.URI) (*message.Message, error) {
	bind, shown, err := d.ep.addresses(flow, netip.Addr{})
	if err != nil {
		return nil, err
	}
	if d.leg == nil || bind != d.bind {
		d.close()
		if d.leg, err = d.engine.Open(bind); err != nil {
			return nil, err
		}
		d.bind = bind
		d.local = sdp.Local{Codecs: d.cfg.Codecs, Packet: d.cfg.Packet, SessionID: rand.Uint64() >> 2}
	}
	d.local.RTP = netip.AddrPortFrom(shown, d.leg.Addr().Port())
	d.local.Previous = nil
	d.local.Previous = sdp.Offer(d.local)
	req, err := d.invitation(flow, d.local.Previous)
	if err != nil {
		return nil, err
	}
	d.seq++
	d.noted.goes(flow)
	req.RequestURI, req.CallID, req.CSeq.Seq, req.From = uri, d.callID, d.seq, req.From.WithTag(d.tag)
	d.timer.ask(req)
	return req, nil
}

// again says whether a refusal is one of RFC 4028 §7.3: the same INVITE is sent again, with a longer interval.
func (d *dialling) again(res *message.Message) bool {
	return res.StatusCode == 422 && d.timer.tooSmall(res)
}

// invitation builds the INVITE (RFC 3261 §8.1.1, §13.2.1).
func (d *dialling) invitation(flow transport.Flow, offer []byte) (*message.Message, error) {
	cfg, uri := d.cfg, d.to
	from := message.URI{Scheme: "sip", User: "confbridge", Host: flow.SentBy.Host}
	if d.focus != "" {
		from.User = cmp.Or(d.as, d.focus)
	}
	if cfg.From != "" {
		var err error
		if from, err = message.ParseURI(cfg.From); err != nil {
			return nil, fmt.Errorf("from %q: %w", cfg.From, err)
		}
	}
	req := message.NewRequest(message.Invite, uri)
	to := uri
	to.Params, to.Headers, to.Port = nil, "", 0 // RFC 3261 §19.1.1: not in To
	req.From = message.Address{Display: cfg.DisplayName, URI: from}.WithTag(newTag())
	req.To = message.Address{URI: to}
	req.CallID = newTag()
	req.CSeq = message.CSeq{Seq: 1, Method: message.Invite}
	at := contact(from.User, flow, uri.Scheme == "sips")
	if d.focus != "" {
		at = contact(d.focus, flow, uri.Scheme == "sips")
		at.Params = at.Params.With("isfocus", "")
	}
	req.Contact = []message.Address{at}
	d.ep.offers(req)
	req.Add("Recv-Info", "") // RFC 6086 §5.2: no packages
	req.Add("User-Agent", d.ep.agent)
	req.SetBody(acceptSDP, offer)
	return req, nil
}

// final waits for an INVITE's final response, and cancels it if ctx ends before. The early dialogs end with it, but those
// of a 2xx: they end when its call is made.
func (d *dialling) final(ctx context.Context, tx *transaction.ClientTx) (res *message.Message, err error) {
	early := newEarlyDialogs(d.ep, tx, d.local)
	d.early = early
	defer func() {
		if err != nil || res.StatusCode >= 300 {
			early.end()
		}
	}()
	heard := false
	for {
		select {
		case res, ok := <-tx.Responses():
			heard = true
			switch {
			case !ok && tx.Err() != nil:
				return nil, fmt.Errorf("%w: %w", ErrNoAnswer, tx.Err())
			case !ok:
				return nil, ErrNoAnswer
			case res.StatusCode >= 200:
				return res, nil
			default:
				early.take(res)
				if d.rings != nil && res.StatusCode > 100 {
					d.rings()
				}
			}
		case ev := <-early.inbox:
			early.handle(ev)
		case <-ctx.Done():
			early.end()
			d.ep.abandon(tx, early, heard)
			return nil, context.Cause(ctx)
		}
	}
}

// abandon cancels an INVITE that nobody waits for any more. If it is answered all the same, that call is ended. A peer
// that has not been heard at all is not waited for by Close.
func (ep *endpoint) abandon(tx *transaction.ClientTx, early *earlyDialogs, heard bool) {
	_ = tx.Cancel() // ErrEnded: a final response has just come, and is read below
	closing := ep.closing
	if heard {
		closing = nil
	}
	ep.wg.Go(func() { // shut waits at least for who has called
		for {
			select {
			case res, ok := <-tx.Responses():
				if !ok {
					return
				}
				if res.StatusCode >= 200 && res.StatusCode < 300 {
					early.decline(res)
					return
				}
			case <-closing:
				return
			case <-ep.ctx.Done():
				return
			}
		}
	})
}

// answered takes the 2xx (RFC 3261 §13.2.2.4): the dialog begins, the ACK goes out, and begin makes what was agreed hold for the side. The call's
// goroutine is the caller's to start, also where there is an error: it sends the BYE. There is no call where none could be made of the 2xx.
func (d *dialling) answered(got outcome, with side, begin func(*call, sdp.Agreed) error) (*call, error) {
	res, invite, early := got.res, got.tx.Request(), d.early
	defer early.end()
	early.drain()
	call, err := early.become(res)
	if err != nil {
		early.decline(res)
		return nil, err
	}
	call.side, call.again, call.auth = with, got.tx.Responses(), d.auth
	call.focus, call.admitted = d.focus != "", d.line // before it is confirmed: then others look at them (replaced)
	call.account = d.noted
	call.account.answered()
	call.updates, call.noInfo = res.HasToken("Allow", string(message.Update)), takesNoInfo(res)
	call.session.answered(res)
	call.fork = early.decline
	ack, next := call.d.requestAt(message.Ack, invite.CSeq.Seq)
	copyCredentials(ack, invite)
	targets := d.ep.targets(d.ep.ctx, &call.d, next)
	call.ackAgain = func() { d.ep.sendAck(ack, targets) }
	call.ackAgain()
	call.confirmed.Store(true)
	agreed, err := early.agreed(res)
	if err == nil {
		err = begin(call, agreed)
	}
	if err != nil {
		call.ending = &message.Reason{Protocol: "SIP", Cause: refuse(err).status, Text: err.Error()}
		call.account.ended(cdr.Bridge, err.Error())
		return call, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return call, nil
}
