package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// MaxBanTime is the longest ban.
const MaxBanTime = 365 * 24 * time.Hour

// Bounds of how many bans there are.
const (
	maxBans    = 256 // of one room
	maxAllBans = 16_384
	maxStrays  = 1024
)

// disownTime is how long the store may take to forget a ban that nobody waits for.
const disownTime = 2 * time.Second

// Ban keeps whoever calls from an address out of a room for a time.
type Ban struct {
	ID          string // unique in the bridge's lifetime: lower-case letters and digits
	Address     string // as Caller.Address
	DisplayName string // of whom it was made for
	Created     time.Time
	Expires     time.Time
}

// bans is who is kept out of which room. It is not in the rooms: one that was made on demand would forget it as soon as it is empty.
type bans struct {
	keeper BanKeeper // nil: nobody remembers them; written by Restore alone

	mu     sync.Mutex // never held across a call out
	of     map[string][]Ban
	all    int
	strays []KeptBan // those that may be kept and are not in force, the oldest first
}

// add notes a ban, in place of those of the same address, which it returns. False: there are too many.
func (b *bans) add(number string, ban Ban, now time.Time) (replaced []Ban, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire(number, now)
	replaced = b.drop(number, func(o Ban) bool { return sameAddress(o.Address, ban.Address) })
	if b.all >= maxAllBans {
		for other := range b.of {
			b.expire(other, now)
		}
	}
	if len(b.of[number]) >= maxBans || b.all >= maxAllBans {
		return replaced, false
	}
	if b.of == nil {
		b.of = map[string][]Ban{}
	}
	b.of[number] = append(b.of[number], ban)
	b.all++
	return replaced, true
}

// put has a ban kept (ErrStorage).
func (b *bans) put(ctx context.Context, number string, ban Ban) error {
	if b.keeper == nil {
		return nil
	}
	return storage(b.keeper.PutBan(ctx, number, ban))
}

// unput has bans kept no longer (ErrStorage).
func (b *bans) unput(ctx context.Context, number string, all ...Ban) error {
	if b.keeper == nil {
		return nil
	}
	var errs []error
	for _, ban := range all {
		errs = append(errs, storage(b.keeper.RemoveBan(ctx, number, ban.ID)))
	}
	return errors.Join(errs...)
}

// disown is unput for bans that are not in force (any more). One that the store does not answer for may be kept all the same, and would be in force at the next start,
// when whoever was told so has long made another ban in its place, and lifted that. So it is tried again: with the next change that the store takes, and at the end.
func (b *bans) disown(ctx context.Context, number string, all ...Ban) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), disownTime)
	defer cancel()
	var errs []error
	for _, ban := range all {
		if err := b.unput(ctx, number, ban); err != nil {
			errs = append(errs, err)
			b.stray(KeptBan{Room: number, Ban: ban})
		}
	}
	return errors.Join(errs...)
}

// stray notes a ban that may be kept and is not in force.
func (b *bans) stray(k KeptBan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.strays = append(b.strays, k); len(b.strays) > maxStrays {
		b.strays = slices.Delete(b.strays, 0, 1)
	}
}

// collect has the store forget strays, until it does not.
func (b *bans) collect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, disownTime)
	defer cancel()
	for {
		b.mu.Lock()
		if len(b.strays) == 0 {
			b.mu.Unlock()
			return
		}
		k := b.strays[0]
		b.strays = b.strays[1:]
		b.mu.Unlock()
		if k.Expires.After(time.Now()) && b.unput(ctx, k.Room, k.Ban) != nil {
			b.stray(k)
			return
		}
	}
}

// list is the bans of a room that are in force, the oldest first.
func (b *bans) list(number string, now time.Time) []Ban {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire(number, now)
	return slices.Clone(b.of[number])
}

// covers says whether an address is banned.
func (b *bans) covers(number, address string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.of[number], func(o Ban) bool { return sameAddress(o.Address, address) && o.Expires.After(now) })
}

// find is a ban that is in force.
func (b *bans) find(number, id string, now time.Time) (Ban, bool) {
	for _, ban := range b.list(number, now) {
		if ban.ID == id {
			return ban, true
		}
	}
	return Ban{}, false
}

// remove takes a ban back.
func (b *bans) remove(number, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(number, func(o Ban) bool { return o.ID == id })
}

// forget drops all bans of a room, and returns them.
func (b *bans) forget(number string) []Ban {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.drop(number, func(Ban) bool { return true })
}

// expire drops what is over; b.mu is held.
func (b *bans) expire(number string, now time.Time) {
	b.drop(number, func(o Ban) bool { return !o.Expires.After(now) })
}

// drop drops some of a room's bans, and returns them; b.mu is held.
func (b *bans) drop(number string, which func(Ban) bool) (dropped []Ban) {
	var left []Ban
	for _, ban := range b.of[number] {
		if which(ban) {
			dropped = append(dropped, ban)
		} else {
			left = append(left, ban)
		}
	}
	if len(dropped) == 0 {
		return nil
	}
	b.all -= len(dropped)
	if len(left) == 0 {
		delete(b.of, number)
		return dropped
	}
	b.of[number] = left
	return dropped
}

// sameAddress compares as telephones write them: one may have capitals where another has none.
func sameAddress(a, b string) bool { return strings.EqualFold(a, b) }

