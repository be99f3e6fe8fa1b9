package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// Snapshot is a room at one moment; events behind Sequence are not in it, but for those whose numbers the store has not yet given out: they are
// told once more. Room.Number is empty in the snapshot of a number that is no room yet.
type Snapshot struct {
	Room         Info
	Participants []ParticipantInfo
	Sequence     uint64
}

// Watch is one watcher's place in a room's story. One goroutine uses it. It holds a cursor and no queue: nothing
// that a slow watcher does is felt by the room.
type Watch struct {
	// Snapshot is where the story starts; nil when it resumes behind an event that is still kept.
	Snapshot *Snapshot

	log     *eventLog
	past    []Event // of earlier, out of the store, before what is in the log
	seen    uint64
	dropped *atomic.Uint64
}

// Next waits for the next event. A *MissedError says that events were dropped before this watcher came for them; Next
// may be called again and goes on behind them. ErrClosed when the registry closes; the context's error.
func (w *Watch) Next(ctx context.Context) (Event, error) {
	if len(w.past) > 0 {
		return w.nextPast()
	}
	e, err := w.log.next(ctx, w.seen)
	if err != nil {
		return Event{}, err
	}
	if from := w.seen + 1; e.Sequence > from {
		w.seen = e.Sequence - 1
		w.dropped.Add(e.Sequence - min(max(from, w.log.base+1), e.Sequence)) // what was never kept, nobody has dropped
		return Event{}, &MissedError{From: from, To: e.Sequence - 1}
	}
	w.seen = e.Sequence
	return e, nil
}

// nextPast is Next out of the store, which has gaps where events were not worth keeping.
func (w *Watch) nextPast() (Event, error) {
	e := w.past[0]
	if from := w.seen + 1; e.Sequence > from {
		w.seen = e.Sequence - 1
		return Event{}, &MissedError{From: from, To: w.seen}
	}
	w.past, w.seen = w.past[1:], e.Sequence
	return e, nil
}

// recall has a watcher go on out of the store, if all that was kept of what is behind after still is.
func (w *Watch) recall(ctx context.Context, m *memory, number string, after uint64) (bool, error) {
	if m == nil || after > w.log.sequence() {
		return false, nil
	}
	inLog := w.log.firstKept()
	past, err := m.recall(ctx, number, after, w.log.kept)
	if err != nil || past.First == 0 || after+1 < past.First {
		return false, err
	}
	if n := len(past.Events); n == w.log.kept && past.Events[0].Sequence > after+1 {
		return false, nil // there are more
	}
	i := slices.IndexFunc(past.Events, func(e Event) bool { return e.Sequence >= inLog })
	if i >= 0 {
		past.Events = past.Events[:i]
	}
	w.past, w.seen = past.Events, after
	return true, nil
}

// MissedError tells a slow watcher which events of the room it will never see.
type MissedError struct{ From, To uint64 }

func (e *MissedError) Error() string {
	return fmt.Sprintf("events %d to %d are no longer kept", e.From, e.To)
}

// Watch follows a room's events. With after nil it starts with a snapshot and goes on from there; else it goes on
// behind event *after, of an earlier life of the bridge too, and with a snapshot if that is no longer kept (ErrStorage). A number that could become a room on demand
// can be watched before it is one (else ErrNoRoom).
func (g *Registry) Watch(ctx context.Context, number string, after *uint64) (*Watch, error) {
	log, err := g.logOf(ctx, number)
	if err != nil {
		return nil, err
	}
	w := &Watch{log: log, dropped: &g.eventsDropped}
	if after != nil && log.holds(*after) {
		w.seen = *after
		return w, nil
	}
	if after != nil {
		if resumed, err := w.recall(ctx, g.memory, number, *after); resumed || err != nil {
			return w, wrap("watch room", number, err)
		}
	}
	// The number is read before the room is asked: what happens in between is then told twice over (in the snapshot
	// of a room that has just opened, and as events) rather than not at all.
	snap := Snapshot{Sequence: log.shown(0)}
	if info, asleep := g.asleep(number); asleep {
		snap = Snapshot{Room: info, Sequence: info.Sequence}
	} else {
		err = g.do(ctx, number, func(s *state) error {
			snap = s.snapshot()
			return nil
		})
	}
	if err != nil && !errors.Is(err, ErrNoRoom) {
		return nil, err
	}
	w.Snapshot, w.seen = &snap, snap.Sequence
	return w, nil
}
