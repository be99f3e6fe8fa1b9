package rooms

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// logOf returns the story of a number that is a room or could become one (ErrNoRoom, ErrClosed, ErrStorage). It asks the store where the
// number is not known here.
func (g *Registry) logOf(ctx context.Context, number string) (*eventLog, error) {
	past := Past{}
	asked := g.memory == nil
	for {
		log, err := g.knownLog(number, past.Last, asked)
		if log != nil || err != nil {
			return log, wrap("room", number, err)
		}
		if past, err = g.memory.recall(ctx, number, 0, 0); err != nil {
			return nil, wrap("room", number, err)
		}
		asked = true
	}
}

// knownLog is the number's log; with sure, one that begins behind last where there is none. Both nil: it is not known here.
func (g *Registry) knownLog(number string, last uint64, sure bool) (*eventLog, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.dormant[number]
	switch {
	case g.logs[number] == nil && d == nil && (!g.cfg.OnDemand || checkNumber(number) != nil):
		return nil, ErrNoRoom
	case g.done:
		return nil, ErrClosed
	case g.logs[number] != nil:
		return g.logs[number], nil
	case d != nil:
		return g.logLocked(number, d.last), nil
	case sure:
		return g.logLocked(number, last), nil
	}
	return nil, nil //nolint:nilnil // it is not known
}

// logLocked finds a number's log, or makes one that begins behind last; g.mu is held.
func (g *Registry) logLocked(number string, last uint64) *eventLog {
	if l := g.logs[number]; l != nil {
		return l
	}
	l := newEventLog(number, g.cfg.EventsKept, g.memory, last)
	g.logs[number] = l
	if g.rooms[number] == nil {
		g.idle = append(g.idle, number)
		g.dropIdleLogs()
	}
	return l
}

// dropIdleLogs keeps them within their bounds, dropping those that have been idle longest; who watches one that goes is
// told by ErrClosed. g.mu is held.
func (g *Registry) dropIdleLogs() {
	events := 0
	for _, number := range g.idle {
		events += g.logs[number].size()
	}
	for len(g.idle) > maxIdleLogs || events > maxIdleEvents && len(g.idle) > 1 {
		log := g.logs[g.idle[0]]
		events -= log.size()
		g.release(log)
		log.close()
		if d := g.dormant[g.idle[0]]; d != nil {
			d.last = log.sequence()
		}
		delete(g.logs, g.idle[0])
		g.idle = g.idle[1:]
	}
}

// release gives those numbers back that the log has taken and not given.
func (g *Registry) release(log *eventLog) {
	if mark, some := log.release(); some && g.memory != nil {
		g.memory.offer(entry{log: log, mark: mark})
	}
}

// closeLogs has everything written, and then ends all watching.
func (g *Registry) closeLogs() {
	g.mu.Lock()
	all := make([]*eventLog, 0, len(g.logs))
	for _, l := range g.logs {
		all = append(all, l)
	}
	g.mu.Unlock()
	for _, l := range all {
		g.release(l)
	}
	if g.memory != nil {
		g.memory.close()
	}
	for _, l := range all {
		l.close()
	}
}

// open starts a room on demand (ErrRoomExists, ErrDraining, ErrStorage).
func (g *Registry) open(ctx context.Context, number string) (*room, error) {
	return g.openAs(ctx, number, g.cfg.Defaults, nil)
}

// openAs is open for a side room of another one too, whose number has no story.
func (g *Registry) openAs(ctx context.Context, number string, set Settings, sideOf *room) (*room, error) {
	for {
		var log *eventLog
		var err error
		if sideOf == nil {
			if log, err = g.logOf(ctx, number); err != nil {
				return nil, err
			}
		}
		g.mu.Lock()
		switch {
		case g.done:
			err = ErrDraining
		case g.rooms[number] != nil || g.dormant[number] != nil:
			err = ErrRoomExists
		case sideOf != nil || g.logs[number] == log:
			r := g.startLocked(Kept{Number: number, Settings: set, Created: time.Now()}, true, g.logLocked(number, 0), sideOf)
			g.mu.Unlock()
			return r, nil
		}
		g.mu.Unlock()
		if err != nil {
			return nil, fmt.Errorf("open: %w", err)
		}
	}
}

// startLocked starts a room's goroutine; g.mu is held.
func (g *Registry) startLocked(k Kept, onDemand bool, log *eventLog, sideOf *room) *room {
	r := newRoom(g, k.Number, log)
	r.sideOf = sideOf
	if i := slices.Index(g.idle, k.Number); i >= 0 {
		g.idle = slices.Delete(g.idle, i, i+1)
	}
	delete(g.dormant, k.Number)
	g.rooms[k.Number] = r
	g.running.Go(func() { r.run(k, onDemand) })
	return r
}

// forget takes a room that is about to end out of the map: it sleeps, or is gone. Its story stays for those who come back to it.
func (g *Registry) forget(s *state) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.room.reception {
		g.forgetReception(s.room)
		return
	}
	number := s.room.number
	delete(g.rooms, number)
	if !s.onDemand && !s.deleted {
		g.dormant[number] = &dormant{Kept: s.kept(), last: s.room.log.sequence()}
	}
	g.idle = append(g.idle, number)
	g.dropIdleLogs()
}
