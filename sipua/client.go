package sipua

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/locate"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
)

// ClientConfig is how a client behaves. The zero value works.
type ClientConfig struct {
	// Listen has URLs as Config.Listen has; nil means free ports of all addresses, UDP and TCP. The bridge's requests
	// within a call come here.
	Listen []string
	// UserAgent is the User-Agent field; empty means "confbridge".
	UserAgent string
	// Timers are those of RFC 3261 §17; the zero value has the RFC's.
	Timers transaction.Timers
	// SessionExpires is as in Config.
	SessionExpires time.Duration
	// Locate is how names are looked up; its Usable is not looked at.
	Locate locate.Config
	// Transport has the rest about connections: limits, certificates and who is believed. Its Listen and Log are not looked at.
	Transport transport.Config
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

// Client places calls, any number of them at once. It takes none: INVITEs get 480. Its methods are safe for concurrent
// use.
type Client struct {
	ep     *endpoint
	engine *media.Engine
	once   sync.Once // Close
}

// NewClient opens a client's listeners; ctx bounds the opening only. Close must be called.
func NewClient(ctx context.Context, cfg ClientConfig, eng *media.Engine) (*Client, error) {
	if eng == nil {
		return nil, fmt.Errorf("%w: a media engine is needed", ErrConfig)
	}
	if err := checkSession(cfg.SessionExpires); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "confbridge"
	}
	manager, err := listenAnywhere(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{engine: eng}
	c.open(ctx, cfg, newNetwork(manager, cfg.Locate))
	manager.Start(c.ep.layer)
	return c, nil
}

// open makes the endpoint on a network.
func (c *Client) open(ctx context.Context, cfg ClientConfig, net network) {
	c.ep = newEndpoint(ctx, net, transaction.Config{Timers: cfg.Timers, Server: cfg.UserAgent, Log: cfg.Log})
	c.ep.outside = c.outside
	c.ep.extensions, c.ep.session = clientExtensions, sessionWish(cfg.SessionExpires)
}

// listenAnywhere opens the listeners of cfg; by default of both IP versions, or of IPv4 alone where there is no IPv6.
func listenAnywhere(ctx context.Context, cfg ClientConfig) (*transport.Manager, error) {
	tc := cfg.Transport
	tc.Listen, tc.Log = cfg.Listen, cfg.Log
	if tc.Listen != nil || len(tc.Listeners) > 0 {
		return transport.Listen(ctx, tc)
	}
	tc.Listen = []string{"udp://0.0.0.0:0", "tcp://0.0.0.0:0", "udp://[::]:0", "tcp://[::]:0"}
	manager, err := transport.Listen(ctx, tc)
	if err != nil {
		tc.Listen = tc.Listen[:2]
		manager, err = transport.Listen(ctx, tc)
	}
	return manager, err
}

// outside takes the requests that are in no dialog.
func (c *Client) outside(tx *transaction.ServerTx) {
	switch tx.Request().Method {
	case message.Options:
		c.ep.options(tx)
	case message.Invite:
		c.ep.reply(tx, 480, "")
	case message.Bye, message.Update, message.Info, message.Prack:
		c.ep.reply(tx, 481, "")
	default:
		c.ep.refuseMethod(tx)
	}
}

// Close hangs up every call, waits for their ends as long as ctx lets it, and closes the sockets. All goroutines have
// ended when the first Close returns; more do nothing.
func (c *Client) Close(ctx context.Context) error {
	var err error
	c.once.Do(func() { err = c.ep.shut(ctx, func(call *call) { call.requestStop(rooms.ReasonHangup) }) })
	return err
}

// DialConfig is one call to place.
type DialConfig struct {
	// URI is who is called: "sip:1000@192.0.2.1:5060;transport=tcp". Headers in it are not taken.
	URI string
	// From is our own address, a SIP URI; empty means sip:confbridge@ and the local address.
	From string
	// DisplayName goes with From.
	DisplayName string
	// Codecs are those that are offered, in order of preference; nil means opus, G722, PCMU, PCMA.
	Codecs []codec.Name
	// Packet is what a packet is to last, both ways where the peer agrees: 10, 20, 30, 40 or 60 ms; 0 means 20 ms.
	Packet time.Duration
	// User and Password answer digest challenges (RFC 3261 §22, RFC 8760), of the INVITE and within the call; no User: a
	// challenge refuses the call.
	User, Password string
}

// Dial places a call: an INVITE with an offer, sent to where RFC 3263 says, in turn where several servers stand for the
// URI; 3xx are followed (RFC 3261 §8.1.3.4). It returns when the call is answered, or with the error that ended it:
// *StatusError where the peer refused; ErrNoAnswer wrapping what went wrong otherwise; an error of packages sdp, media
// or transport. If ctx ends first, or Close begins, the INVITE is cancelled (RFC 3261 §9.1) and the context's error returned, or
// ErrShutdown.
func (c *Client) Dial(ctx context.Context, cfg DialConfig) (*OutCall, error) {
	uri, err := message.ParseURI(cfg.URI)
	if err != nil {
		return nil, fmt.Errorf("call %q: %w", cfg.URI, err)
	}
	out, err := c.dial(ctx, cfg, uri.Requested())
	if err != nil {
		return nil, fmt.Errorf("call %q: %w", cfg.URI, err)
	}
	return out, nil
}

// dialling is one call that is being placed: what stays from one INVITE to the next (RFC 3261 §8.1.3.4, §8.1.3.5).
type dialling struct {
	c           *Client
	cfg         DialConfig
	to          message.URI
	callID, tag string
	seq         uint32
	bind        netip.Addr // of the leg
	leg         *media.Leg
	local       sdp.Local
	timer       sessionTimer  // what a 422 has taught
	early       *earlyDialogs // of the INVITE under way
}

// untilClosed begins what Close waits for, and ends its context when that begins; end must be called.
func (c *Client) untilClosed(ctx context.Context) (_ context.Context, end func(), err error) {
	c.ep.mu.Lock()
	defer c.ep.mu.Unlock()
	if c.ep.closed {
		return nil, nil, ErrShutdown
	}
	c.ep.wg.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-c.ep.closing:
			cancel(ErrShutdown)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-watched
		c.ep.wg.Done()
	}, nil
}

