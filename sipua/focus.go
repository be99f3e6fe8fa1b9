package sipua

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// outside takes the requests that are in no dialog (RFC 3261 §8.2), in the order of checks of that section. It runs
// on the goroutine that reads.
func (s *Server) outside(tx *transaction.ServerTx) {
	who, ok := s.identify(tx)
	if !ok {
		return
	}
	req := tx.Request()
	switch req.Method {
	case message.Invite, message.Options:
	case message.Bye, message.Update, message.Info, message.Prack:
		s.ep.reply(tx, 481, "")
		return
	default:
		s.ep.refuseMethod(tx)
		return
	}
	switch {
	case !s.ep.addressed(tx, s.cfg.Domain) || !s.ep.required(tx) || s.ep.misplaced(tx):
	case s.draining.Load():
		s.ep.replyError(tx, ErrShutdown)
	case req.Method == message.Options:
		s.options(tx, who)
	default:
		s.invite(tx, who)
	}
}

// options answers OPTIONS as an INVITE would be (RFC 3261 §11.2), as far as that can be said without waiting for the room.
// What has no user in its Request-URI asks about the bridge and no room: pings.
func (s *Server) options(tx *transaction.ServerTx, who trunk.Caller) {
	req := tx.Request()
	if s.ep.full() {
		s.ep.replyLater(tx, 503, "")
		return
	}
	if req.RequestURI.UserText() != "" {
		number, err := s.book.Number(who, req)
		if err == nil {
			err = s.rooms.Reachable(number)
		}
		if err != nil {
			s.ep.replyError(tx, err)
			return
		}
	}
	if w, asked := wished(req, nil); asked && acceptsSDP(req) && req.RequestURI.UserText() != "" {
		s.describe(tx, who, w)
		return
	}
	s.ep.options(tx)
}

// invite starts a call for a new INVITE.
func (s *Server) invite(tx *transaction.ServerTx, who trunk.Caller) {
	req := tx.Request()
	older := len(req.Contact) == 0 && req.From.Tag() == "" // RFC 2543 §6.13: it may be left out, and is what From says
	if len(req.Contact) != 1 && !older {                   // RFC 3261 §8.1.1.8
		s.ep.reply(tx, 400, "INVITE must have one Contact")
		return
	}
	body, _, ok := s.ep.readable(tx, acceptSDP)
	if !ok || s.ep.sessionTooShort(tx) {
		return
	}
	old, ok := s.replaced(tx, who)
	if !ok {
		return
	}
	noted := s.account(tx, who)
	admitted, ok := s.admit(tx, who, old, noted)
	if !ok {
		return
	}
	user := req.RequestURI.User
	if user == "" {
		user = message.EscapeUser(req.RequestURI.UserText()) // of a tel URI
	}
	c := newCall(s.ep, answered(req, tx.ToTag(), tx.Flow()), user)
	c.focus, c.admitted, c.account = true, admitted, noted
	c.predecessor, c.updates = old, req.HasToken("Allow", string(message.Update))
	if admitted.Trunk != "" {
		c.log = c.log.With("trunk", admitted.Trunk)
	}
	c.noInfo = takesNoInfo(req)
	c.inviting.Store(true)
	ctx, giveUp := context.WithCancelCause(s.ep.ctx)
	c.giveUp = giveUp
	if err := s.ep.add(c, tx); err != nil {
		giveUp(err)
		admitted.End()
		s.ep.replyLater(tx, 503, "")
		noted.refused(503, err.Error())
		noted.close()
		return
	}
	go s.serve(ctx, c, tx, body)
}

// serve is the goroutine of one incoming call, until it is answered or refused. An answered one goes on in a goroutine of its own:
// the setup has grown this one's stack, and it would be kept as long as the call.
func (s *Server) serve(ctx context.Context, c *call, tx *transaction.ServerTx, offer []byte) {
	seat := &seat{line: c.admitted, call: c}
	err := s.gate.Begin(ctx)
	if err == nil {
		c.turn = s.gate.End
		err = s.seatCaller(ctx, c, seat, tx, offer)
	}
	if err == nil {
		err = s.greet(ctx, c, tx, offer)
	}
	c.endTurn()
	c.giveUp(nil)
	if c.pending != nil {
		go c.live()
		return
	}
	defer c.close()
	c.relieve() // where the seat had been taken already, nobody else would end its call
	c.side.leave(rooms.ReasonFailed)
	c.admitted.End()
	s.ep.remove(c)
	switch {
	case tx.Cancelled() || errors.Is(err, errCancelled) || errors.Is(err, errHungUp) || errors.Is(err, errExpired):
		c.account.refused(487, err.Error())
		s.ep.reply(tx, 487, "") // RFC 3261 §9.2, §15.1.2, §13.3.1
	default:
		c.log.Info("call is refused", "err", err)
		c.account.refused(refuse(err).status, err.Error())
		s.ep.replyError(tx, err)
	}
}

