package sipua

import (
	"context"
	"errors"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// errReplaced says that another call has the seat, or that the call is ending.
var errReplaced = errors.New("the call to be replaced is over")

// takeover asks a call for its seat (RFC 3891 §3). The answer comes on done, which holds one.
type takeover struct {
	leg    rooms.Leg
	caller rooms.Caller
	done   chan error
	seat   *rooms.Participant // set before nil is sent on done
}

// replaced finds the call that an INVITE is to take the place of (RFC 3891 §3); nil where it has no Replaces. If ok is
// false, the request has been answered. It runs on the goroutine that reads.
//
// Who knows the tags of a dialog was told them by one of its sides; a caller of another trunk than the one who has the seat
// is not let into it all the same.
func (s *Server) replaced(tx *transaction.ServerTx, who trunk.Caller) (old *call, ok bool) {
	r, present, err := tx.Request().Replaces()
	if !present {
		return nil, true
	}
	if err != nil {
		s.ep.reply(tx, 400, "Malformed or repeated Replaces")
		return nil, false
	}
	s.ep.mu.Lock()
	old = s.ep.calls[dialogID{callID: r.CallID, localTag: r.ToTag, remoteTag: r.FromTag}]
	s.ep.mu.Unlock()
	switch {
	case old == nil || !old.confirmed.Load(): // an early one that we have not begun is none; nothing else of it is to be read yet
		s.ep.reply(tx, 481, "")
	case old.admitted == nil: // one of ours has no seat
		s.ep.reply(tx, 481, "")
	case old.admitted.Trunk != who.Trunk():
		s.ep.reply(tx, 403, "")
	case old.leaving.Load():
		s.ep.reply(tx, 603, "")
	case r.EarlyOnly:
		s.ep.reply(tx, 486, "")
	default:
		return old, true
	}
	return nil, false
}

// yield asks the call for its seat and waits for the answer.
func (c *call) yield(ctx context.Context, leg rooms.Leg, caller rooms.Caller) (*rooms.Participant, error) {
	t := &takeover{leg: leg, caller: caller, done: make(chan error, 1)}
	select {
	case c.takeovers <- t:
	case <-c.gone:
		return nil, errReplaced
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	err := <-t.done // the call's goroutine always answers what it has taken
	return t.seat, err
}

// giveSeat gives the seat to another call. From then on this call has none, and waits to be ended by the other one.
func (c *call) giveSeat(t *takeover) {
	seat, ok := c.side.(*seat)
	if !ok || !seat.joined || c.ending != nil {
		t.done <- errReplaced
		return
	}
	ctx, cancel := context.WithTimeout(c.ep.ctx, applyTime)
	defer cancel()
	if err := seat.participant.Swap(ctx, t.leg, t.caller); err != nil {
		t.done <- err
		return
	}
	c.account.stays()
	seat.line.End()
	c.side, c.vacated = noSide{}, true
	c.leaving.Store(true)
	t.seat = seat.participant
	t.done <- nil
	c.log.Info("another call takes the seat")
}

// relieve ends the call whose seat this one has taken, as soon as it has it and is answered.
func (c *call) relieve() {
	if c.predecessor == nil {
		return
	}
	if seat, ok := c.side.(*seat); ok && seat.joined {
		c.account.enters(ledTo(seat.participant, nil), seat.participant)
		c.predecessor.requestStop(rooms.ReasonHangup)
		c.predecessor = nil
	}
}

// replacedReason is told to the peer of the call whose seat has been taken.
func replacedReason() message.Reason {
	return message.Reason{Protocol: "SIP", Cause: 200, Text: "replaced by another call"}
}

// misplaced refuses a Replaces in anything but an INVITE (RFC 3891 §3). If it returns true, the request has been answered.
func (ep *endpoint) misplaced(tx *transaction.ServerTx) bool {
	req := tx.Request()
	if _, has := req.Header("Replaces"); !has || req.Method == message.Invite {
		return false
	}
	ep.reply(tx, 400, "Replaces in a request that is no INVITE")
	return true
}