// Ban removes a participant as Remove does, and keeps whoever calls from the same address out of the room for a time (ErrNoRoom,
// ErrNoParticipant; ErrInvalid, where that is not above 0 and at most a year, or the caller has no address; ErrBusy, where too many are banned). When it
// returns nil, the ban is kept (ErrStorage). Nobody calls a side room: who is banned in one is kept out of the room that it is of, and that one tells of it.
func (g *Registry) Ban(ctx context.Context, number, id string, length time.Duration) error {
	if length <= 0 || length > MaxBanTime {
		return fmt.Errorf("ban for %v, want more than 0 and at most %v: %w", length, MaxBanTime, ErrInvalid)
	}
	of := g.callable(number)
	return g.turns.run(ctx, of, func() error { return g.ban(ctx, number, of, id, length) })
}

// callable is the number by which people come into a room: of a side room, that of the one that it is of.
func (g *Registry) callable(number string) string {
	if r := g.room(number); r != nil && r.sideOf != nil {
		return r.sideOf.number
	}
	return number
}

// ban is Ban in its turn: of a participant of a room, from the room of. It is kept before anybody is kept out.
func (g *Registry) ban(ctx context.Context, number, of, id string, length time.Duration) error {
	var ban Ban
	err := g.withMember(ctx, number, id, func(_ *state, m *member) error {
		now := time.Now()
		ban = Ban{ID: newID(), Address: m.caller.Address, DisplayName: m.caller.DisplayName, Created: now, Expires: now.Add(length)}
		if ban.Address == "" {
			return fmt.Errorf("participant %q has no address: %w", id, ErrInvalid)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := g.bans.put(ctx, of, ban); err != nil {
		return wrap("room", of, errors.Join(err, g.bans.disown(ctx, of, ban)))
	}
	ctx = context.WithoutCancel(ctx) // it is kept, so it must be
	var replaced []Ban
	var who ParticipantInfo
	err = g.withMember(ctx, number, id, func(s *state, m *member) error {
		if !sameAddress(m.caller.Address, ban.Address) {
			return fmt.Errorf("participant %q: another call has the seat: %w", id, ErrNoParticipant)
		}
		var ok bool
		if replaced, ok = g.bans.add(of, ban, time.Now()); !ok {
			return fmt.Errorf("as many callers are banned as can be: %w", ErrBusy)
		}
		if who = s.describe(m); of == number {
			s.raise(Event{Kind: KindBanned, Participant: who, Ban: &ban})
		}
		s.letGo(m.p, ReasonRemoved)
		return nil
	})
	if err != nil {
		return errors.Join(err, g.bans.disown(ctx, of, ban))
	}
	if of != number {
		tell := func(s *state) error { s.raise(Event{Kind: KindBanned, Participant: who, Ban: &ban}); return nil }
		if err := g.do(ctx, of, tell); err != nil && !errors.Is(err, ErrNoRoom) { // else there is nobody to be told
			g.cfg.Log.Warn("a ban is not told of", "room", of, "err", err)
		}
	}
	if err := g.bans.disown(ctx, of, replaced...); err != nil {
		g.cfg.Log.Warn("a ban is kept that another has taken the place of", "room", of, "err", err)
	}
	g.bans.collect(ctx)
	return nil
}

// Bans lists who is kept out of a room, the oldest ban first; none of a room that nobody knows (ErrInvalid: no room can have that number).
func (g *Registry) Bans(number string) ([]Ban, error) {
	if err := checkNumber(number); err != nil {
		return nil, err
	}
	return g.bans.list(number, time.Now()), nil
}

// Unban takes a ban back (ErrNoBan). When it returns nil, the ban does not come back (ErrStorage).
func (g *Registry) Unban(ctx context.Context, number, id string) error {
	return g.turns.run(ctx, number, func() error { return g.unban(ctx, number, id) })
}

func (g *Registry) unban(ctx context.Context, number, id string) error {
	ban, ok := g.bans.find(number, id, time.Now())
	if !ok {
		return fmt.Errorf("room %q: ban %q: %w", number, id, ErrNoBan)
	}
	if err := g.bans.unput(ctx, number, ban); err != nil {
		return wrap("room", number, err)
	}
	g.bans.remove(number, id)
	ctx = context.WithoutCancel(ctx) // it is forgotten, so it must be
	g.bans.collect(ctx)
	err := g.do(ctx, number, func(s *state) error {
		s.raise(Event{Kind: KindUnbanned, Ban: &ban, Info: new(s.info())})
		return nil
	})
	if errors.Is(err, ErrNoRoom) {
		return nil // there is nobody to be told
	}
	return err
}

// restoreBans puts those bans there again that are in force still. It is part of Restore.
func (g *Registry) restoreBans(kept []KeptBan, keeper BanKeeper) {
	g.bans.keeper = keeper
	kept = slices.Clone(kept)
	slices.SortFunc(kept, func(a, b KeptBan) int { return a.Created.Compare(b.Created) }) // of two of one address the newer counts
	now := time.Now()
	for _, k := range kept {
		switch {
		case !k.Expires.After(now):
			continue
		case checkNumber(k.Room) != nil || k.ID == "" || k.Address == "":
			g.cfg.Log.Error("a ban is left out that cannot be", "room", k.Room, "ban", k.ID)
			continue
		}
		replaced, ok := g.bans.add(k.Room, k.Ban, now)
		if !ok {
			g.cfg.Log.Error("a ban is left out: there are too many", "room", k.Room, "ban", k.ID)
		}
		for _, old := range replaced { // the bridge has died before it was forgotten
			g.bans.stray(KeptBan{Room: k.Room, Ban: old})
		}
	}
}
