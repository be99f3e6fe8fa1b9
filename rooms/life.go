package rooms

import (
	"context"
	"sync"
	"time"
)

// life is the context of what is done in rooms and nobody waits for: what has been dialled, and who is brought back from a side room. It ends with the registry, so
// that a store or another room that does not answer holds up no stop. It has no deadline and no values.
type life struct {
	once sync.Once
	over chan struct{}
}

func newLife() *life { return &life{over: make(chan struct{})} }

// end ends it; more calls do nothing.
func (l *life) end() { l.once.Do(func() { close(l.over) }) }

// Deadline implements [context.Context].
func (l *life) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done implements [context.Context].
func (l *life) Done() <-chan struct{} { return l.over }

// Err implements [context.Context].
func (l *life) Err() error {
	select {
	case <-l.over:
		return context.Canceled
	default:
		return nil
	}
}

// Value implements [context.Context].
func (l *life) Value(any) any { return nil }
