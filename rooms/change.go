package rooms

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/confbridge/confbridge/rooms/distribution"
)

// turns let the changes of one room follow each other, so that they are kept in the order in which they are made. Rooms whose numbers
// fall on different turns do not wait for each other.
type turns struct {
	seed  maphash.Seed
	taken []chan struct{}
}

func newTurns() turns {
	t := turns{seed: maphash.MakeSeed(), taken: make([]chan struct{}, 64)}
	for i := range t.taken {
		t.taken[i] = make(chan struct{}, 1)
	}
	return t
}

// run runs change when no other change of that number runs. The context's error means that it never will.
func (t *turns) run(ctx context.Context, number string, change func() error) error {
	turn := t.taken[maphash.String(t.seed, number)%uint64(len(t.taken))]
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-turn }()
	return change()
}

// try is run where no change runs that would have to be waited for; else it does nothing.
func (t *turns) try(number string, change func() error) error {
	turn := t.taken[maphash.String(t.seed, number)%uint64(len(t.taken))]
	select {
	case turn <- struct{}{}:
	default:
		return nil
	}
	defer func() { <-turn }()
	return change()
}

// Create makes a room that stays until it is deleted. Number: 1 to 64 of letters, digits, and -_.+*# (ErrInvalid,
// ErrRoomExists; an on-demand room of that number becomes a lasting one). When it returns nil, the room is kept (ErrStorage).
func (g *Registry) Create(ctx context.Context, number string, set Settings) (Info, error) {
	if err := errors.Join(checkNumber(number), set.check()); err != nil {
		return Info{}, fmt.Errorf("create room %q: %w", number, err)
	}
	if _, err := g.keysOf(set); err != nil {
		return Info{}, fmt.Errorf("create room %q: %w", number, err)
	}
	set.MaxTalkers = set.talkersOr(g.cfg.Defaults.MaxTalkers)
	set.Recording = set.Recording.or(g.cfg.Defaults.Recording)
	set.Opus = set.Opus.Or(g.cfg.Defaults.Opus)
	err := g.turns.run(ctx, number, func() error {
		return g.create(ctx, Kept{Number: number, Settings: set, Created: time.Now()})
	})
	if err := g.settled(ctx, err); err != nil {
		return Info{}, wrap("create room", number, err)
	}
	return g.Info(ctx, number)
}

// create is Create in its turn. Only what has been kept is shown to anybody.
func (g *Registry) create(ctx context.Context, k Kept) error {
	if g.draining.Load() {
		return ErrDraining
	}
	info, err := g.Info(ctx, k.Number)
	switch {
	case err == nil && !info.OnDemand:
		return ErrRoomExists
	case err != nil && !errors.Is(err, ErrNoRoom):
		return err
	}
	log, err := g.storyOf(ctx, k.Number)
	if err != nil {
		return err
	}
	if err := g.put(ctx, k); err != nil {
		g.takeBack(ctx, k.Number, nil)
		return err
	}
	ctx = context.WithoutCancel(ctx) // it is kept, so it must be
	for {
		err := g.do(ctx, k.Number, func(s *state) error { s.makeLasting(k); return nil })
		if !errors.Is(err, ErrNoRoom) {
			return err
		}
		laid, err := g.lay(k, log)
		if laid && k.Schedule != nil {
			g.room(k.Number) // wakes it: it tells when it opens and closes
		}
		if laid || err != nil {
			return err
		}
		// Somebody has called it meanwhile.
	}
}

// storyOf is logOf for a number that is about to become a room; nil where it has no story.
func (g *Registry) storyOf(ctx context.Context, number string) (*eventLog, error) {
	log, err := g.logOf(ctx, number)
	if errors.Is(err, ErrNoRoom) {
		return nil, nil //nolint:nilnil // a number without a story
	}
	return log, err
}

// Update changes a room's settings (ErrNoRoom, ErrInvalid, ErrDeclared where more than their state would change, see Info.Declared). A smaller
// MaxParticipants sends nobody away. When it returns nil, what was set on a lasting room is kept (ErrStorage).
func (g *Registry) Update(ctx context.Context, number string, p SettingsPatch) (Info, error) {
	err := g.turns.run(ctx, number, func() error { return g.update(ctx, number, p) })
	if err := g.settled(ctx, err); err != nil {
		return Info{}, err
	}
	return g.Info(ctx, number)
}

