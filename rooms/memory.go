package rooms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxUnwritten bounds the events that wait for the disk, some 800 bytes each; what comes while so many wait is not kept.
	maxUnwritten = 8192
	// maxBatch is how many are written at once.
	maxBatch = 512
	// gatherTime is how long an event waits for others to be written with: of many at once each costs a fraction.
	gatherTime = 50 * time.Millisecond
	// tellTime is how long the store may take for a batch.
	tellTime = 10 * time.Second
)

// memory is what a registry has between it and its Keeper: a bounded queue and one goroutine that empties it, so that no room
// waits for a disk.
type memory struct {
	keeper  Keeper
	log     *slog.Logger
	queue   chan entry
	stop    chan struct{}
	writing sync.WaitGroup
	unkept  atomic.Uint64 // events
	failing bool          // of the writer: the store's last word was an error
}

// urgent says that somebody waits until it is written.
func (e *entry) urgent() bool { return e.event == nil }

// entry is one thing to write: an event, a mark, or nothing but a word when all before it is written.
type entry struct {
	log     *eventLog
	mark    uint64
	event   *Event // nil: none
	written chan<- struct{}
}

// newMemory starts a writer that goes on when ctx is done, until close.
func newMemory(ctx context.Context, k Keeper, log *slog.Logger) *memory {
	m := &memory{keeper: k, log: log, queue: make(chan entry, maxUnwritten), stop: make(chan struct{})}
	m.writing.Go(func() { m.run(context.WithoutCancel(ctx)) })
	return m
}

// offer queues what is to be written, and never waits: where too much is waiting already, it says false, and an event is lost to the next
// start.
func (m *memory) offer(e entry) bool {
	select {
	case m.queue <- e:
		return true
	default:
		if e.mark == 0 {
			m.unkept.Add(1)
		}
		return false
	}
}

// flush returns when all that was offered before has been written, or given up.
func (m *memory) flush(ctx context.Context) error {
	written := make(chan struct{})
	select {
	case m.queue <- entry{written: written}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-written:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// recall flushes, and asks the store.
func (m *memory) recall(ctx context.Context, number string, after uint64, limit int) (Past, error) {
	if err := m.flush(ctx); err != nil {
		return Past{}, err
	}
	past, err := m.keeper.Recall(ctx, number, after, limit)
	if err != nil {
		return Past{}, storage(err)
	}
	return past, nil
}

// close writes what is left, and ends the writer.
func (m *memory) close() {
	close(m.stop)
	m.writing.Wait()
}

// run writes until close; then what is queued still.
func (m *memory) run(ctx context.Context) {
	batch := make([]entry, 0, maxBatch)
	for {
		select {
		case e := <-m.queue:
			batch = m.gather(append(batch[:0], e))
		case <-m.stop:
			if batch = m.drain(batch[:0]); len(batch) == 0 {
				return
			}
		}
		m.write(ctx, batch)
		clear(batch)
	}
}

// gather adds what comes until somebody waits for it, or gatherTime is over.
func (m *memory) gather(batch []entry) []entry {
	enough := time.After(gatherTime)
	for !batch[len(batch)-1].urgent() && len(batch) < maxBatch {
		select {
		case e := <-m.queue:
			batch = append(batch, e)
		case <-enough:
			return batch
		case <-m.stop:
			return m.drain(batch)
		}
	}
	return m.drain(batch)
}

// drain adds what else is waiting.
func (m *memory) drain(batch []entry) []entry {
	for len(batch) < maxBatch {
		select {
		case e := <-m.queue:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// write has a batch kept, of each number its last mark, and tells who waits for it.
func (m *memory) write(ctx context.Context, batch []entry) {
	var events []Event
	var marks []Mark
	at := map[string]int{}
	for _, e := range batch {
		if e.event != nil {
			events = append(events, *e.event)
		}
		if e.log == nil || e.event != nil {
			continue
		}
		mark := Mark{Room: e.log.number, Last: e.mark}
		if i, ok := at[mark.Room]; ok {
			marks[i] = mark
			continue
		}
		at[mark.Room] = len(marks)
		marks = append(marks, mark)
	}
	ok := m.tell(ctx, events, marks)
	for _, e := range batch {
		switch {
		case e.written != nil:
			close(e.written)
		case e.mark > 0 && ok:
			e.log.granted(e.mark)
		case e.mark > 0:
			e.log.granted(0)
		}
	}
}

// tell is the store's Tell; it says whether that went well, and logs when that changes.
func (m *memory) tell(ctx context.Context, events []Event, marks []Mark) bool {
	if len(events) == 0 && len(marks) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	err := m.keeper.Tell(ctx, events, marks)
	if err != nil {
		m.unkept.Add(uint64(len(events)))
		if !m.failing {
			m.log.Error("events are not kept", "err", err)
		}
	} else if m.failing {
		m.log.Info("events are kept again", "lost", m.unkept.Load())
	}
	m.failing = err != nil
	return !m.failing
}

// storage makes an error of the store an ErrStorage; the context's errors stay what they are.
func storage(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrStorage, err)
}
