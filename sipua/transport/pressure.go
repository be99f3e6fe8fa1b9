package transport

import (
	"context"
	"fmt"
	"time"
)

// readerWaits is how long a peer that does not read is not read either. Without a bound two that write to each other would wait
// for each other.
const readerWaits = time.Second

// Writable waits until there is room for more on a flow: on a connection, that its queue is at most half full. Over UDP, and where
// the connection is gone, it returns at once. Who answers many requests one after another calls it in between. Errors:
// ErrFlowGone, and the context's cause.
func (m *Manager) Writable(ctx context.Context, f Flow) error {
	if !f.Reliable() {
		return nil
	}
	m.mu.Lock()
	c := m.conns[f.ID]
	m.mu.Unlock()
	if c == nil {
		return fmt.Errorf("%s: %w", f, ErrFlowGone)
	}
	return c.writable(ctx)
}

// crowdedLocked says whether the queue is more than half full: then whoever can wait should.
func (c *conn) crowdedLocked() bool {
	return len(c.queue) > c.m.cfg.WriteQueue/2 || c.queued > maxQueueBytes/2
}

// crowd returns what is closed when there is room again, or nil if there is room.
func (c *conn) crowd() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.crowdedLocked() {
		return nil
	}
	if c.room == nil {
		c.room = make(chan struct{})
	}
	return c.room
}

// roomyLocked wakes those who wait for room, if there is some.
func (c *conn) roomyLocked() {
	if c.room != nil && !c.crowdedLocked() {
		close(c.room)
		c.room = nil
	}
}

// writable waits until there is room, or the connection has ended.
func (c *conn) writable(ctx context.Context) error {
	for {
		room := c.crowd()
		if room == nil {
			return nil
		}
		select {
		case <-room:
		case <-c.done:
			return fmt.Errorf("%s: %w", c.flow, ErrFlowGone)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// slow makes a peer that sends more than it reads wait: by the time its next message is read there is room for an answer.
func (c *conn) slow() {
	if c.crowd() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.m.ctx, readerWaits)
	defer cancel()
	_ = c.writable(ctx) // if there is no room, answers are dropped and counted
}
