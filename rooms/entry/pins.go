package entry

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
)

// PINs are new ones of a room; nil leaves one as it is, and the zero PIN takes it away.
type PINs struct{ Participant, Moderator *access.PIN }

func (p PINs) none() bool { return p.Participant == nil && p.Moderator == nil }

// Create makes a room with PINs, as rooms.Registry.Create (access.ErrTaken where both are the same, access.ErrBusy).
func (d *Desk) Create(ctx context.Context, number string, set rooms.Settings, pins PINs) (rooms.Info, error) {
	if !pins.none() {
		var err error
		if set.PINs, err = d.cfg.Guard.Rekey(ctx, nil, pins.Participant, pins.Moderator); err != nil {
			return rooms.Info{}, fmt.Errorf("create room %q: %w", number, err)
		}
	}
	return d.rooms.Create(ctx, number, set)
}

// Update changes a room's settings and PINs, all of it or nothing, as rooms.Registry.Update (access.ErrTaken where two PINs would be the same, access.ErrBusy).
// Invitations stay.
func (d *Desk) Update(ctx context.Context, number string, p rooms.SettingsPatch, pins PINs) (rooms.Info, error) {
	if pins.none() {
		return d.rooms.Update(ctx, number, p)
	}
	var info rooms.Info
	err := d.change(ctx, number, func(ring *access.Ring) error {
		next, err := d.cfg.Guard.Rekey(ctx, ring, pins.Participant, pins.Moderator)
		if err != nil {
			return err
		}
		p.PINs = &next
		info, err = d.rooms.Update(ctx, number, p)
		return err
	})
	return info, err
}

// change runs op with a room's ring, nil where it has none, while nobody else changes it (rooms.ErrNoRoom).
func (d *Desk) change(ctx context.Context, number string, op func(*access.Ring) error) error {
	done, err := d.changes.take(ctx, number)
	if err != nil {
		return err
	}
	defer done()
	info, err := d.rooms.Info(ctx, number)
	if err != nil {
		return err
	}
	if err := op(info.PINs); err != nil {
		return fmt.Errorf("room %q: %w", number, err)
	}
	return nil
}

// inviteTries is how many PINs are drawn for one that nobody has.
const inviteTries = 8

// Invite invites somebody: Name, Moderator, From and Until of what is asked for count. It returns the invitation, and the PIN, which nobody can
// read again (access.ErrInvalid; access.ErrTooMany; access.ErrTaken where no PIN of so many digits is found that is free, access.ErrBusy; rooms.ErrNoRoom).
func (d *Desk) Invite(ctx context.Context, number string, i access.Invitation, pinDigits int) (access.Invitation, access.PIN, error) {
	i = access.Invitation{ID: newID(), Name: i.Name, Moderator: i.Moderator, From: i.From, Until: i.Until}
	var pin access.PIN
	err := d.change(ctx, number, func(ring *access.Ring) error {
		within := ring != nil
		if !within {
			var err error
			if ring, err = d.cfg.Guard.Rekey(ctx, nil, nil, nil); err != nil {
				return err
			}
		}
		err := access.ErrTaken
		for n := 0; n < inviteTries && errors.Is(err, access.ErrTaken); n++ {
			if pin, err = access.NewPIN(pinDigits); err == nil {
				err = d.cfg.Guard.Invite(ctx, ring, i, pin)
			}
		}
		if err != nil {
			return err
		}
		if err = d.keep(ctx, number, ring); err != nil {
			ring.Remove(i.ID) // it may be the room's ring: nobody is invited of whom nobody is told
			if within {
				d.keepAgain(ctx, number, ring)
			}
		}
		return err
	})
	if err != nil {
		return access.Invitation{}, access.PIN{}, err
	}
	return i, pin, nil
}

// newID is that of an invitation: 13 lower-case letters and digits.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand.Read
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// Invitations are those of a room, by ID (rooms.ErrNoRoom).
func (d *Desk) Invitations(ctx context.Context, number string) ([]access.Invitation, error) {
	info, err := d.rooms.Info(ctx, number)
	if err != nil || info.PINs == nil {
		return nil, err
	}
	_, _, all := info.PINs.Kept()
	slices.SortFunc(all, func(a, b access.Invitation) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// Withdraw takes an invitation back; who has come in by it stays (rooms.ErrNoRoom, ErrNoInvitation).
func (d *Desk) Withdraw(ctx context.Context, number, id string) error {
	return d.change(ctx, number, func(ring *access.Ring) error {
		if ring == nil {
			return fmt.Errorf("invitation %q: %w", id, ErrNoInvitation)
		}
		removed, ok := ring.Remove(id)
		if !ok {
			return fmt.Errorf("invitation %q: %w", id, ErrNoInvitation)
		}
		err := d.keep(ctx, number, ring)
		if err != nil {
			err = errors.Join(err, ring.PutBack(removed))
			d.keepAgain(ctx, number, ring)
		}
		return err
	})
}

// keepTime is how long it may take to remember what became of an invitation: somebody is on the telephone.
const keepTime = 10 * time.Second

// claim has it remembered that an invitation was used that has opened in a ring which may not be the room's any more (access.ErrWrongPIN where it is good no longer).
func (d *Desk) claim(ctx context.Context, number, id string, opened *access.Ring) error {
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	return d.change(ctx, number, func(ring *access.Ring) error {
		if ring == nil || !ring.Claim(id, opened) {
			return fmt.Errorf("invitation %q: %w", id, access.ErrWrongPIN)
		}
		return d.keep(ctx, number, ring)
	})
}

// release has it remembered that an invitation was not used after all.
func (d *Desk) release(ctx context.Context, number, id string) error {
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	return d.change(ctx, number, func(ring *access.Ring) error {
		if ring == nil {
			return nil // it was taken back meanwhile
		}
		ring.Release(id)
		return d.keep(ctx, number, ring)
	})
}

// keep has a ring be a room's, and remembered.
func (d *Desk) keep(ctx context.Context, number string, ring *access.Ring) error {
	_, err := d.rooms.Update(ctx, number, rooms.SettingsPatch{PINs: &ring})
	return err
}

// keepAgain has a room's ring kept as it is once more, where the store did not answer for a change within: that may be kept all the same, and would be in force at the
// next start. Where this fails too, the registry tries it again.
func (d *Desk) keepAgain(ctx context.Context, number string, ring *access.Ring) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	_ = d.keep(ctx, number, ring) // whoever made the change is told of its own error
}

// Declared is the PINs of a room that a file declares, each as digits or as a PHC string of argon2id; an empty one is none (access.ErrInvalid,
// access.ErrTaken, access.ErrBusy). It is nil where there are none. Digits take their time.
func (d *Desk) Declared(ctx context.Context, participant, moderator string) (*access.Ring, error) {
	if participant == "" && moderator == "" {
		return nil, nil //nolint:nilnil // no ring: nobody is asked
	}
	var hashes [2]access.Hash
	var pins [2]*access.PIN
	for i, text := range []string{participant, moderator} {
		switch {
		case text == "":
		case strings.HasPrefix(text, "$"):
			h, err := access.ParseHash(text)
			if err != nil {
				return nil, err
			}
			hashes[i] = h
		default:
			p, err := access.ParsePIN(text)
			if err != nil {
				return nil, err
			}
			pins[i] = &p
		}
	}
	ring, err := access.RestoreRing(hashes[0], hashes[1], nil)
	if err != nil || pins[0] == nil && pins[1] == nil {
		return ring, err
	}
	return d.cfg.Guard.Rekey(ctx, ring, pins[0], pins[1])
}
