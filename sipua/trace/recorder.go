package trace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/sipua/transport"
)

// Bounds that are not settings.
const (
	// MaxText is how many octets of a message are kept; the rest is cut off.
	MaxText = 16 << 10
	// MaxWatches is how many may watch at once.
	MaxWatches = 16

	maxCallID  = 256     // octets by which calls are told apart
	maxParty   = 256     // octets of From and of To
	queueLen   = 1024    // messages that wait for one watcher, and for the Homer
	queueBytes = 2 << 20 // octets of them
)

// Errors of this package.
var (
	ErrConfig         = errors.New("invalid trace configuration")
	ErrTooManyWatches = errors.New("too many watch the messages")
	ErrClosed         = errors.New("the trace is closed")
)

// Config is how much is kept, and where copies go. The zero value works: the defaults in brackets, and no Homer.
type Config struct {
	// Calls is how many calls are kept, and a quarter as many exchanges without a call: OPTIONS, REGISTER, what scanners send (1000).
	Calls int
	// Messages is how many of one call (100): its first ones, and of the others the newest.
	Messages int
	// Bytes is how much memory all that takes (8 MiB).
	Bytes int
	// Homer is where copies of all messages go.
	Homer Homer
	// Log takes when the Homer cannot be reached; nil discards it.
	Log *slog.Logger
}

// Recorder keeps the messages of recent calls. Its methods are safe for concurrent use. It is a prometheus.Collector of
// confbridge_trace_messages_total{result} and confbridge_hep_packets_total{result}.
type Recorder struct {
	cfg   Config
	homer *exporter // nil where none is configured
	count counters

	mu      sync.Mutex
	calls   pool // with an INVITE
	others  pool // without
	broken  pool // what has no Call-ID, by source
	byID    map[string]*call
	bySrc   map[netip.Addr]*call
	watches []*Watch
	serial  uint64 // of the newest record
	closed  bool
}

type counters struct{ kept, cut, unreadable, missed atomic.Uint64 }

// New checks cfg (ErrConfig) and returns a recorder that takes messages at once.
func New(cfg Config) (*Recorder, error) {
	if cfg.Calls < 0 || cfg.Messages < 0 || cfg.Bytes < 0 {
		return nil, fmt.Errorf("%w: less than nothing cannot be kept", ErrConfig)
	}
	cfg.Calls = cmp.Or(cfg.Calls, 1000)
	cfg.Messages = max(cmp.Or(cfg.Messages, 100), 2)
	cfg.Bytes = cmp.Or(cfg.Bytes, 8<<20)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{cfg: cfg, byID: make(map[string]*call), bySrc: make(map[netip.Addr]*call)}
	r.calls = pool{maxCalls: cfg.Calls, maxMessages: cfg.Messages, maxBytes: cfg.Bytes / 4 * 3}
	r.others = pool{maxCalls: max(cfg.Calls/4, 1), maxMessages: min(cfg.Messages, 20), maxBytes: cfg.Bytes / 8}
	r.broken = pool{maxCalls: 64, maxMessages: min(cfg.Messages, 8), maxBytes: cfg.Bytes / 8}
	if cfg.Homer.Addr != "" {
		var err error
		if r.homer, err = newExporter(cfg.Homer, cfg.Log); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Start begins to send to the Homer, if there is one; ctx's values are used, not its end. It is called once at most.
func (r *Recorder) Start(ctx context.Context) {
	if r.homer != nil {
		r.homer.start(context.WithoutCancel(ctx))
	}
}

// Close ends all watches with ErrClosed, sends the Homer what is still queued and returns when its goroutine has ended. Messages
// that come later are not kept.
func (r *Recorder) Close() {
	r.mu.Lock()
	watches := r.watches
	r.watches, r.closed = nil, true
	r.mu.Unlock()
	for _, w := range watches {
		w.wake()
	}
	if r.homer != nil {
		r.homer.close()
	}
}

// record is a message as it is kept. It does not change, and is shared by its call, the watches and the Homer's queue.
type record struct {
	at            time.Time
	sent          bool
	transport     string
	local, remote netip.AddrPort
	text          []byte // masked; at most MaxText
	size          int    // on the wire
	seq           uint64 // order of arrival
}

// cost is what a record takes of Config.Bytes: its text and about what is around it.
func (m *record) cost() int { return cap(m.text) + 160 }

// Message implements [transport.Tap]. It copies at most MaxText octets of data and blocks nobody.
func (r *Recorder) Message(at time.Time, sent bool, f transport.Flow, data []byte) {
	rec := &record{at: at, sent: sent, transport: f.Transport, local: f.Local, remote: f.Remote, size: len(data)}
	rec.text = append([]byte(nil), data[:min(len(data), MaxText)]...)
	h := mask(rec.text)
	r.count.kept.Add(1)
	if len(rec.text) < len(data) {
		r.count.cut.Add(1)
	}
	known := h.known()
	if !known {
		r.count.unreadable.Add(1)
	}
	if r.keep(rec, &h, known) && r.homer != nil {
		r.homer.queue.put(rec, h.callID)
	}
}

// keep puts a record where it belongs, and before those who watch. It says false when the recorder is closed.
func (r *Recorder) keep(rec *record, h *head, known bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.serial++
	rec.seq = r.serial
	c := r.find(rec, h, known)
	c.add(rec)
	c.pool.used(c)
	for c.pool.full() && c.pool.oldest != c {
		r.forget(c.pool.oldest)
	}
	for _, w := range r.watches {
		w.offer(rec, c)
	}
	return true
}

// find returns the call of a message, a new one if need be.
func (r *Recorder) find(rec *record, h *head, known bool) *call {
	if !known {
		source := rec.remote.Addr()
		c := r.bySrc[source]
		if c == nil {
			c = &call{source: source}
			r.bySrc[source] = c
			r.broken.push(c)
		}
		return c
	}
	id := h.callID[:min(len(h.callID), maxCallID)]
	c := r.byID[string(id)]
	if c == nil {
		c = &call{id: string(id)}
		c.from = string(h.from[:min(len(h.from), maxParty)])
		c.to = string(h.to[:min(len(h.to), maxParty)])
		r.byID[c.id] = c
		r.others.push(c)
	}
	if c.pool == &r.others && h.invite() {
		r.others.remove(c)
		r.calls.push(c)
	}
	return c
}

// forget lets go of a call.
func (r *Recorder) forget(c *call) {
	c.pool.remove(c)
	if c.source.IsValid() {
		delete(r.bySrc, c.source)
	} else {
		delete(r.byID, c.id)
	}
}
