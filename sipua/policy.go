package sipua

import (
	"errors"
	"fmt"
	"slices"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/trunk"
	"github.com/confbridge/confbridge/sipua/upstream"
)

// prover is a network that knows whom its peers' certificates name.
type prover interface {
	// PeerNames are the verified identities of a flow's peer (RFC 5922 §7.1); nil where it has shown no certificate.
	PeerNames(f transport.Flow) []string
}

// newBook makes the book of a configuration; it also checks what package trunk cannot know.
func newBook(cfg Config) (*trunk.Book, error) {
	var faults []error
	check := func(whose string, list []string) {
		for _, c := range list {
			if !known(codec.Name(c)) {
				faults = append(faults, fmt.Errorf("%w: %s: codec %q", ErrConfig, whose, c))
			}
		}
	}
	check("anonymous callers", cfg.Trunks.Guests.Codecs)
	cfg.Trunks.Trunks = slices.Clone(cfg.Trunks.Trunks)
	for i, t := range cfg.Trunks.Trunks {
		check(fmt.Sprintf("trunk %q", t.Name), t.Codecs)
		cfg.Trunks.Trunks[i].Registered = t.Registered || slices.ContainsFunc(cfg.Upstream.Registrations, func(r upstream.Registration) bool {
			return r.Name == t.Name
		})
	}
	for _, r := range cfg.Upstream.Registrations {
		if !slices.ContainsFunc(cfg.Trunks.Trunks, func(t trunk.Trunk) bool { return t.Name == r.Name }) {
			faults = append(faults, fmt.Errorf("%w: registration %q: there is no such trunk", ErrConfig, r.Name))
		}
	}
	if cfg.Trunks.Log == nil {
		cfg.Trunks.Log = cfg.Log
	}
	book, err := trunk.New(cfg.Trunks)
	if err != nil {
		faults = append(faults, fmt.Errorf("%w: %w", ErrConfig, err))
	}
	return book, errors.Join(faults...)
}

// identify finds out whose a request outside of dialogs is, before anything else is looked at (RFC 3261 §8.2). If ok is
// false, the request has been answered.
func (s *Server) identify(tx *transaction.ServerTx) (who trunk.Caller, ok bool) {
	from := trunk.Source{Addr: tx.Flow().Remote, Registered: s.registered(tx)}
	if p, can := s.ep.net.(prover); can {
		from.TLSNames = p.PeerNames(tx.Flow())
	}
	req := tx.Request()
	who, err := s.book.Identify(req, from)
	if err == nil {
		return who, true
	}
	s.ep.log.Debug("caller is not known", "call_id", req.CallID, "method", req.Method, "remote", tx.Flow().Remote.String(), "err", err)
	var challenge *trunk.ChallengeError
	if !errors.As(err, &challenge) {
		s.ep.replyError(tx, err)
		return who, false
	}
	res := tx.Response(refuse(err).status, "")
	for _, f := range challenge.Fields {
		res.Add("WWW-Authenticate", f)
	}
	s.ep.respond(tx, res)
	return who, false
}

// admit lets a caller's INVITE in as far as its trunk is concerned; old is the call that it replaces, or nil. If ok is false, the INVITE has been answered.
func (s *Server) admit(tx *transaction.ServerTx, who trunk.Caller, old *call, noted *account) (admitted *trunk.Call, ok bool) {
	var instead *trunk.Call
	if old != nil {
		instead = old.admitted
	}
	admitted, err := s.book.Admit(who, tx.Request(), instead)
	if err != nil {
		s.ep.log.Info("call is refused", "call_id", tx.Request().CallID, "remote", tx.Flow().Remote.String(), "trunk", who.Trunk(), "err", err)
		s.ep.replyError(tx, err)
		noted.refused(refuse(err).status, err.Error())
		noted.close()
		return nil, false
	}
	noted.shows(admitted.DisplayName, admitted.Address)
	return admitted, true
}

// known says whether there is such a codec.
func known(c codec.Name) bool {
	names := codec.Names()
	return slices.Contains(names[:], c)
}

// codecs are those that are spoken with a caller.
func (s *Server) codecs(admitted *trunk.Call) []codec.Name {
	if len(admitted.Codecs) == 0 {
		return s.cfg.Codecs
	}
	list := make([]codec.Name, len(admitted.Codecs))
	for i, c := range admitted.Codecs {
		list[i] = codec.Name(c)
	}
	return list
}

// Trunks are the trunks as of now, in the order of Config.Trunks; the last are the callers from nobody's trunk.
func (s *Server) Trunks() []trunk.State { return s.book.States() }
