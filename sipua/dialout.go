package sipua

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/locate"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// DialOut is somebody to be called into a room.
type DialOut struct {
	// Room is the number of the room.
	Room string
	// Address is a SIP URI, or with Trunk a number: "+4930123456", "tel:+4930123456".
	Address string
	// Trunk is the name of the trunk that the call goes through; empty: none.
	Trunk string
	// DisplayName and Role are those of the participant to come; no name: what is called.
	DisplayName string
	Role        rooms.Role
	// CallerName and CallerNumber are shown to who is called: a name, and the user part of our address. Empty: no name, and the trunk's address or the
	// room's number.
	CallerName, CallerNumber string
	// RingTime is how long an answer is waited for; 0 means 60 s.
	RingTime time.Duration
	// ConfirmTime is how long who has answered may take to press 1, and comes in only then; 0: they come in at once.
	ConfirmTime time.Duration
}

const defaultRingTime = time.Minute

var (
	errRungOut = errors.New("nobody has answered in time")
	errLetGo   = errors.New("the room has let go")
)

// DialOut begins to call somebody into a room, and returns the ID that the participant will have. What becomes of it the room's events tell; the room
// ends it (rooms.Registry.Remove, End). Errors, all from before anything is sent: *trunk.DeniedError, trunk.ErrAddress, trunk.ErrNoTrunk; those of
// rooms.Registry.Dial; ErrShutdown.
func (s *Server) DialOut(ctx context.Context, want DialOut) (id string, err error) {
	s.mu.Lock()
	ep := s.ep
	s.mu.Unlock()
	if ep == nil || s.draining.Load() {
		return "", ErrShutdown
	}
	if ep.full() {
		return "", &trunk.DeniedError{Rule: "sip.limits.calls", Text: "the bridge has as many calls as it may have", Limit: true}
	}
	running, end, err := ep.untilClosed(ep.ctx)
	if err != nil {
		return "", err
	}
	route, err := s.book.Dial(want.Room, want.Trunk, want.Address)
	if err != nil {
		end()
		s.cfg.Log.Warn("call out is refused", "room", want.Room, "trunk", want.Trunk, "err", err)
		return "", fmt.Errorf("dial from room %q: %w", want.Room, err)
	}
	o := s.newOutward(ep, route, want)
	if o.seat.participant, err = s.rooms.Dial(ctx, want.Room, o.seat.caller); err != nil {
		route.End()
		end()
		return "", err
	}
	o.d.noted = s.accountOut(want, route, o.seat, o.d.callID)
	id = o.seat.participant.ID()
	ep.log.Info("call out", "call_id", o.d.callID, "room", want.Room, "participant", id, "trunk", want.Trunk)
	go func() {
		defer end()
		o.place(running, cmp.Or(want.RingTime, defaultRingTime))
	}()
	return id, nil
}

// outward is one call that is placed from a room: the goroutine of DialOut owns it, until the call has one of its own.
type outward struct {
	room  string
	route *trunk.Route
	d     *dialling
	seat  *seat
}

func (s *Server) newOutward(ep *endpoint, route *trunk.Route, want DialOut) *outward {
	from := ""
	if u := route.From; !u.IsZero() {
		if want.CallerNumber != "" {
			u.User = message.EscapeUser(want.CallerNumber)
		}
		from = u.Shown().String()
	}
	cfg := DialConfig{From: from, DisplayName: want.CallerName, Codecs: s.codecs(route.Call), User: route.User, Password: route.Password}
	d := newDialling(ep, s.engine, cfg, route.URI.Requested())
	d.focus, d.as, d.line = message.EscapeUser(want.Room), message.EscapeUser(want.CallerNumber), route.Call
	caller := rooms.Caller{
		DisplayName: cmp.Or(want.DisplayName, route.URI.UserText()), Address: route.URI.Shown().String(), CallID: d.callID, Role: want.Role,
		Origin: &rooms.Origin{Trunk: want.Trunk, Confirm: want.ConfirmTime},
	}
	return &outward{room: want.Room, route: route, d: d, seat: &seat{line: route.Call, caller: caller}}
}

