package rooms

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// dormant is a lasting room that nobody is in: no goroutine, some 200 bytes. Whatever needs more than its Info wakes it.
type dormant struct {
	Kept
	last uint64 // number of its newest event, where it has no log
}

// maxFirst bounds what is set aside for a page before it is known how much it takes.
const maxFirst = 4096

// Restore puts those rooms there that have been kept, asleep, and keeps what happens from then on. It is called once, before all
// other methods. A declared room has its settings from the declaration (ErrInvalid), and its state from what was kept.
func (g *Registry) Restore(ctx context.Context, from Memory) error {
	last := make(map[string]uint64, len(from.Marks))
	for _, m := range from.Marks {
		last[m.Room] = m.Last
	}
	g.restoreBans(from.Bans, from.BanKeeper)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, number := range from.Blocked {
		g.blocked[number] = true
	}
	for _, k := range from.Rooms {
		if err := cmp.Or(checkNumber(k.Number), k.check()); err != nil {
			g.cfg.Log.Error("a room is left out that cannot be", "room", k.Number, "err", err)
			g.blocked[k.Number] = true
			continue
		}
		k.Recording = k.Recording.or(g.cfg.Defaults.Recording) // a record may be older than this setting
		g.dormant[k.Number] = &dormant{Kept: k, last: last[k.Number]}
	}
	var listed []string
	for _, k := range from.Declared {
		k.MaxTalkers = k.talkersOr(g.cfg.Defaults.MaxTalkers)
		k.Recording = k.Recording.or(g.cfg.Defaults.Recording)
		if err := cmp.Or(checkNumber(k.Number), k.check()); err != nil {
			return wrap("declared room", k.Number, err)
		}
		if _, err := g.keysOf(k.Settings); err != nil {
			return wrap("declared room", k.Number, err)
		}
		k.Declared, k.Created = true, time.Now()
		if d := g.dormant[k.Number]; d != nil {
			k.Created, k.Locked = d.Created, d.Locked
			if !d.Declared {
				g.cfg.Log.Warn("a room that was made is now declared: the file has its settings", "room", k.Number)
			}
		}
		g.dormant[k.Number] = &dormant{Kept: k, last: last[k.Number]}
		listed = append(listed, k.Number)
		delete(g.blocked, k.Number) // the file has what could not be read
	}
	g.tellBlocked()
	slices.Sort(listed)
	for number, d := range g.dormant {
		if _, found := slices.BinarySearch(listed, number); d.Declared && !found {
			delete(g.dormant, number) // it stands in the file no more
		}
	}
	if from.Keeper != nil {
		g.memory = newMemory(ctx, from.Keeper, g.cfg.Log)
	}
	for number, d := range g.dormant {
		if d.Schedule != nil {
			g.startLocked(d.Kept, false, g.logLocked(number, d.last), nil) // it tells when it opens and closes
		}
	}
	return nil
}

// errBlocked is what callers of a room get that could not be read.
var errBlocked = fmt.Errorf("%w: the room could not be read", ErrStorage)

// tellBlocked logs which numbers nobody comes in at; g.mu is held.
func (g *Registry) tellBlocked() {
	for _, number := range slices.Sorted(maps.Keys(g.blocked)) {
		g.cfg.Log.Error("nobody is let into a room that cannot be read, until it is created anew or deleted", "room", number)
	}
}

// isBlocked says whether there was a room of that number that cannot be read.
func (g *Registry) isBlocked(number string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.blocked[number]
}

// unblock has the number be any other again.
func (g *Registry) unblock(number string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.blocked, number)
}

// asleep describes a room that sleeps.
func (g *Registry) asleep(number string) (Info, bool) {
	g.mu.Lock()
	d := g.dormant[number]
	if d == nil {
		g.mu.Unlock()
		return Info{}, false
	}
	info := Info{Number: number, Settings: d.Settings, Declared: d.Declared, Created: d.Created, Sequence: d.last}
	info.HasPIN, info.HasModeratorPIN = d.PINs.Has()
	open, until := d.Schedule.At(time.Now())
	info.Closed, info.TurnsAt = !open, until
	log := g.logs[number]
	g.mu.Unlock()
	if log != nil {
		info.Sequence = log.shown(0)
	}
	return info, true
}

// exists says whether there is a room of that number, awake or not.
func (g *Registry) exists(number string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rooms[number] != nil || g.dormant[number] != nil
}

// count is how many rooms there are.
func (g *Registry) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.rooms) + len(g.dormant)
}

// numbers are the first of all rooms that sort behind after, in order, limit of them at most.
func (g *Registry) numbers(after string, limit int) []string {
	first := make([]string, 0, min(2*limit, maxFirst))
	below := "" // none from here on is among the first; empty: not known yet
	add := func(n string) {
		if n <= after || below != "" && n >= below {
			return
		}
		if first = append(first, n); len(first) >= 2*limit {
			slices.Sort(first)
			first = first[:limit]
			below = first[limit-1]
		}
	}
	g.mu.Lock()
	for n := range g.rooms {
		add(n)
	}
	for n := range g.dormant {
		add(n)
	}
	g.mu.Unlock()
	slices.Sort(first)
	return first[:min(limit, len(first))]
}

// lay puts a new lasting room there, asleep; false where there is a room of that number meanwhile.
func (g *Registry) lay(k Kept, log *eventLog) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.done {
		return false, fmt.Errorf("create: %w", ErrDraining)
	}
	if g.rooms[k.Number] != nil || g.dormant[k.Number] != nil {
		return false, nil
	}
	d := &dormant{Kept: k}
	if log != nil {
		d.last = log.sequence()
	}
	g.dormant[k.Number] = d
	delete(g.blocked, k.Number)
	return true, nil
}