func (c *Client) dial(ctx context.Context, cfg DialConfig, uri message.URI) (*OutCall, error) {
	ctx, end, err := c.untilClosed(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	d := &dialling{c: c, cfg: cfg, to: uri, callID: newTag(), tag: newTag(), timer: sessionTimer{want: c.ep.session}}
	auth := newCredentials(cfg.User, cfg.Password)
	got, err := c.ep.ask(ctx, &outgoing{uri: uri, build: d.build, wait: d.final, again: d.again, auth: auth, redirected: true})
	var out *OutCall
	switch {
	case err != nil:
	case got.res.StatusCode >= 300:
		err = newStatusError(got.res)
	default:
		out, err = c.answered(got, d, auth)
	}
	if err != nil {
		d.close() // the call's own error is the one to tell
		return nil, err
	}
	return out, nil
}

func (d *dialling) close() {
	if d.leg != nil {
		_ = d.leg.Close()
		d.leg = nil
	}
}

// build makes the next INVITE; its sound is where the flow begins.
func (d *dialling) build(flow transport.Flow, uri message.URI) (*message.Message, error) {
	bind, shown, err := d.c.ep.addresses(flow, netip.Addr{})
	if err != nil {
		return nil, err
	}
	if d.leg == nil || bind != d.bind {
		d.close()
		if d.leg, err = d.c.engine.Open(bind); err != nil {
			return nil, err
		}
		d.bind = bind
		d.local = sdp.Local{Codecs: d.cfg.Codecs, Packet: d.cfg.Packet, SessionID: rand.Uint64() >> 2}
	}
	d.local.RTP = netip.AddrPortFrom(shown, d.leg.Addr().Port())
	d.local.Previous = nil
	d.local.Previous = sdp.Offer(d.local)
	req, err := d.c.invitation(d.cfg, d.to, flow, d.local.Previous)
	if err != nil {
		return nil, err
	}
	d.seq++
	req.RequestURI, req.CallID, req.CSeq.Seq, req.From = uri, d.callID, d.seq, req.From.WithTag(d.tag)
	d.timer.ask(req)
	return req, nil
}

// again says whether a refusal is one of RFC 4028 §7.3: the same INVITE is sent again, with a longer interval.
func (d *dialling) again(res *message.Message) bool {
	return res.StatusCode == 422 && d.timer.tooSmall(res)
}

// invitation builds the INVITE (RFC 3261 §8.1.1, §13.2.1).
func (c *Client) invitation(cfg DialConfig, uri message.URI, flow transport.Flow, offer []byte) (*message.Message, error) {
	from := message.URI{Scheme: "sip", User: "confbridge", Host: flow.SentBy.Host}
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
	req.Contact = []message.Address{contact(from.User, flow, uri.Scheme == "sips")}
	c.ep.offers(req)
	req.Add("Recv-Info", "") // RFC 6086 §5.2: no packages
	req.Add("User-Agent", c.ep.agent)
	req.SetBody(acceptSDP, offer)
	return req, nil
}

// final waits for an INVITE's final response, and cancels it if ctx ends before. The early dialogs end with it, but those
// of a 2xx: they end when its call is made.
func (d *dialling) final(ctx context.Context, tx *transaction.ClientTx) (res *message.Message, err error) {
	early := newEarlyDialogs(d.c.ep, tx, d.local)
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
			}
		case ev := <-early.inbox:
			early.handle(ev)
		case <-ctx.Done():
			early.end()
			d.c.abandon(tx, early, heard)
			return nil, context.Cause(ctx)
		}
	}
}