// endTurn lets the next call be set up.
func (c *call) endTurn() {
	if c.turn != nil {
		c.turn()
		c.turn = nil
	}
}

// seatCaller gets the caller a seat in the room and a leg. Either is given back by seat.leave, which close calls.
func (s *Server) seatCaller(ctx context.Context, c *call, seat *seat, tx *transaction.ServerTx, offer []byte) error {
	ctx, cancel := context.WithTimeout(ctx, setupTime)
	defer cancel()
	// The room's events keep these long after the call: a part of the INVITE's text would keep all of it, 64 kB if its sender likes.
	seat.caller = rooms.Caller{
		DisplayName: strings.Clone(c.admitted.DisplayName), Address: strings.Clone(c.admitted.Address), CallID: strings.Clone(tx.Request().CallID),
	}
	w, elsewhere := wished(tx.Request(), offer)
	if elsewhere && c.predecessor != nil {
		return rooms.ErrElsewhere // the seat of a call with a leg stays one
	}
	if seat.predecessor = c.predecessor; seat.predecessor == nil {
		asking := seat.caller
		asking.Origin = origin(c.admitted, tx)
		p, err := s.rooms.Admit(ctx, strings.Clone(c.admitted.Number), asking)
		room := ledTo(p, err)
		c.account.enters(room, p)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return err
		}
		seat.participant = p
		if c.log = c.log.With("participant", p.ID()); room != "" {
			c.log = c.log.With("room", room)
		}
	}
	c.side = seat
	if elsewhere {
		return s.seatAudience(ctx, c, seat, w, tx, offer)
	}
	peer, _ := sdp.MediaAddress(offer)
	bind, shown, err := s.ep.addresses(tx.Flow(), peer)
	if err != nil {
		return err
	}
	if seat.leg, err = s.engine.Open(bind); err != nil {
		return fmt.Errorf("open leg: %w", err)
	}
	c.local = sdp.Local{
		RTP: netip.AddrPortFrom(shown, seat.leg.Addr().Port()), Codecs: s.codecs(c.admitted), Linear: len(c.admitted.Codecs) == 0, SessionID: rand.Uint64() >> 2,
	}
	return nil
}

// ledTo is the number of the room that has taken a caller in, or has refused to; empty where none has: the reception is no room, and a number that was
// dialled need not be one.
func ledTo(p *rooms.Participant, err error) string {
	if p != nil {
		if room := p.Room(); room != rooms.ReceptionNumber {
			return room
		}
		return ""
	}
	var about *rooms.RoomError
	if errors.As(err, &about) && !errors.Is(err, rooms.ErrNoRoom) {
		return about.Number
	}
	return ""
}

// origin is where a call comes from, for whoever lets it into a room.
func origin(admitted *trunk.Call, tx *transaction.ServerTx) *rooms.Origin {
	return &rooms.Origin{
		Source: tx.Flow().Remote.Addr().Unmap().WithZone("").String(),
		Trunk:  admitted.Trunk, Identity: strings.Clone(admitted.Identity), May: admitted.MayEnter,
	}
}

// greet answers the INVITE with 200, after it has rung: an answer to its offer, after which the caller is in the mix, or
// an offer of ours, whose answer comes in the ACK, or in the PRACK of a reliable 180 (RFC 3261 §13.2.1).
func (s *Server) greet(ctx context.Context, c *call, tx *transaction.ServerTx, offer []byte) error {
	req := tx.Request()
	c.early = &early{
		invite: tx, open: true,
		reliably: req.HasToken("Supported", "100rel") || req.HasToken("Require", "100rel"),
	}
	var body []byte
	if offer == nil {
		var err error
		if body, err = c.offer(); err != nil {
			return err
		}
		c.offered = body
	} else {
		if c.predecessor != nil {
			c.endTurn() // its goroutine is waited for
		}
		var err error
		if body, err = c.answer(offer); err != nil {
			return err
		}
	}
	if s.cfg.Ring > 0 && c.predecessor == nil {
		c.endTurn()
		var err error
		if body, err = c.ring(ctx, s.cfg.Ring, body); err != nil {
			return err
		}
	}
	agreed := c.early.agreed
	c.early = nil
	if tx.Cancelled() {
		return errCancelled
	}
	if agreed != nil {
		if err := c.apply(*agreed); err != nil {
			return err
		}
	}
	if tx.Cancelled() {
		return errCancelled
	}
	if body != nil {
		c.local.Previous = body
	}
	c.accept(tx, body)
	c.account.answered()
	c.relieve()
	c.log.Info("call is answered")
	return nil
}
