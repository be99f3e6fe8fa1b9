package sipua

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/quality"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/transaction"
)

// Session is a multicast session that a room's sound goes to, as it stands.
type Session struct {
	ID      string
	Group   netip.AddrPort
	Profile codec.Profile
	// Encrypted sessions are of no use without the key.
	Encrypted bool
	// Description is its SDP.
	Description []byte
	// Changed is closed when the description does not hold any more, or the session is over.
	Changed <-chan struct{}
}

// Sessions knows the multicast sessions of rooms.
type Sessions interface {
	// Sessions are those of a room that are on, in order of ID, described with their keys or without (sentinels of package rooms).
	Sessions(ctx context.Context, room string, withKeys bool) ([]Session, error)
}

var (
	// errUnicast says that a multicast session was asked for with an offer of a unicast stream.
	errUnicast = errors.New("the session is a multicast one: call without an offer, or offer its address")
	// errKeyExposed says that a session's key would be read on its way.
	errKeyExposed = errors.New("the session is encrypted: its key is told over TLS only")
)

// unicastError is errUnicast, with the description of what there is (RFC 3261 §21.4.26).
type unicastError struct{ description []byte }

func (*unicastError) Error() string { return errUnicast.Error() }
func (*unicastError) Unwrap() error { return errUnicast }

// wish is which session a request asks for.
type wish struct {
	id    string         // empty: any
	group netip.AddrPort // of its offer; not valid: it has none of a multicast stream
}

// wished reads what a request asks for: by the parameter session=multicast of its Request-URI, with distribution=ID where there are several, or by an offer of
// a multicast stream. ok is false for all others.
func wished(req *message.Message, offer []byte) (w wish, ok bool) {
	kind, _ := req.RequestURI.Params.Find("session")
	w.id, _ = req.RequestURI.Params.Find("distribution")
	w.group, ok = sdp.Group(offer)
	if strings.EqualFold(kind, "multicast") {
		return w, true
	}
	return w, ok
}

// keys is what becomes of keys in descriptions.
type keys uint8

const (
	keysHidden  keys = iota // they cannot be told, so encrypted sessions are of no use
	keysOmitted             // nobody is to hear anything by this description
	keysTold
)

// pick finds the session that is asked for among a room's. Where any will do, it is the first that is of use. It fails with sdp.ErrMulticast and
// errKeyExposed.
func (w wish) pick(all []Session, k keys) (Session, error) {
	err := fmt.Errorf("%w: the room has no such session", sdp.ErrMulticast)
	for _, s := range all {
		switch {
		case w.id != "" && !strings.EqualFold(s.ID, w.id), w.group.IsValid() && s.Group != w.group:
		case s.Encrypted && k == keysHidden:
			err = errKeyExposed
		default:
			return s, nil
		}
	}
	return Session{}, err
}

// session finds the session that is asked for in a room. Who is to be asked there first, or has come with an offer of something else, does not get it.
func (s *Server) session(ctx context.Context, room string, w wish, k keys) (Session, error) {
	if room == rooms.ReceptionNumber {
		return Session{}, rooms.ErrElsewhere
	}
	if s.cfg.Sessions == nil {
		return Session{}, sdp.ErrMulticast
	}
	all, err := s.cfg.Sessions.Sessions(ctx, room, k == keysTold)
	if err != nil {
		return Session{}, err
	}
	return w.pick(all, k)
}

// audience is the part of a call whose peer hears the room by a multicast session: what it was told of it. The call's goroutine owns it. The methods may be
// called of a nil one: of a call that has a leg of its own.
type audience struct {
	server *Server
	room   string
	id     string
	keys   keys
	now    Session
	stale  bool // the peer is to be told of what has changed
}

