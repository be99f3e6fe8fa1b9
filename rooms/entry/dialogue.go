package entry

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// attempts is how often a caller is asked for something that does not come, or for the number of a room that is not there.
const attempts = 3

// hostAttempts is how often a caller who dials nothing is asked where only moderators have a PIN.
const hostAttempts = 2

// dialogue is what goes on with one caller, from the connection to the room. One goroutine owns it.
type dialogue struct {
	desk   *Desk
	p      *rooms.Participant
	room   string // empty: the caller is asked for it
	from   rooms.Origin
	called rooms.Role // as what somebody comes in whom the bridge has called (from.Confirm)
	voice  string
	log    *slog.Logger
	keys   chan byte
	greet  []string // what the first prompt begins with
	late   bool     // let in without an answer: a moderators' PIN may come yet
}

// run is the dialogue's goroutine. ctx ends with the participant, and with the desk.
func (d *dialogue) run(ctx context.Context) {
	select {
	case <-d.p.Joined():
	case <-ctx.Done(): // never connected
		d.p.Leave(d.interrupted())
		return
	}
	d.desk.metrics.asking.Add(1)
	defer d.desk.metrics.asking.Add(-1)
	why, err := d.lead(ctx)
	switch {
	case err == nil:
	case d.isCutOff(ctx, err):
		why = d.interrupted()
	default:
		d.log.Error("a caller could not be let in", "room", d.room, "err", err)
		why = rooms.ReasonOverloaded
	}
	d.desk.metrics.count(why)
	if why != rooms.ReasonUnspecified {
		d.log.Info("caller is not let in", "room", d.room, "reason", why.String())
		d.p.Leave(why)
	}
}

// isCutOff says whether what has failed has done so because the caller or the desk is gone. rooms.ErrClosed alone does not say so: a room may have ended.
func (d *dialogue) isCutOff(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, rooms.ErrNoParticipant) {
		return true
	}
	select {
	case <-d.p.Left():
		return true
	default:
		return false
	}
}

// interrupted is why a dialogue ends that did not come to its end.
func (d *dialogue) interrupted() rooms.Reason {
	select {
	case <-d.desk.closing:
		return rooms.ReasonDraining
	default:
		return rooms.ReasonHangup // if it has left for another reason, that one counts
	}
}

// lead leads the caller into a room, or tells why not; then it is for the caller of lead to let go.
func (d *dialogue) lead(ctx context.Context) (rooms.Reason, error) {
	d.keys = make(chan byte, mostKeys)
	if err := d.p.TakeKeys(ctx, d.keys); err != nil {
		return 0, err
	}
	if d.from.Confirm > 0 {
		return d.confirm(ctx)
	}
	d.greet = []string{sounds.Welcome}
	if d.room == "" {
		if why, err := d.askRoom(ctx); why != 0 || err != nil {
			return why, err
		}
	}
	grant, why, err := d.askPIN(ctx)
	if why != 0 || err != nil {
		return why, err
	}
	name, err := d.askName(ctx)
	if err != nil {
		d.release(ctx, grant)
		return 0, err
	}
	why, err = d.enter(ctx, grant, name)
	if d.late && why == 0 && err == nil {
		d.linger(ctx)
	}
	return why, err
}

// greeted is the greeting, where the caller has not heard it yet.
func (d *dialogue) greeted() []string {
	greeting := d.greet
	d.greet = nil
	return greeting
}

// askRoom asks which room the caller wants.
func (d *dialogue) askRoom(ctx context.Context) (why rooms.Reason, err error) {
	prompts, fault := append(d.greeted(), sounds.EnterConference), ""
	for range attempts {
		dialled, err := d.dial(ctx, mostRoomDigits, prompts...)
		number := dialled.digits
		switch {
		case err != nil:
			return 0, err
		case number == "":
			fault, why = sounds.NothingEntered, rooms.ReasonNothingEntered
		case !d.there(number):
			fault, why = sounds.NoSuchConference, rooms.ReasonNoRoom
		default:
			d.room = number
			return 0, nil
		}
		d.forget()
		prompts = []string{fault, sounds.EnterConference}
	}
	return why, d.say(ctx, fault, sounds.Goodbye)
}

