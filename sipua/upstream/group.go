package upstream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

// Group is all registrations and pings. Its methods are safe for concurrent use.
type Group struct {
	cfg    Config
	regs   []*registration
	pings  []*ping
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Start keeps cfg alive until Close; dial gives each entry a sender with its credentials. ctx's values are kept, its end
// is not looked at. Errors: those of Validate.
func Start(ctx context.Context, cfg Config, dial func(user, password string) Sender) (*Group, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.CloseTime <= 0 {
		cfg.CloseTime = 3 * time.Second
	}
	g := &Group{cfg: cfg}
	ctx, g.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, c := range cfg.Registrations {
		g.regs = append(g.regs, newRegistration(g, c, dial(c.User, c.Password)))
	}
	for _, c := range cfg.Pings {
		g.pings = append(g.pings, newPing(g, c, dial(c.User, c.Password)))
	}
	for _, r := range g.regs {
		g.wg.Go(func() { r.run(ctx) })
	}
	for _, p := range g.pings {
		g.wg.Go(func() { p.run(ctx) })
	}
	return g, nil
}

// Close removes the registrations, for at most CloseTime, and returns after all goroutines have ended. It may be called
// again.
func (g *Group) Close() {
	g.cancel()
	g.wg.Wait()
}

// Registrations are the states in the order of the configuration.
func (g *Group) Registrations() []RegistrationState {
	now := time.Now()
	out := make([]RegistrationState, 0, len(g.regs))
	for _, r := range g.regs {
		out = append(out, r.seen(now))
	}
	return out
}

// Pings are the states in the order of the configuration.
func (g *Group) Pings() []PingState {
	out := make([]PingState, 0, len(g.pings))
	for _, p := range g.pings {
		out = append(out, p.seen())
	}
	return out
}

// Of is the name of the registration that a request comes in through; empty where it is none. Its Request-URI has the
// user part of the Contact that was registered (RFC 3261 §16.6), and it comes from the address that we are registered
// at; over TLS where that was done over TLS, for the source of a datagram can be forged. Of several the first counts.
func (g *Group) Of(uri message.URI, from transport.Flow) (name string) {
	user := uri.UserText()
	for _, r := range g.regs {
		if user != "" && r.user == user && r.registrarIs(from) {
			return r.cfg.Name
		}
	}
	return ""
}

// changed tells the log and whoever else wants to know.
func (g *Group) changed(name string, kind Kind, up bool, why string) {
	switch {
	case up:
		g.cfg.Log.Info(kind.String()+" is up", "trunk", name)
	default:
		g.cfg.Log.Warn(kind.String()+" is down", "trunk", name, "err", why)
	}
	if g.cfg.Changed != nil {
		g.cfg.Changed(name, kind, up, why)
	}
}

// request makes what REGISTER and OPTIONS have in common (RFC 3261 §8.1.1).
func (g *Group) request(method message.Method, uri, from, to message.URI) *message.Message {
	req := message.NewRequest(method, uri)
	req.From, req.To = message.Address{URI: from}, message.Address{URI: to}
	if g.cfg.UserAgent != "" {
		req.Add("User-Agent", g.cfg.UserAgent)
	}
	return req
}