// place places the call, and ends it where nobody wants it any more.
func (o *outward) place(ctx context.Context, ring time.Duration) {
	ctx, stop := context.WithTimeoutCause(ctx, ring, errRungOut)
	defer stop()
	ctx, letGo := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-o.seat.participant.Left():
			letGo(errLetGo)
		case <-ctx.Done():
		}
	}()
	defer func() {
		letGo(nil)
		<-watched
	}()
	o.d.rings = func() { _ = o.seat.participant.Progress(ctx, rooms.DialRinging) } // who is let go of hears of it by ctx
	got, err := o.d.ask(ctx, outgoing{via: o.route.Via, redirected: o.route.Trunk == "", follows: o.route.Follows})
	if err != nil {
		var refused *StatusError
		if cause := context.Cause(ctx); cause != nil && !errors.As(err, &refused) {
			err = cause
		}
		o.failed(err)
		return
	}
	call, err := o.d.answered(got, o.seat, o.begin)
	if call == nil {
		o.d.close()
		o.failed(err)
		return
	}
	if err != nil {
		if o.seat.leg == nil { // begin has not come to it: the answer was of no use
			o.d.close()
		}
		o.seat.participant.FailDial(dialFailure(err))
	}
	go call.live()
}

// begin takes the call that has been answered into the room. Early media is not heard there.
func (o *outward) begin(c *call, agreed sdp.Agreed) error {
	c.log = c.log.With("room", o.room, "participant", o.seat.participant.ID())
	if o.route.Trunk != "" {
		c.log = c.log.With("trunk", o.route.Trunk)
	}
	c.local.Linear = len(o.route.Codecs) == 0
	o.seat.leg, o.seat.call = o.d.leg, c
	ctx, cancel := context.WithTimeout(c.ep.ctx, applyTime)
	defer cancel()
	if err := o.seat.participant.Progress(ctx, rooms.DialAnswered); err != nil {
		return err
	}
	o.seat.leg.Discard()
	if err := c.apply(agreed); err != nil {
		return err
	}
	c.log.Info("call out is answered")
	return nil
}

// failed gives the seat and the line back, and tells why and writes it down.
func (o *outward) failed(err error) {
	o.d.ep.log.Info("call out has failed", "call_id", o.d.callID, "room", o.room, "participant", o.seat.participant.ID(), "err", err)
	o.seat.participant.FailDial(dialFailure(err))
	o.route.End()
	o.d.noted.failed(err)
	o.d.noted.close()
}

// dialFailures are the statuses that say more than that it has failed (RFC 3261 §21).
var dialFailures = []struct {
	why      rooms.Reason
	statuses []int
}{
	{rooms.ReasonBusy, []int{486, 600}},
	{rooms.ReasonNoAnswer, []int{408, 480, 487}},
	{rooms.ReasonDeclined, []int{603, 607, 608}},
	{rooms.ReasonUnreachable, []int{404, 410, 484, 485, 502, 503, 604}},
	{rooms.ReasonForbidden, []int{401, 402, 403, 407, 433}},
}

// dialFailure says in the room's words why a call was not answered, with the peer's status where there was one.
func dialFailure(err error) (why rooms.Reason, status int) {
	var refused *StatusError
	if errors.As(err, &refused) {
		for _, f := range dialFailures {
			if slices.Contains(f.statuses, refused.Status) {
				return f.why, refused.Status
			}
		}
		return rooms.ReasonFailed, refused.Status
	}
	if errors.Is(err, errRungOut) {
		return rooms.ReasonNoAnswer, 0
	}
	if errors.Is(err, ErrShutdown) {
		return rooms.ReasonDraining, 0
	}
	if passing(err) || errors.Is(err, locate.ErrNotFound) || errors.Is(err, locate.ErrDNS) {
		return rooms.ReasonUnreachable, 0
	}
	return rooms.ReasonFailed, 0
}
