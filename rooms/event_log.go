package rooms

import (
	"context"
	"math"
	"sync"
)

// eventLog is one number's story: the newest events in a ring, numbered without gaps. It outlives the room, so that a
// watcher can resume when the room has closed and come back. The room's goroutine appends, between two ticks;
// watchers read by sequence number, each at a pace of their own.
//
// Where rooms are kept, no number may come again when the bridge has died and come back. So numbers are taken from the store in
// blocks, before they are needed, and no watcher is shown one that has not been taken: a store that stands still
// stops watchers after a while, never the room.
type eventLog struct {
	number string
	kept   int
	keep   *memory // nil: nothing is kept
	base   uint64  // numbers up to here are of earlier lives of the bridge, and not in the ring

	mu      sync.Mutex
	ring    []Event // ring[(seq-1-base)%kept] once it is full; grows up to kept
	last    uint64  // sequence of the newest event; 0 before the first
	taken   uint64  // numbers up to here are ours
	asked   bool    // more have been asked for
	changed chan struct{}
	closed  bool
}

// numbersTaken is how many numbers a log takes from the store at once: what a crash leaves out of the story at most, twice over.
const numbersTaken = 256

// newEventLog continues a story of which base events have been told; keep is nil where nothing is kept.
func newEventLog(number string, kept int, keep *memory, base uint64) *eventLog {
	l := &eventLog{number: number, kept: kept, keep: keep, base: base, last: base, taken: base, changed: make(chan struct{})}
	if keep == nil {
		l.taken = math.MaxUint64
	}
	return l
}

// append numbers e, wakes the watchers, and hands e over to be kept.
func (l *eventLog) append(e Event) {
	e, take := l.note(e)
	if l.keep == nil {
		return
	}
	if take > 0 && !l.keep.offer(entry{log: l, mark: take}) {
		l.granted(0)
	}
	if e.Kind.lasting() {
		l.keep.offer(entry{log: l, event: &e})
	}
}

// granted says that the numbers up to mark are ours, or with 0 that none were to be had; the next event asks again.
func (l *eventLog) granted(mark uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = false
	if mark <= l.taken || l.closed {
		return
	}
	l.taken = mark
	close(l.changed)
	l.changed = make(chan struct{})
}

// release is the last number that was given, if others that are ours were not: the story goes on behind it.
func (l *eventLog) release() (mark uint64, some bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken <= l.last && !l.asked {
		return 0, false
	}
	l.taken = min(l.taken, l.last)
	return l.last, true
}

// note numbers e; take is how many numbers are to be ours from now on, or 0 where there are enough.
func (l *eventLog) note(e Event) (numbered Event, take uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Sequence = l.last
	if e.Info != nil {
		e.Info.Sequence = l.last
	}
	if len(l.ring) < l.kept {
		l.ring = append(l.ring, e)
	} else {
		l.ring[l.slot(e.Sequence)] = e
	}
	if l.last <= l.taken {
		close(l.changed)
		l.changed = make(chan struct{})
	}
	if !l.asked && l.last+numbersTaken/2 > l.taken {
		l.asked, take = true, l.last+numbersTaken
	}
	return e, take
}

// slot is where an event that is kept lies in the ring.
func (l *eventLog) slot(seq uint64) uint64 { return (seq - 1 - l.base) % uint64(l.kept) }

// sequence is the newest event's number.
func (l *eventLog) sequence() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// shown is the newest number that watchers may be told: one that cannot come again in another life of the bridge. Pending events are numbered next.
func (l *eventLog) shown(pending int) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return min(l.last+uint64(pending), l.taken)
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

// firstKept is first for those who do not hold the lock.
func (l *eventLog) firstKept() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first()
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
		if seq := max(after+1, l.first()); seq <= min(l.last, l.taken) {
			e := l.ring[l.slot(seq)]
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
