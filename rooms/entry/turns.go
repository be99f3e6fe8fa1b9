package entry

import (
	"context"
	"sync"
)

// turns let those who change the PINs and invitations of one room follow each other, each of which is made of what was. Rooms do not wait for each other. The zero
// value is that of which nobody has a turn.
type turns struct {
	mu  sync.Mutex
	all map[string]*turn // of rooms by number, those that somebody has or wants
}

type turn struct {
	token  chan struct{}
	wanted int // by how many, who has it included
}

// take waits for a room's turn; done gives it back. The error is the context's.
func (t *turns) take(ctx context.Context, number string) (done func(), err error) {
	of := t.want(number)
	select {
	case of.token <- struct{}{}:
		return func() { <-of.token; t.leave(number, of) }, nil
	case <-ctx.Done():
		t.leave(number, of)
		return nil, context.Cause(ctx)
	}
}

func (t *turns) want(number string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.all[number]
	if of == nil {
		of = &turn{token: make(chan struct{}, 1)}
		if t.all == nil {
			t.all = map[string]*turn{}
		}
		t.all[number] = of
	}
	of.wanted++
	return of
}

func (t *turns) leave(number string, of *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if of.wanted--; of.wanted == 0 {
		delete(t.all, number)
	}
}