func (g *Registry) update(ctx context.Context, number string, p SettingsPatch) error {
	info, err := g.Info(ctx, number)
	if err != nil {
		return err
	}
	before := info.asSet()
	set, err := p.apply(before)
	if err != nil {
		return wrap("room", number, err)
	}
	set.MaxTalkers = set.talkersOr(g.cfg.Defaults.MaxTalkers)
	set.Recording = set.Recording.or(g.cfg.Defaults.Recording)
	if set.DisplayName != before.DisplayName {
		set.Distributions = distribution.Renamed(set.Distributions)
	}
	set.Opus = set.Opus.Or(g.cfg.Defaults.Opus)
	if err := set.check(); err != nil {
		return wrap("room", number, err)
	}
	if set.Remap != before.Remap {
		if _, err := g.keysOf(set); err != nil {
			return wrap("room", number, err)
		}
	}
	if info.Declared {
		same := before
		same.Locked, same.Lecture, same.WaitForHost, same.Lobby = set.Locked, set.Lecture, set.WaitForHost, set.Lobby
		if !set.equal(same) {
			return wrap("room", number, ErrDeclared)
		}
	}
	if !info.OnDemand && (!set.equal(before) || p.PINs != nil) { // a ring changes within
		k := Kept{Number: number, Settings: set, Created: info.Created, Declared: info.Declared}
		if err := g.put(ctx, k); err != nil {
			was := k
			was.Settings = before
			if p.PINs == nil || set.PINs != before.PINs {
				g.takeBack(ctx, number, &was)
			} else { // the ring has changed within, which is for its owner to undo before it is kept again
				g.doubt(number, &was)
			}
			return wrap("room", number, err)
		}
	}
	return g.do(context.WithoutCancel(ctx), number, func(s *state) error {
		if p.Locked != nil {
			s.lock.dialled = false
		}
		s.changeSettings(set)
		return nil
	})
}

// Delete takes a room away (ErrNoRoom, ErrDeclared). If somebody is in it: ErrOccupied, or with force the conference ends first. When it
// returns nil, the room does not come back (ErrStorage).
func (g *Registry) Delete(ctx context.Context, number string, force bool) error {
	err := g.turns.run(ctx, number, func() error {
		if g.isBlocked(number) {
			return wrap("delete room", number, g.removeBlocked(ctx, number))
		}
		info, err := g.Info(ctx, number)
		if err != nil {
			return err
		}
		if info.Declared {
			return wrap("delete room", number, ErrDeclared)
		}
		return wrap("delete room", number, g.remove(ctx, info, force))
	})
	return g.settled(ctx, err)
}

// removeBlocked forgets a room that could not be read.
func (g *Registry) removeBlocked(ctx context.Context, number string) error {
	if err := g.unput(ctx, number); err != nil {
		return err
	}
	g.unblock(number)
	return nil
}

// remove is Delete in its turn.
func (g *Registry) remove(ctx context.Context, info Info, force bool) error {
	number := info.Number
	occupied := func(s *state) error {
		if !force && s.used() {
			return ErrOccupied
		}
		return nil
	}
	if _, asleep := g.asleep(number); !asleep {
		if err := g.do(ctx, number, occupied); err != nil {
			return err
		}
	}
	if !info.OnDemand {
		if err := g.unput(ctx, number); err != nil {
			g.takeBack(ctx, number, &Kept{Number: number, Settings: info.asSet(), Created: info.Created})
			return err
		}
	}
	ctx = context.WithoutCancel(ctx)
	var lifted []Ban
	err := g.do(ctx, number, func(s *state) error {
		if err := occupied(s); err != nil {
			return err
		}
		s.end(ReasonEnded)
		s.closed, s.deleted = true, true
		lifted = g.bans.forget(number)
		return nil
	})
	if errors.Is(err, ErrOccupied) && !info.OnDemand { // somebody was faster
		k := Kept{Number: number, Settings: info.asSet(), Created: info.Created}
		return errors.Join(err, g.put(ctx, k))
	}
	return errors.Join(err, g.bans.disown(ctx, number, lifted...))
}

// put has a room kept (ErrStorage).
func (g *Registry) put(ctx context.Context, k Kept) error {
	if g.memory == nil {
		return nil
	}
	if err := g.memory.keeper.Put(ctx, k); err != nil {
		return storage(err)
	}
	g.doubts.drop(k.Number)
	return nil
}

// unput has a room kept no longer (ErrStorage).
func (g *Registry) unput(ctx context.Context, number string) error {
	if g.memory == nil {
		return nil
	}
	if err := g.memory.keeper.Remove(ctx, number); err != nil {
		return storage(err)
	}
	g.doubts.drop(number)
	return nil
}
