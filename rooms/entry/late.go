package entry

import (
	"context"
	"errors"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// linger takes the keys of somebody who was let in without an answer for a while yet: where they are the moderators' PIN they make a moderator, and in no case does
// an event tell them. The pound key alone ends it.
func (d *dialogue) linger(ctx context.Context) {
	defer func() { _ = d.p.TakeKeys(context.WithoutCancel(ctx), nil) }() // who has left presses no more
	var tries access.Tries
	for {
		dialled, err := d.read(ctx, access.LongestPIN, nil, lateKeyTime)
		if err != nil || dialled.digits == "" {
			return
		}
		switch err := d.promote(ctx, dialled.digits); {
		case errors.Is(err, access.ErrWrongPIN) || errors.Is(err, access.ErrInvalid):
			if !tries.Wrong() {
				return
			}
			if err := d.p.Queue(ctx, d.clips(sounds.WrongPIN)...); err != nil && !errors.Is(err, rooms.ErrBusy) { // then the room says too much, and the keys are still no commands
				return
			}
		case err != nil && ctx.Err() == nil:
			d.log.Warn("a PIN that came late is not looked at", "room", d.room, "remote", d.from.Source, "err", err)
			return
		default:
			return
		}
	}
}

// promote makes somebody who is in the room a moderator, if the digits are a moderator's PIN. Any other says no more than that they may be there.
func (d *dialogue) promote(ctx context.Context, digits string) error {
	ring, err := d.ring(ctx)
	if some, _ := ring.Asks(); err != nil || !some || d.p.Room() != d.room {
		return err
	}
	grant, err := d.check(ctx, ring, digits)
	if err != nil {
		return err
	}
	if !grant.Moderator {
		d.release(ctx, grant)
		return nil
	}
	role := rooms.RoleModerator
	if _, err := d.desk.rooms.UpdateParticipant(ctx, d.room, d.p.ID(), rooms.ParticipantPatch{Role: &role}); err != nil {
		d.release(ctx, grant)
		return err
	}
	d.log.Info("caller is a moderator", "room", d.room, "invitation", grant.Invitation)
	return nil
}
