package trace

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Homer is where HEPv3 packets go. The zero value sends none.
type Homer struct {
	// Addr is host:port of the capture server, over UDP; the host is looked up when the first packet is sent.
	Addr string
	// ID is the capture agent's number, by which Homer tells bridges apart.
	ID uint32
	// Password is the authentication key; empty sends none. At most 255 octets.
	Password string
}

const (
	maxPassword = 255
	redialAfter = 5 * time.Second // of an address that could not be found
	closeTime   = time.Second
)

// exporter sends to a Homer from a goroutine of its own, behind a queue that drops what does not fit.
type exporter struct {
	cfg    Homer
	log    *slog.Logger
	queue  *sendQueue
	cancel context.CancelFunc
	wg     sync.WaitGroup

	// Of the goroutine.
	conn    net.Conn
	retryAt time.Time
	faulty  bool // the last packet failed: it is logged once

	sent, failed atomic.Uint64
}

func newExporter(cfg Homer, log *slog.Logger) (*exporter, error) {
	if _, _, err := net.SplitHostPort(cfg.Addr); err != nil {
		return nil, fmt.Errorf("%w: Homer: %q is not an address with a port", ErrConfig, cfg.Addr)
	}
	if len(cfg.Password) > maxPassword {
		return nil, fmt.Errorf("%w: Homer: the password is longer than %d octets", ErrConfig, maxPassword)
	}
	return &exporter{cfg: cfg, log: log, queue: newSendQueue(), cancel: func() {}}, nil
}

func (e *exporter) start(ctx context.Context) {
	ctx, e.cancel = context.WithCancel(ctx)
	e.wg.Go(func() { e.run(ctx) })
}

// close lets the goroutine send what is queued; a look-up that still goes on then is given up.
func (e *exporter) close() {
	e.queue.close()
	giveUp := time.AfterFunc(closeTime, e.cancel)
	e.wg.Wait()
	giveUp.Stop()
	e.cancel()
}

func (e *exporter) run(ctx context.Context) {
	defer func() {
		if e.conn != nil {
			_ = e.conn.Close()
		}
	}()
	var packet []byte
	for {
		q, ok := e.queue.take()
		if !ok {
			return
		}
		packet = appendHEP(packet[:0], e.cfg.ID, e.cfg.Password, q.rec, q.callID)
		if err := e.send(ctx, packet); err != nil {
			e.failed.Add(1)
			if !e.faulty {
				e.log.Warn("messages do not reach the Homer", "remote", e.cfg.Addr, "err", err)
			}
			e.faulty = true
			continue
		}
		e.sent.Add(1)
		e.faulty = false
	}
}

// send sends one packet. That nobody listens there is told by the next one, if at all: it is UDP.
func (e *exporter) send(ctx context.Context, packet []byte) error {
	if e.conn == nil {
		if time.Now().Before(e.retryAt) {
			return errNotYet
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, "udp", e.cfg.Addr)
		if err != nil {
			e.retryAt = time.Now().Add(redialAfter)
			return err
		}
		e.conn = conn
	}
	_, err := e.conn.Write(packet)
	return err
}

var errNotYet = fmt.Errorf("the address was not found less than %v ago", redialAfter)

// queued is a record with the Call-ID that its text has, uncut.
type queued struct {
	rec    *record
	callID []byte
}

// sendQueue is bounded in packets and octets; what does not fit is dropped and counted.
type sendQueue struct {
	mu      sync.Mutex
	more    *sync.Cond
	items   []queued
	bytes   int
	closed  bool
	dropped atomic.Uint64
}

func newSendQueue() *sendQueue {
	q := &sendQueue{}
	q.more = sync.NewCond(&q.mu)
	return q
}

func (q *sendQueue) put(rec *record, callID []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.items) >= queueLen || q.bytes+len(rec.text) > queueBytes {
		q.dropped.Add(1)
		return
	}
	q.items = append(q.items, queued{rec, callID})
	q.bytes += len(rec.text)
	q.more.Signal()
}

// take waits for the first of the queue; false when it is closed and empty.
func (q *sendQueue) take() (queued, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 {
		if q.closed {
			return queued{}, false
		}
		q.more.Wait()
	}
	first := q.items[0]
	q.items[0] = queued{}
	q.items = q.items[1:]
	q.bytes -= len(first.rec.text)
	return first, true
}

func (q *sendQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.more.Broadcast()
}
