package rooms

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Snapshot is a room at one moment; events behind Sequence are not in it. Room.Number is empty in the snapshot of a
// number that is no room yet.
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
	seen    uint64
	dropped *atomic.Uint64
}

// Next waits for the next event. A *MissedError says that events were dropped before this watcher came for them; Next
// may be called again and goes on behind them. ErrClosed when the registry closes; the context's error.
func (w *Watch) Next(ctx context.Context) (Event, error) {
	e, err := w.log.next(ctx, w.seen)
	if err != nil {
		return Event{}, err
	}
	if from := w.seen + 1; e.Sequence > from {
		w.seen = e.Sequence - 1
		w.dropped.Add(e.Sequence - from)
		return Event{}, &MissedError{From: from, To: e.Sequence - 1}
	}
	w.seen = e.Sequence
	return e, nil
}

// MissedError tells a slow watcher which events of the room it will never see.
type MissedError struct{ From, To uint64 }

func (e *MissedError) Error() string {
	return fmt.Sprintf("events %d to %d are no longer kept", e.From, e.To)
}

// Watch follows a room's events. With after nil it starts with a snapshot and goes on from there; else it goes on
// behind event *after, and with a snapshot if that is no longer kept. A number that could become a room on demand
// can be watched before it is one (else ErrNoRoom).
func (g *Registry) Watch(ctx context.Context, number string, after *uint64) (*Watch, error) {
	log, err := g.logOf(number)
	if err != nil {
		return nil, err
	}
	w := &Watch{log: log, dropped: &g.eventsDropped}
	if after != nil && log.holds(*after) {
		w.seen = *after
		return w, nil
	}
	// The number is read before the room is asked: what happens in between is then told twice over (in the snapshot
	// of a room that has just opened, and as events) rather than not at all.
	snap := Snapshot{Sequence: log.sequence()}
	err = g.do(ctx, number, func(s *state) error {
		snap = s.snapshot()
		return nil
	})
	if err != nil && !errors.Is(err, ErrNoRoom) {
		return nil, err
	}
	w.Snapshot, w.seen = &snap, snap.Sequence
	return w, nil
}