// there says whether there is, or could be, a room of that number for this caller.
func (d *dialogue) there(number string) bool {
	return (d.from.May == nil || d.from.May(number)) && d.desk.rooms.Reachable(number) == nil
}

// askPIN asks for a PIN, if the room wants one.
func (d *dialogue) askPIN(ctx context.Context) (access.Grant, rooms.Reason, error) {
	prompts, silent := []string{sounds.EnterPIN}, 0
	var tries access.Tries
	for {
		ring, err := d.ring(ctx)
		if some, _ := ring.Asks(); err != nil || !some {
			return access.Grant{}, 0, err
		}
		dialled, err := d.dial(ctx, access.LongestPIN, append(d.greeted(), prompts...)...)
		digits := dialled.digits
		if err == nil {
			ring, err = d.ring(ctx) // the PINs may be other ones by now
		}
		some, all := ring.Asks()
		switch {
		case err != nil:
			return access.Grant{}, 0, err
		case !some, digits == "" && dialled.pound && !all: // only hosts have one
			return access.Grant{}, 0, nil
		case digits == "" && !all && silent == hostAttempts-1:
			d.late = true
			return access.Grant{}, 0, nil
		case digits == "":
			if silent++; silent == attempts {
				return access.Grant{}, rooms.ReasonNothingEntered, d.say(ctx, sounds.NothingEntered, sounds.Goodbye)
			}
			prompts = []string{sounds.NothingEntered, sounds.EnterPIN}
			d.forget()
			continue
		}
		grant, err := d.check(ctx, ring, digits)
		switch {
		case err == nil:
			return grant, 0, nil
		case errors.Is(err, access.ErrWrongPIN) || errors.Is(err, access.ErrInvalid):
			if !tries.Wrong() {
				return access.Grant{}, rooms.ReasonWrongPIN, d.say(ctx, sounds.WrongPINGoodbye)
			}
			prompts = []string{sounds.WrongPIN}
			d.forget()
		case errors.Is(err, access.ErrLockedOut):
			d.log.Warn("caller is locked out", "room", d.room, "remote", d.from.Source, "err", err)
			return access.Grant{}, rooms.ReasonLockedOut, d.say(ctx, sounds.LockedOut)
		case errors.Is(err, access.ErrBusy):
			return access.Grant{}, rooms.ReasonOverloaded, d.say(ctx, sounds.TryLater, sounds.Goodbye)
		default:
			return access.Grant{}, 0, err
		}
	}
}

// ring is the PINs that the caller is to be asked for; nil for none.
func (d *dialogue) ring(ctx context.Context) (*access.Ring, error) {
	info, err := d.desk.rooms.Info(ctx, d.room)
	if errors.Is(err, rooms.ErrNoRoom) || err == nil && vouched(info, d.from) {
		return nil, nil //nolint:nilnil // a nil ring asks for nothing
	}
	return info.PINs, err
}

// check says what digits open in a ring. An invitation that opens is remembered as used.
func (d *dialogue) check(ctx context.Context, ring *access.Ring, digits string) (access.Grant, error) {
	pin, err := access.ParsePIN(digits)
	if err != nil {
		return access.Grant{}, err
	}
	address, _ := netip.ParseAddr(d.from.Source) // what is none is one source
	grant, err := d.desk.cfg.Guard.Check(ctx, access.Caller{
		Address: address, Identity: d.from.Identity, Trunk: d.from.Trunk, Room: d.room,
	}, ring, pin)
	if err == nil {
		return grant, d.stands(ctx, ring, grant)
	}
	if errors.Is(err, access.ErrWrongPIN) {
		d.desk.metrics.wrongPINs.Add(1)
		d.log.Info("wrong PIN", "room", d.room, "remote", d.from.Source)
	}
	return grant, err
}

