package locate

import (
	"slices"
	"sync"
	"time"

	"github.com/confbridge/confbridge/sipua/transport"
)

// maxFailed bounds how many targets are remembered.
const maxFailed = 1024

// memory is which targets have failed, and until when that counts.
type memory struct {
	mu    sync.Mutex
	until map[transport.Target]time.Time
}

// bare is a target without its name: the place is the same for all names.
func bare(t transport.Target) transport.Target {
	t.Name = ""
	return t
}

func (m *memory) add(t transport.Target, now, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.until == nil {
		m.until = make(map[transport.Target]time.Time)
	}
	t = bare(t)
	if _, known := m.until[t]; !known && len(m.until) >= maxFailed {
		m.evict(now)
	}
	m.until[t] = until
}

// evict makes room: what is over goes, else what is over first.
func (m *memory) evict(now time.Time) {
	var first transport.Target
	var at time.Time
	for t, until := range m.until {
		if !until.After(now) {
			delete(m.until, t)
		} else if at.IsZero() || until.Before(at) {
			first, at = t, until
		}
	}
	if len(m.until) >= maxFailed {
		delete(m.until, first)
	}
}

func (m *memory) remove(t transport.Target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.until, bare(t))
}

// sort puts what has failed behind the rest, that which may be tried again soonest first.
func (m *memory) sort(list []transport.Target, now time.Time) []transport.Target {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.until) == 0 {
		return list
	}
	when := func(t transport.Target) time.Time {
		if until := m.until[bare(t)]; until.After(now) {
			return until
		}
		return time.Time{}
	}
	slices.SortStableFunc(list, func(a, b transport.Target) int { return when(a).Compare(when(b)) })
	return list
}
