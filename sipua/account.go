package sipua

import (
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/cdr"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// Records takes the record of each call when it has ended; *cdr.Book is one.
type Records interface {
	// Add takes a record; it must not wait.
	Add(r cdr.Record)
}

// account is what is written down of a call while it goes on. The call's goroutine owns it. All methods may be called of a nil one: of a
// call of which no record is kept.
type account struct {
	to          Records
	record      cdr.Record
	participant *rooms.Participant // whose seat the call has; nil where it has none (any more)
}

// account begins that of a call that has come in; nil where no records are kept.
func (s *Server) account(tx *transaction.ServerTx, who trunk.Caller) *account {
	if s.cfg.Records == nil {
		return nil
	}
	req, flow := tx.Request(), tx.Flow()
	a := &account{to: s.cfg.Records, record: cdr.Record{
		ID: strings.ToLower(rand.Text()[:16]), Direction: cdr.In, Began: time.Now(),
		CallID: noted(req.CallID), Number: noted(req.RequestURI.UserText()), Trunk: who.Trunk(),
		Transport: strings.ToLower(flow.Transport), Remote: flow.Remote.String(),
	}}
	if !req.HasPrivacy("id", "user") {
		a.shows(req.From.Display, req.From.URI.Shown().String())
	}
	return a
}

// accountOut begins that of a call that is placed from a room; nil where no records are kept.
func (s *Server) accountOut(want DialOut, route *trunk.Route, seat *seat, callID string) *account {
	if s.cfg.Records == nil {
		return nil
	}
	number := want.Address
	if want.Trunk == "" {
		number = route.URI.UserText()
	}
	a := &account{to: s.cfg.Records, record: cdr.Record{
		ID: strings.ToLower(rand.Text()[:16]), Direction: cdr.Out, Began: time.Now(),
		CallID: noted(callID), Number: noted(number), Trunk: want.Trunk,
	}}
	a.shows(seat.caller.DisplayName, seat.caller.Address)
	a.enters(want.Room, seat.participant)
	return a
}

// goes notes the way that a call from here takes, the last one that was tried.
func (a *account) goes(by transport.Flow) {
	if a != nil {
		a.record.Transport, a.record.Remote = strings.ToLower(by.Transport), by.Remote.String()
	}
}

// failed notes why a call from here was not answered: with the peer's status, else with that which stands for it (RFC 3261 §8.1.3.1, §9).
func (a *account) failed(err error) {
	_, status := dialFailure(err)
	switch {
	case status != 0:
	case errors.Is(err, errRungOut), errors.Is(err, errLetGo), errors.Is(err, ErrShutdown):
		status = 487
	case errors.Is(err, ErrNoAnswer):
		status = 408
	default:
		status = 503
	}
	a.refused(status, err.Error())
}

// noted is a text of a message, bounded, and without the message that it is a part of: the account lives as long as the call.
func noted(s string) string {
	const most = 256
	return strings.Clone(s[:min(len(s), most)])
}

// shows notes what others are shown of the caller.
func (a *account) shows(name, address string) {
	if a != nil {
		a.record.DisplayName, a.record.Address = noted(name), noted(address)
	}
}

// enters notes the room that the call leads to, and the seat there; nil where there was none to have.
func (a *account) enters(room string, p *rooms.Participant) {
	if a != nil {
		a.record.Room, a.participant = noted(room), p
	}
}

// refused notes how the call was refused.
func (a *account) refused(status int, why string) {
	if a != nil {
		a.record.Status, a.record.Reason = status, noted(why)
	}
}

// answered notes the 2xx.
func (a *account) answered() {
	if a != nil {
		a.record.Status, a.record.Answered = 200, time.Now()
	}
}

// ended notes who has ended the call, and why. The first word counts.
func (a *account) ended(by cdr.Side, why string) {
	if a != nil && a.record.EndedBy == "" {
		a.record.EndedBy, a.record.Reason = by, noted(why)
	}
}

// stays notes what is known of the call's time in the room, which is over.
func (a *account) stays() {
	if a == nil || a.participant == nil {
		return
	}
	stay, joined := a.participant.Last()
	if joined {
		switch {
		case stay.Room != rooms.ReceptionNumber:
			a.record.Room = noted(stay.Room)
		case a.record.Direction == cdr.In: // and no further; who was called was called from a room
			a.record.Room = ""
		}
		a.record.Seat = toSeat(stay, a.record.Began)
	}
	a.participant = nil
}

// close hands the record over. The call has ended.
func (a *account) close() {
	if a == nil {
		return
	}
	a.stays()
	a.record.Ended = time.Now()
	a.to.Add(a.record)
}

// toSeat is a stay in a room as the record has it. A call that has taken another's seat (RFC 3891) was there from its own beginning on.
func toSeat(s rooms.Stay, began time.Time) *cdr.Seat {
	seat := &cdr.Seat{
		Participant: s.ID, Role: s.Role.String(), Joined: s.Joined, Left: s.Ended, Codec: string(s.Format.Name),
		PacketsReceived: s.Media.PacketsReceived, PacketsLost: s.Media.PacketsLost,
		Loss: s.Quality.Heard.Loss, Concealed: s.Quality.Heard.Concealed, MOS: s.Quality.Heard.MOS,
		PeerLoss: s.Quality.Hears.Loss, RoundTripMS: s.Quality.Hears.RoundTrip.Seconds() * 1000,
	}
	if began.After(seat.Joined) {
		seat.Joined = began
	}
	if s.Received != nil {
		seat.CodecReceived = string(s.Received.Format.Name)
	}
	return seat
}

// farewellText is why a peer has ended its call.
func farewellText(list []message.Reason) string {
	if text := reasonsText(list); text != "" {
		return text
	}
	return rooms.ReasonHangup.String()
}