// stands says whether a grant is still good in the ring that the room has now: it may have got another one while the PIN was looked at (access.ErrWrongPIN). Where
// it cannot be remembered that an invitation was used, the caller does not have to pay for it.
func (d *dialogue) stands(ctx context.Context, ring *access.Ring, grant access.Grant) error {
	if grant.Invitation == "" {
		now, err := d.ring(ctx)
		if err == nil && now != ring {
			err = access.ErrWrongPIN
		}
		return err
	}
	err := d.desk.claim(context.WithoutCancel(ctx), d.room, grant.Invitation, ring)
	if err == nil || errors.Is(err, access.ErrWrongPIN) {
		return err
	}
	d.forgotten(grant, err)
	return nil
}

// forgotten logs that what became of an invitation is not remembered.
func (d *dialogue) forgotten(grant access.Grant, err error) {
	d.log.Error("what became of an invitation is not remembered", "room", d.room, "invitation", grant.Invitation, "err", err)
}

// enter takes the caller into the room.
func (d *dialogue) enter(ctx context.Context, grant access.Grant, name *mixer.Clip) (rooms.Reason, error) {
	with := rooms.Pass{Role: rooms.RoleSpeaker, DisplayName: grant.Name, Name: name, KeepKeys: d.late}
	if grant.Moderator {
		with.Role = rooms.RoleModerator
	}
	why, err := d.goIn(ctx, with)
	switch {
	case err != nil || why != 0:
		d.release(ctx, grant)
	case grant.Invitation != "":
		d.log.Info("invitation is used", "room", d.room, "invitation", grant.Invitation)
	}
	return why, err
}

// goIn takes the caller into the room, or tells why not.
func (d *dialogue) goIn(ctx context.Context, with rooms.Pass) (rooms.Reason, error) {
	err := d.p.MoveTo(ctx, d.room, with)
	switch {
	case err == nil:
		d.log.Info("caller is let in", "room", d.room, "moderator", with.Role == rooms.RoleModerator)
		if prompt := d.arrived(ctx); prompt != "" {
			_ = d.p.Queue(ctx, d.clips(prompt)...) // who has left meanwhile need not hear it
		}
		return 0, nil
	case errors.Is(err, rooms.ErrLocked), errors.Is(err, rooms.ErrBanned): // that it is locked for them alone is not told
		return rooms.ReasonRoomLocked, d.say(ctx, sounds.ConferenceLocked, sounds.Goodbye)
	case errors.Is(err, rooms.ErrFull):
		return rooms.ReasonRoomFull, d.say(ctx, sounds.ConferenceFull, sounds.Goodbye)
	case errors.Is(err, rooms.ErrNotOpen):
		return rooms.ReasonClosed, d.say(ctx, sounds.NotOpen, sounds.Goodbye)
	case errors.Is(err, rooms.ErrNoRoom):
		return rooms.ReasonNoRoom, d.say(ctx, sounds.NoSuchConference, sounds.Goodbye)
	}
	return 0, err
}

// arrived is what a caller is told who has come to the room: that they are in it, or what they wait for; empty where the room itself tells that.
func (d *dialogue) arrived(ctx context.Context) string {
	number := d.p.Room()
	info, err := d.desk.rooms.Participant(ctx, number, d.p.ID())
	var prompt string
	switch {
	case err == nil && info.Place == rooms.PlaceLobby:
		prompt = sounds.LobbyWait
	case err == nil && info.Place == rooms.PlaceWaiting:
		prompt = sounds.WaitingHost
	case err == nil && info.Place == rooms.PlaceEarly:
		return "" // the room tells them when it opens
	default:
		return sounds.Entering
	}
	if of, err := d.desk.rooms.Info(ctx, number); err == nil && d.desk.rooms.Speaks(of.Settings) {
		return ""
	}
	return prompt
}

// release gives an invitation back that led nowhere.
func (d *dialogue) release(ctx context.Context, grant access.Grant) {
	if grant.Invitation == "" {
		return
	}
	if err := d.desk.release(context.WithoutCancel(ctx), d.room, grant.Invitation); err != nil {
		d.forgotten(grant, err)
	}
}
