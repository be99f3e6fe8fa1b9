package rooms

import (
	"context"
	"sync"
)

// eventLog is one number's story: the newest events in a ring, numbered without gaps. It outlives the room, so that a
// watcher can resume when the room has closed and come back. The room's goroutine appends, between two ticks;
// watchers read by sequence number, each at a pace of their own.
type eventLog struct {
	kept int

	mu      sync.Mutex
	ring    []Event // ring[(seq-1)%kept] once it is full; grows up to kept
	last    uint64  // sequence of the newest event; 0 before the first
	changed chan struct{}
	closed  bool
}

func newEventLog(kept int) *eventLog {
	return &eventLog{kept: kept, changed: make(chan struct{})}
}

// append numbers e and wakes the watchers.
func (l *eventLog) append(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Sequence = l.last
	if e.Kind.aboutRoom() {
		e.Info.Sequence = l.last
	}
	if len(l.ring) < l.kept {
		l.ring = append(l.ring, e)
	} else {
		l.ring[(e.Sequence-1)%uint64(l.kept)] = e
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// sequence is the newest event's number.
func (l *eventLog) sequence() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// size is how many events are kept.
func (l *eventLog) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ring)
}

// holds says whether a watcher that has seen everything up to after can go on from there.
func (l *eventLog) holds(after uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return after <= l.last && after+1 >= l.first()
}

// first is the oldest kept event's number; last+1 where nothing is kept.
func (l *eventLog) first() uint64 { return l.last - uint64(len(l.ring)) + 1 }

// close ends all waiting; events that are kept can still be read.
func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.changed)
	}
}

// next returns the first event behind after, and waits for it. Where that event is no longer kept it returns the
// oldest that is, and the caller sees the gap by its number.
func (l *eventLog) next(ctx context.Context, after uint64) (Event, error) {
	for {
		l.mu.Lock()
		if after < l.last {
			seq := max(after+1, l.first())
			e := l.ring[(seq-1)%uint64(l.kept)]
			l.mu.Unlock()
			return e, nil
		}
		changed, closed := l.changed, l.closed
		l.mu.Unlock()
		if closed {
			return Event{}, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}
