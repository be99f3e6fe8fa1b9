package sipua

import (
	"context"
	"fmt"
	"log/slog"
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

func (c *Client) dial(ctx context.Context, cfg DialConfig, uri message.URI) (*OutCall, error) {
	ctx, end, err := c.ep.untilClosed(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	d := newDialling(c.ep, c.engine, cfg, uri)
	got, err := d.ask(ctx, outgoing{redirected: true})
	if err != nil {
		return nil, err
	}
	out := &OutCall{leg: &OutLeg{leg: d.leg}, done: make(chan struct{})}
	call, err := d.answered(got, out, func(call *call, agreed sdp.Agreed) error {
		call.stream = stream(agreed, media.Stream{})
		return d.leg.Configure(call.stream)
	})
	if call != nil {
		out.call = call
		go out.run()
	}
	if err != nil {
		d.close() // the call's own error is the one to tell
		return nil, err
	}
	return out, nil
}
