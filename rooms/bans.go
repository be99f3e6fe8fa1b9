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
)

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
	mu  sync.Mutex // never held across a call out
	of  map[string][]Ban
	all int
}

// add notes a ban, in place of one of the same address. False: there are too many.
func (b *bans) add(number string, ban Ban, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire(number, now)
	b.drop(number, func(o Ban) bool { return sameAddress(o.Address, ban.Address) })
	if b.all >= maxAllBans {
		for other := range b.of {
			b.expire(other, now)
		}
	}
	if len(b.of[number]) >= maxBans || b.all >= maxAllBans {
		return false
	}
	if b.of == nil {
		b.of = map[string][]Ban{}
	}
	b.of[number] = append(b.of[number], ban)
	b.all++
	return true
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

// remove takes a ban back that is in force.
func (b *bans) remove(number, id string, now time.Time) (Ban, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire(number, now)
	i := slices.IndexFunc(b.of[number], func(o Ban) bool { return o.ID == id })
	if i < 0 {
		return Ban{}, false
	}
	ban := b.of[number][i]
	b.drop(number, func(o Ban) bool { return o.ID == id })
	return ban, true
}

// forget drops all bans of a room.
func (b *bans) forget(number string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(number, func(Ban) bool { return true })
}

// expire drops what is over; b.mu is held.
func (b *bans) expire(number string, now time.Time) {
	b.drop(number, func(o Ban) bool { return !o.Expires.After(now) })
}

// drop drops some of a room's bans; b.mu is held.
func (b *bans) drop(number string, which func(Ban) bool) {
	before := b.of[number]
	if len(before) == 0 {
		return
	}
	left := slices.DeleteFunc(before, which)
	b.all -= len(before) - len(left)
	if len(left) == 0 {
		delete(b.of, number)
		return
	}
	b.of[number] = left
}

// sameAddress compares as telephones write them: one may have capitals where another has none.
func sameAddress(a, b string) bool { return strings.EqualFold(a, b) }

// Ban removes a participant as Remove does, and keeps whoever calls from the same address out of the room for a time (ErrNoRoom,
// ErrNoParticipant; ErrInvalid, where that is not above 0 and at most a year, or the caller has no address; ErrBusy, where too many are banned).
func (g *Registry) Ban(ctx context.Context, number, id string, length time.Duration) error {
	if length <= 0 || length > MaxBanTime {
		return fmt.Errorf("ban for %v, want more than 0 and at most %v: %w", length, MaxBanTime, ErrInvalid)
	}
	return g.withMember(ctx, number, id, func(s *state, m *member) error {
		now := time.Now()
		ban := Ban{ID: newID(), Address: m.caller.Address, DisplayName: m.caller.DisplayName, Created: now, Expires: now.Add(length)}
		if ban.Address == "" {
			return fmt.Errorf("participant %q has no address: %w", id, ErrInvalid)
		}
		if !g.bans.add(number, ban, now) {
			return fmt.Errorf("as many callers are banned as can be: %w", ErrBusy)
		}
		s.raise(Event{Kind: KindBanned, Participant: s.describe(m), Ban: &ban})
		s.letGo(m.p, ReasonRemoved)
		return nil
	})
}

// Bans lists who is kept out of a room, the oldest ban first; none of a room that nobody knows (ErrInvalid: no room can have that number).
func (g *Registry) Bans(number string) ([]Ban, error) {
	if err := checkNumber(number); err != nil {
		return nil, err
	}
	return g.bans.list(number, time.Now()), nil
}

// Unban takes a ban back (ErrNoBan).
func (g *Registry) Unban(ctx context.Context, number, id string) error {
	ban, ok := g.bans.remove(number, id, time.Now())
	if !ok {
		return fmt.Errorf("room %q: ban %q: %w", number, id, ErrNoBan)
	}
	err := g.do(ctx, number, func(s *state) error {
		s.raise(Event{Kind: KindUnbanned, Ban: &ban, Info: new(s.info())})
		return nil
	})
	if errors.Is(err, ErrNoRoom) {
		return nil // there is nobody to be told
	}
	return err
}
