package sipua

import (
	"context"
	"fmt"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/upstream"
)

// sender sends what package upstream wants sent, with one entry's credentials.
type sender struct {
	ep   *endpoint
	auth *credentials
}

// Send is upstream.Sender's: with failover, challenges answered and redirections followed.
func (s sender) Send(
	ctx context.Context, uri, next message.URI, build func(upstream.Way) *message.Message,
) (upstream.Answer, error) {
	out, err := s.ep.ask(ctx, &outgoing{
		uri: uri, via: next, auth: s.auth, redirected: true, impatient: true,
		build: func(f transport.Flow, uri message.URI) (*message.Message, error) {
			req := build(upstream.Way{Flow: f, Contact: contact("", f, uri.Scheme == "sips").URI})
			req.RequestURI = uri
			return req, nil
		},
	})
	if err != nil {
		return upstream.Answer{}, err
	}
	return upstream.Answer{Response: out.res, Flow: out.tx.Flow(), Target: out.target}, nil
}

// KeepAlive is upstream.Sender's.
func (s sender) KeepAlive(f transport.Flow) error { return s.ep.net.Send(f, []byte("\r\n\r\n")) }

// startUpstream begins the registrations and pings; New has checked their configuration.
func (s *Server) startUpstream(ctx context.Context) error {
	cfg := s.cfg.Upstream
	if cfg.UserAgent == "" {
		cfg.UserAgent = s.cfg.UserAgent
	}
	if cfg.Log == nil {
		cfg.Log = s.cfg.Log
	}
	ep := s.ep
	group, err := upstream.Start(ctx, cfg, func(user, password string) upstream.Sender {
		return sender{ep: ep, auth: newCredentials(user, password)}
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s.upstream.Store(group)
	return nil
}

// Registrations are our registrations as of now, in the order of Config.Upstream; nil before Listen.
func (s *Server) Registrations() []upstream.RegistrationState {
	if g := s.upstream.Load(); g != nil {
		return g.Registrations()
	}
	return nil
}

// Pings are what is known of the peers that are pinged, in the order of Config.Upstream; nil before Listen.
func (s *Server) Pings() []upstream.PingState {
	if g := s.upstream.Load(); g != nil {
		return g.Pings()
	}
	return nil
}

// registered is the name of the registration that a request came in through: it is addressed to the Contact that we have
// registered, and it comes from where that was done. Empty for all others.
func (s *Server) registered(tx *transaction.ServerTx) string {
	if g := s.upstream.Load(); g != nil {
		return g.Of(tx.Request().RequestURI, tx.Flow())
	}
	return ""
}
