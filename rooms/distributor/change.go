package distributor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// Create gives a room another distribution, and begins it. An empty ID is given one; Key, SSRC, Session, Version and Created are made here. When it returns
// nil, the distribution is kept (rooms.ErrNoRoom, rooms.ErrDeclared, rooms.ErrStorage; ErrExists, ErrTaken, ErrPath; a distribution.Error).
func (d *Distributor) Create(ctx context.Context, room string, dist distribution.Distribution) (View, error) {
	if dist.ID == "" {
		dist.ID = strings.ToLower(rand.Text()[:8])
	}
	dist.Created = time.Now()
	dist.Session = session.Number(dist.Created)
	dist.Version, dist.SSRC = dist.Session, newSSRC()
	dist.Key = newKey(dist.Suite)
	err := d.inTurn(ctx, func() error {
		info, err := d.rooms.Info(ctx, room)
		if err != nil {
			return err
		}
		if _, there := info.Distributions.Find(dist.ID); there {
			return fmt.Errorf("distribution %q: %w", dist.ID, ErrExists)
		}
		return d.replace(ctx, info, nil, dist)
	})
	if err != nil {
		return View{}, err
	}
	return d.Get(ctx, room, dist.ID)
}

// Change changes a distribution by change, which gets it as it is and may not change what Create makes; where it goes another way than before, it is ended and begun
// anew, under its SSRC (ErrNoDistribution, and as Create). What cannot be opened leaves it as it was.
func (d *Distributor) Change(ctx context.Context, room, id string, change func(*distribution.Distribution) error) (View, error) {
	err := d.inTurn(ctx, func() error {
		info, before, err := d.find(ctx, room, id)
		if err != nil {
			return err
		}
		dist := before
		dist.To = slices.Clone(before.To)
		if err := change(&dist); err != nil {
			return err
		}
		if dist.Suite != before.Suite {
			dist.Key = newKey(dist.Suite)
		}
		if dist.Equal(before) {
			return nil
		}
		dist.Version = max(session.Number(time.Now()), before.Version+1)
		return d.replace(ctx, info, &before, dist)
	})
	if err != nil {
		return View{}, err
	}
	return d.Get(ctx, room, id)
}

// replace has a room have a distribution in place of another, or besides those that it has.
func (d *Distributor) replace(ctx context.Context, info rooms.Info, before *distribution.Distribution, dist distribution.Distribution) error {
	n := name{info.Number, dist.ID}
	if err := d.fit(ctx, info, n, dist); err != nil {
		return err
	}
	if err := d.rooms.Reachable(info.Number); err != nil { // a room that drains takes no feed: what is stopped would stay so
		return err
	}
	ctx = context.WithoutCancel(ctx)
	defer d.changed(n) // also where it cannot be, and nothing is on
	if r := d.runningOf(n); r != nil && before != nil && goesOn(*before, dist) {
		r.sender.Replaced()
	}
	d.stop(n) // its sockets are in the way of those to come; another of that name may still be ending with a room that was deleted
	err := d.open(ctx, n, dist, false)
	if err == nil {
		if info, dist, err = d.keep(ctx, n, dist); err == nil {
			if r := d.runningOf(n); r != nil {
				d.settle(r, info, dist)
				d.rename(ctx, r) // a name that has come before it was known to be kept
			}
			return nil
		}
		d.stop(n)
	}
	if before != nil {
		err = errors.Join(err, d.open(ctx, n, *before, true))
	}
	return err
}

// goesOn says whether some who hear a distribution hear under the same SSRC what comes in its place.
func goesOn(before, dist distribution.Distribution) bool {
	shared := slices.ContainsFunc(dist.To, func(to netip.AddrPort) bool { return slices.Contains(before.To, to) })
	return shared && before.Suite == distribution.SuiteNone && dist.Suite == distribution.SuiteNone
}

// fit says whether a distribution can be, beside all others.
func (d *Distributor) fit(ctx context.Context, info rooms.Info, n name, dist distribution.Distribution) error {
	if err := dist.Check(); err != nil {
		return err
	}
	if info.Declared {
		return &rooms.RoomError{What: "room", Number: info.Number, Err: rooms.ErrDeclared}
	}
	if info.OnDemand {
		return fmt.Errorf("room %q is there for as long as somebody is in it: create it first: %w", info.Number, rooms.ErrInvalid)
	}
	if err := d.cfg.Policy.Allow(dist); err != nil {
		return err
	}
	if _, err := info.Distributions.With(dist); err != nil {
		return err
	}
	all, err := d.all(ctx)
	if err != nil {
		return err
	}
	together := []distribution.Distribution{dist}
	for o, other := range all {
		if o == n {
			continue
		}
		together = append(together, other)
		if err := clash(dist, o, other); err != nil {
			return err
		}
	}
	return d.cfg.Policy.AllowAll(together)
}

