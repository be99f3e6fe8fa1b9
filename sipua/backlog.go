package sipua

import (
	"sync/atomic"

	"github.com/confbridge/confbridge/sipua/message"
)

// Bounds on what waits for calls behind their inboxes: a peer may send thousands of requests in a dialog without waiting for
// answers (over TCP they are all there at once), and each is to be answered in its turn. Octets are roughly those of memory.
const (
	backlogPerCall = 16 << 20
	backlogInAll   = 64 << 20
)

// backlog is what has come for a call whose inbox is full, in order. The endpoint's lock guards it, but waiting.
type backlog struct {
	waiting atomic.Bool // there is something
	events  []waiting
	octets  int
}

type waiting struct {
	event
	size int
}

// enqueue puts an event behind all others of its call and says whether there was room. The lock is held.
func (ep *endpoint) enqueue(c *call, ev event) bool {
	b := &c.backlog
	if len(b.events) == 0 {
		select {
		case c.inbox <- ev:
			return true
		default:
		}
	}
	size := ev.size()
	if b.octets+size > backlogPerCall || ep.backlogged+size > backlogInAll {
		return false
	}
	b.events = append(b.events, waiting{ev, size})
	b.octets += size
	ep.backlogged += size
	b.waiting.Store(true)
	return true
}

// refill moves what waits into a call's inbox, as far as there is room. The call's goroutine calls it before it waits.
func (ep *endpoint) refill(c *call) {
	b := &c.backlog
	if !b.waiting.Load() {
		return
	}
	ep.mu.Lock()
	defer ep.mu.Unlock()
	n := 0
	for n < len(b.events) && len(c.inbox) < cap(c.inbox) { // nobody else sends without the lock
		ev := b.events[n]
		c.inbox <- ev.event
		b.octets -= ev.size
		ep.backlogged -= ev.size
		b.events[n] = waiting{}
		n++
	}
	if b.events = b.events[n:]; len(b.events) == 0 {
		b.events = nil
		b.waiting.Store(false)
	}
}

// size is about what an event takes in memory.
func (ev event) size() int {
	m := ev.ack
	if ev.tx != nil {
		m = ev.tx.Request()
	}
	return weigh(m)
}

// weigh is about what a message takes in memory: what it has of fields, its body, and 2 kB for the rest.
func weigh(m *message.Message) int {
	n := 2048 + len(m.Body)
	for _, h := range m.Headers {
		n += 32 + len(h.Name) + len(h.Value)
	}
	return n
}