// seatAudience has a caller who has a seat hear the room by a session. No port is taken.
func (s *Server) seatAudience(ctx context.Context, c *call, seat *seat, w wish, tx *transaction.ServerTx, offer []byte) error {
	room, k := seat.participant.Room(), keysHidden
	if offer != nil && !w.group.IsValid() {
		open, err := s.session(ctx, room, w, keysOmitted)
		if err != nil {
			return err
		}
		return &unicastError{open.Description}
	}
	if tx.Flow().Secure() {
		k = keysTold
	}
	now, err := s.session(ctx, room, w, k)
	if err != nil {
		return err
	}
	c.audience = &audience{server: s, room: room, id: now.ID, keys: k, now: now}
	seat.elsewhere = &groupLeg{profile: now.Profile}
	return nil
}

// changed is closed when the peer may have to be told something.
func (a *audience) changed() <-chan struct{} {
	if a == nil {
		return nil
	}
	return a.now.Changed
}

// isSecret says that the peer is told a key, so that nothing may go any other way than by TLS.
func (a *audience) isSecret() bool { return a != nil && a.keys == keysTold && a.now.Encrypted }

// isStale says that the peer has another description than holds.
func (a *audience) isStale() bool { return a != nil && a.stale }

// renew looks at a session that has changed: its listener is told by a re-INVITE, or the call ends where the session is over.
func (c *call) renew() {
	a := c.audience
	ctx, cancel := context.WithTimeout(c.ep.ctx, applyTime)
	defer cancel()
	next, err := a.server.session(ctx, a.room, wish{id: a.id}, a.keys)
	if err != nil {
		c.log.Info("session is over", "err", err)
		a.now.Changed = nil
		c.side.leave(rooms.ReasonEnded)
		c.end(message.Reason{Protocol: "SIP", Cause: 410, Text: "session is over"})
		return
	}
	same := bytes.Equal(next.Description, a.now.Description)
	a.now = next
	if !same {
		a.stale, c.wantRefresh = true, true
	}
}

// offer is an offer of ours: of a leg's stream, or of a session.
func (c *call) offer() ([]byte, error) {
	if c.audience == nil {
		return sdp.Offer(c.local), nil
	}
	if c.audience.isSecret() && !c.d.flow.Secure() {
		return nil, errKeyExposed
	}
	return sdp.OfferGroup(c.audience.now.Description, c.local.Previous)
}

// answerTo answers an offer, and says what was agreed: of a session nothing that a leg would have to know.
func (c *call) answerTo(offer []byte) ([]byte, sdp.Agreed, error) {
	if c.audience == nil {
		return sdp.Answer(offer, c.local)
	}
	if c.audience.isSecret() && !c.d.flow.Secure() {
		return nil, sdp.Agreed{}, errKeyExposed
	}
	answer, err := sdp.AnswerGroup(offer, c.audience.now.Description, c.local.Previous)
	return answer, sdp.Agreed{}, err
}

// acceptAnswer takes the answer to an offer of ours.
func (c *call) acceptAnswer(offer, answer []byte) (sdp.Agreed, error) {
	if c.audience == nil {
		return sdp.AcceptAnswer(offer, answer, c.local)
	}
	return sdp.Agreed{}, sdp.AcceptGroup(offer, answer)
}

// groupLeg is the leg of somebody who hears the room by a session: nothing comes or goes by it.
type groupLeg struct{ profile codec.Profile }

var _ rooms.Elsewhere = (*groupLeg)(nil)

func (l *groupLeg) Profile() codec.Profile             { return l.profile }
func (l *groupLeg) Expects() codec.Format              { return l.profile.Format }
func (*groupLeg) KeysInSound() bool                    { return false }
func (*groupLeg) Receive(time.Time, rooms.Inlet) error { return nil }
func (*groupLeg) Send(time.Time, []byte, int)          {}
func (*groupLeg) Mixed([]mixer.Source)                 {}
func (*groupLeg) Observe(quality.Local)                {}
func (*groupLeg) Close() error                         { return nil }
func (*groupLeg) Elsewhere()                           {}
