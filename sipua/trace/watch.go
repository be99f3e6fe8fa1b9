package trace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// Filter says which messages are wanted: those that all fields agree to that are not empty. The zero value wants all.
type Filter struct {
	// CallID is the call's Call-ID, as it is on the wire.
	CallID string
	// From and To are the calling and the called party of a call's first message: a user or number ("ann", "1000") or an address
	// ("ann@example.com", with or without "sip:").
	From, To string
	// Unreadable wants only what belongs to no call: what has no Call-ID, or is no SIP at all.
	Unreadable bool
}

func (f Filter) matches(c *call) bool {
	if f.Unreadable != c.source.IsValid() && (f.Unreadable || f.CallID+f.From+f.To != "") {
		return false
	}
	if f.CallID != "" && f.CallID[:min(len(f.CallID), maxCallID)] != c.id {
		return false
	}
	if f.From == "" && f.To == "" {
		return true
	}
	from, to := c.names()
	return (f.From == "" || from.is(f.From)) && (f.To == "" || to.is(f.To))
}

// Message is one message that was kept. Secrets in it are asterisks, so that it is as long as it was.
type Message struct {
	Time          time.Time
	Sent          bool   // by us
	Transport     string // UDP, TCP, TLS, ...
	Local, Remote netip.AddrPort
	Text          string // at most MaxText octets, of any kind
	Size          int    // octets it had on the wire
	CallID        string // empty where it has none; cut off after 256 octets
	Fault         string // why it does not parse; empty where it does, and where its end is not kept
}

func (m *record) message(callID string) Message {
	out := Message{
		Time: m.at, Sent: m.sent, Transport: m.transport, Local: m.local, Remote: m.remote,
		Text: string(m.text), Size: m.size, CallID: callID,
	}
	if m.size > len(m.text) {
		return out
	}
	_, err := message.Parse(m.text)
	if pe, ok := errors.AsType[*message.ParseError](err); ok {
		out.Fault = pe.Reason
	} else if err != nil {
		out.Fault = err.Error()
	}
	return out
}

// Call is what is known of one call, or other exchange with a Call-ID of its own.
type Call struct {
	CallID      string
	From, To    string    // the values of the first message's fields
	First, Last time.Time // when its messages came
	Messages    int       // that are kept
	Missing     int       // that had to go, behind the first ones
	Invite      bool      // it is a call, or was to become one
}

// Calls lists the calls that f wants, the one last heard of first; at most limit.
func (r *Recorder) Calls(f Filter, limit int) []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Call
	for _, p := range []*pool{&r.calls, &r.others} {
		for c := p.newest; c != nil; c = c.older {
			if f.matches(c) {
				out = append(out, Call{
					CallID: c.id, From: c.from, To: c.to, Messages: len(c.records), Missing: c.dropped, Invite: p == &r.calls,
					First: c.records[0].at, Last: c.records[len(c.records)-1].at,
				})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Call) int { return b.Last.Compare(a.Last) })
	return out[:min(len(out), limit)]
}

// Snapshot returns the messages kept that f wants, in the order in which they came.
func (r *Recorder) Snapshot(f Filter) []Message {
	r.mu.Lock()
	all := r.collect(f)
	r.mu.Unlock()
	sortItems(all)
	out := make([]Message, len(all))
	for i, it := range all {
		out[i] = it.rec.message(it.id)
	}
	return out
}

// item is a record with the Call-ID that it is kept under.
type item struct {
	rec *record
	id  string
}

func (r *Recorder) collect(f Filter) []item {
	var all []item
	for _, p := range []*pool{&r.calls, &r.others, &r.broken} {
		for c := p.oldest; c != nil; c = c.newer {
			if f.matches(c) {
				for _, rec := range c.records {
					all = append(all, item{rec, c.id})
				}
			}
		}
	}
	return all
}

func sortItems(all []item) {
	slices.SortFunc(all, func(a, b item) int { return int(int64(a.rec.seq - b.rec.seq)) })
}

// Watch is one who follows. Next is called by one goroutine at a time.
type Watch struct {
	r       *Recorder
	filter  Filter
	history []item
	follow  bool
	notify  chan struct{} // holds one token when there may be something new

	// Guarded by r.mu.
	queue  []item
	bytes  int
	missed uint64
	ended  bool
}

// MissedError says that a watcher was too slow: so many messages were dropped before the one that comes next.
type MissedError struct{ Count uint64 }

func (e *MissedError) Error() string { return fmt.Sprintf("%d messages were missed", e.Count) }

// Watch tells the messages kept that f wants, in order, and where follow is set goes on with those that come, without a gap.
// Close must be called. Errors: ErrTooManyWatches, ErrClosed.
func (r *Recorder) Watch(f Filter, follow bool) (*Watch, error) {
	w := &Watch{r: r, filter: f, follow: follow, notify: make(chan struct{}, 1)}
	r.mu.Lock()
	defer func() { sortItems(w.history) }()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if len(r.watches) >= MaxWatches {
		return nil, ErrTooManyWatches
	}
	r.watches = append(r.watches, w)
	w.history = r.collect(f)
	return w, nil
}

// Close ends the watch; Next returns ErrClosed from then on.
func (w *Watch) Close() {
	w.r.mu.Lock()
	w.r.watches = slices.DeleteFunc(w.r.watches, func(other *Watch) bool { return other == w })
	w.ended, w.queue, w.bytes = true, nil, 0
	w.r.mu.Unlock()
	w.wake()
}

func (w *Watch) wake() {
	select {
	case w.notify <- struct{}{}:
	default:
	}
}

// offer takes a record if it is wanted. A queue that is full stays as it is until it has been read: what is missed is in one piece.
func (w *Watch) offer(rec *record, c *call) {
	if !w.follow || !w.filter.matches(c) {
		return
	}
	if w.missed > 0 || len(w.queue) >= queueLen || w.bytes+len(rec.text) > queueBytes {
		w.missed++
		w.r.count.missed.Add(1)
	} else {
		w.queue = append(w.queue, item{rec, c.id})
		w.bytes += len(rec.text)
	}
	w.wake()
}

// Next returns the next message, and waits for it if need be. Errors: *MissedError, after which it goes on; io.EOF at the end of what
// was kept, without follow; ErrClosed; ctx's.
func (w *Watch) Next(ctx context.Context) (Message, error) {
	if len(w.history) > 0 {
		it := w.history[0]
		w.history = w.history[1:]
		return it.rec.message(it.id), nil
	}
	if !w.follow {
		return Message{}, io.EOF
	}
	for {
		it, err := w.take()
		if err != nil {
			return Message{}, err
		}
		if it.rec != nil {
			return it.rec.message(it.id), nil
		}
		select {
		case <-w.notify:
		case <-ctx.Done():
			return Message{}, context.Cause(ctx)
		}
	}
}

// take takes the first of the queue; nothing where it is empty.
func (w *Watch) take() (item, error) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	if len(w.queue) > 0 {
		it := w.queue[0]
		w.queue[0] = item{}
		w.queue = w.queue[1:]
		w.bytes -= len(it.rec.text)
		return it, nil
	}
	switch {
	case w.missed > 0:
		n := w.missed
		w.missed = 0
		return item{}, &MissedError{Count: n}
	case w.ended || w.r.closed:
		return item{}, ErrClosed
	}
	return item{}, nil
}