// abandon cancels an INVITE that nobody waits for any more. If it is answered all the same, that call is ended. A peer
// that has not been heard at all is not waited for by Close.
func (c *Client) abandon(tx *transaction.ClientTx, early *earlyDialogs, heard bool) {
	_ = tx.Cancel() // ErrEnded: a final response has just come, and is read below
	closing := c.ep.closing
	if heard {
		closing = nil
	}
	c.ep.wg.Go(func() { // Close waits at least for Dial, which has called
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
			case <-c.ep.ctx.Done():
				return
			}
		}
	})
}

// answered takes the 2xx (RFC 3261 §13.2.2.4): the dialog begins, the ACK goes out, the call's goroutine starts.
func (c *Client) answered(got outcome, o *dialling, auth *credentials) (*OutCall, error) {
	tx, res, invite, early, leg := got.tx, got.res, got.tx.Request(), o.early, o.leg
	defer early.end()
	early.drain()
	call, err := early.become(res)
	if err != nil {
		early.decline(res)
		return nil, err
	}
	out := &OutCall{call: call, leg: &OutLeg{leg: leg}, done: make(chan struct{})}
	call.side, call.again, call.auth = out, tx.Responses(), auth
	call.updates = res.HasToken("Allow", string(message.Update))
	call.session.answered(res)
	call.fork = early.decline
	ack, next := call.d.requestAt(message.Ack, invite.CSeq.Seq)
	copyCredentials(ack, invite)
	targets := c.ep.targets(c.ep.ctx, &call.d, next)
	call.ackAgain = func() { c.ep.sendAck(ack, targets) }
	call.ackAgain()
	agreed, err := early.agreed(res)
	if err == nil {
		call.stream = stream(agreed, media.Stream{})
		err = leg.Configure(call.stream)
	}
	if err != nil {
		call.ending = &message.Reason{Protocol: "SIP", Cause: refuse(err).status, Text: err.Error()}
		err = fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	go out.run()
	if err != nil {
		return nil, err
	}
	return out, nil
}