// clash says whether a distribution goes where another one goes, by the same interface (ErrTaken).
func clash(dist distribution.Distribution, o name, other distribution.Distribution) error {
	for _, to := range other.To {
		if slices.Contains(dist.To, to) && sameWay(dist, other, to) {
			return &distribution.Error{Field: "destinations", Text: fmt.Sprintf("%s is that of distribution %q of room %q", to, o.id, o.room), Err: ErrTaken}
		}
	}
	return nil
}

// sameWay says whether two distributions go to an address by one interface, which may have been given by different names, by an address of it, or not at all. What is not
// there, and so cannot be told, is taken for another.
func sameWay(a, b distribution.Distribution, to netip.AddrPort) bool {
	if a.Interface == b.Interface {
		return true
	}
	path, other := pathOf(a), pathOf(b)
	i, err := path.Link(to)
	if err != nil {
		return false
	}
	j, err := other.Link(to)
	return err == nil && i == j
}

// Delete ends a distribution for good (rooms.ErrNoRoom, rooms.ErrDeclared, rooms.ErrStorage, ErrNoDistribution).
func (d *Distributor) Delete(ctx context.Context, room, id string) error {
	return d.inTurn(ctx, func() error {
		if _, _, err := d.find(ctx, room, id); err != nil {
			return err
		}
		_, err := d.rooms.Update(ctx, room, rooms.SettingsPatch{Distributions: func(now *distribution.Set) (*distribution.Set, error) { return now.Without(id) }})
		if err != nil {
			return err
		}
		d.stop(name{room, id})
		d.changed(name{room, id})
		return nil
	})
}

// Rekey has a distribution encrypted by another key from now on: who is to go on listening has to fetch the description again (ErrClear, and as Delete).
func (d *Distributor) Rekey(ctx context.Context, room, id string) (View, error) {
	err := d.inTurn(ctx, func() error {
		_, dist, err := d.find(ctx, room, id)
		if err != nil {
			return err
		}
		if dist.Suite == distribution.SuiteNone {
			return fmt.Errorf("distribution %q: %w", id, ErrClear)
		}
		dist.Key = newKey(dist.Suite)
		dist.Version = max(session.Number(time.Now()), dist.Version+1)
		info, dist, err := d.keep(ctx, name{room, id}, dist)
		if err != nil {
			return err
		}
		cfg, err := senderConfig(info, dist)
		if r := d.runningOf(name{room, id}); r != nil && err == nil {
			err = r.sender.Rekey(*cfg.Key, d.numbersOf(*cfg.Key, time.Now()))
			d.settle(r, info, dist)
		}
		d.changed(name{room, id})
		return err
	})
	if err != nil {
		return View{}, err
	}
	return d.Get(ctx, room, id)
}

// keep has a room keep a distribution, beside all that it has by then. It returns what is kept then, and of which room: beside another name, which the room may have been given
// meanwhile, the version is greater.
func (d *Distributor) keep(ctx context.Context, n name, dist distribution.Distribution) (rooms.Info, distribution.Distribution, error) {
	info, err := d.rooms.Update(ctx, n.room, rooms.SettingsPatch{Distributions: func(now *distribution.Set) (*distribution.Set, error) {
		if was, there := now.Find(n.id); there {
			dist.Version = max(dist.Version, was.Version+1)
		}
		return now.With(dist)
	}})
	if kept, there := info.Distributions.Find(n.id); there {
		dist = kept
	}
	return info, dist, err
}

// stop ends a distribution, if it runs, and returns when its sockets are closed or about to be.
func (d *Distributor) stop(n name) {
	if r := d.runningOf(n); r != nil {
		d.mu.Lock()
		r.stopped = true
		d.mu.Unlock()
		r.feeding.Stop()
		<-r.ended
	}
}

// runningOf is the distribution of that name that runs; nil: none does.
func (d *Distributor) runningOf(n name) *running {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running[n]
}

// newSSRC is drawn by chance (RFC 3550 §8.1).
func newSSRC() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(binary.BigEndian.Uint32(b[:]), 1)
}

// newKey is a master key and salt, drawn by chance; nil for none.
func newKey(s distribution.Suite) []byte {
	n := distribution.KeyBytes(s)
	if n == 0 {
		return nil
	}
	key := make([]byte, n)
	_, _ = rand.Read(key) // never fails
	return key
}
