package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

const (
	// closeTimeout is how long Close waits for a peer to take what is queued for it.
	closeTimeout = time.Second
	// maxQueueBytes is how much may wait to be written to one connection, beside Config.WriteQueue: a peer that does not
	// read costs no more. One message always fits.
	maxQueueBytes = 256 << 10
	// pingEvery is how long a stream that has pings is silent before one is sent.
	pingEvery = 30 * time.Second
)

// ping is what is queued to be sent as a ping.
var ping = []byte{}

// conn is one connection. Its goroutine, run, dials (where the connection is ours), reads and hands up. A second one
// writes, as long as there is something to write: an idle connection has only one stack.
type conn struct {
	m       *Manager
	kind    stream
	flow    Flow
	inbound bool
	target  Target         // what we have dialled, with its name
	bind    netip.AddrPort // the local end to dial from; invalid: any
	nc      net.Conn       // of an outbound connection set by run, before ready
	keys    []Target       // what it can be reused for; Manager.mu guards it

	mu       sync.Mutex
	queue    [][]byte
	queued   int           // octets in queue
	room     chan struct{} // closed when the queue has room again; nil: nobody waits
	names    []string      // who the peer has proved to be
	ready    bool          // opened: there may be a writer
	writing  bool          // there is one
	draining bool          // write what is queued, then end
	drainErr error
	err      error         // why it ended; set before done is closed
	done     chan struct{} // closed: end now
	writer   sync.WaitGroup

	active  atomic.Int64 // UnixNano of the last octet read or written
	begun   time.Time    // when the message now being read began; reader only
	reading bool         // begun counts; reader only
}

func newConn(m *Manager, kind stream, f Flow) *conn {
	return &conn{m: m, kind: kind, flow: f, done: make(chan struct{})}
}

// run is the connection's goroutine, from dialling to the last word to the handler.
func (c *conn) run() {
	if err := c.open(); err != nil {
		if c.nc != nil {
			_ = c.nc.Close()
		}
		c.end(err)
	} else {
		c.converse()
	}
	c.m.forget(c)
	c.m.handler.Closed(c.flow, c.err)
}

// converse reads and writes until the connection ends.
func (c *conn) converse() {
	c.active.Store(time.Now().UnixNano())
	stop := context.AfterFunc(c.m.ctx, c.hurry)
	defer stop()
	c.mu.Lock()
	c.ready = true
	if len(c.queue) > 0 || c.draining {
		c.writeLocked()
	}
	c.mu.Unlock()
	if c.read() {
		c.writer.Wait()
		c.linger()
	}
	_ = c.nc.Close() // also ends a write that the peer does not take
	c.writer.Wait()
}

// open dials, where the connection is ours, and greets.
func (c *conn) open() error {
	ctx, cancel := context.WithTimeout(c.m.ctx, c.m.cfg.DialTimeout)
	defer cancel()
	if c.nc == nil {
		nc, err := c.kind.dial(ctx, c.bind, c.flow.Remote)
		if err != nil {
			return fmt.Errorf("%s: %w", c.flow, err)
		}
		c.nc = nc
	}
	if c.kind.greet == nil {
		return nil
	}
	nc, err := c.kind.greet(ctx, c.nc, c.target, c.inbound)
	if err != nil {
		if errors.Is(err, errOrigin) {
			c.m.count.originRefused.Add(1)
		} else {
			c.m.count.handshakeFailed.Add(1)
		}
		c.m.cfg.Log.Debug("SIP connection not made", "remote", c.flow.Remote, "transport", c.flow.Transport, "err", err)
		return fmt.Errorf("%s: %w", c.flow, err)
	}
	c.nc = nc
	if id, ok := nc.(identified); ok {
		c.mu.Lock()
		c.names = id.peerNames()
		c.mu.Unlock()
	}
	return nil
}

// end makes both goroutines stop. The first reason counts.
func (c *conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(err)
}

func (c *conn) endLocked(err error) {
	if c.ended() {
		return
	}
	c.err, c.queue, c.queued = err, nil, 0
	close(c.done)
	if c.ready {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
	}
}

func (c *conn) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// drain makes the connection end when all that is queued has been written.
func (c *conn) drain(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining {
		return
	}
	c.draining, c.drainErr = true, err
	if c.ready && !c.writing {
		c.writeLocked()
	}
}

// send queues data; it never waits.
func (c *conn) send(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining || c.ended() {
		return fmt.Errorf("%s: %w", c.flow, ErrFlowGone)
	}
	if n := len(c.queue); n >= c.m.cfg.WriteQueue || n > 0 && c.queued+len(data) > maxQueueBytes {
		c.m.count.queueFull.Add(1)
		return fmt.Errorf("%s: %w", c.flow, ErrQueueFull)
	}
	c.queue = append(c.queue, data)
	c.queued += len(data)
	if c.ready && !c.writing {
		c.writeLocked()
	}
	return nil
}

// writeLocked starts the writer. c.mu is held, and the connection has not ended or is just ending.
func (c *conn) writeLocked() {
	if !c.ended() {
		c.writing = true
		c.writer.Go(c.write)
	}
}

// write is the connection's second goroutine, until the queue is empty.
func (c *conn) write() {
	for {
		data := c.pop()
		if data == nil {
			return
		}
		if err := c.writeOne(data); err != nil {
			c.m.count.sendErrors.Add(1)
			c.end(fmt.Errorf("%s: %w", c.flow, err))
			return
		}
	}
}

// pop takes the next message to write; with nil the writer is at its end.
func (c *conn) pop() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 || c.ended() {
		c.queue, c.queued, c.writing = nil, 0, false
		if c.draining {
			c.endLocked(c.drainErr)
		}
		return nil
	}
	data := c.queue[0]
	c.queue[0] = nil
	c.queue = c.queue[1:]
	c.queued -= len(data)
	c.roomyLocked()
	return data
}

func (c *conn) writeOne(data []byte) error {
	_ = c.nc.SetWriteDeadline(time.Now().Add(c.m.cfg.WriteTimeout))
	if c.m.ctx.Err() != nil {
		c.hurry()
	}
	if len(data) > 0 {
		c.m.tap(true, c.flow, data)
	}
	if _, err := c.nc.Write(data); err != nil {
		return err
	}
	if len(data) == 0 { // a ping; its answer is what shows life
		return nil
	}
	c.active.Store(time.Now().UnixNano())
	c.m.count.sentStream.Add(1)
	return nil
}

// hurry ends a write that the peer does not take soon: the manager is closing.
func (c *conn) hurry() {
	_ = c.nc.SetWriteDeadline(time.Now().Add(min(closeTimeout, c.m.cfg.WriteTimeout)))
}

// read hands up messages until the connection ends; when it returns, done is closed. It says whether the peer may be
// writing still and should get our last words nevertheless.
func (c *conn) read() (linger bool) {
	in := c.kind.frames(c.nc, c)
	for {
		data, err := in.next()
		c.reading = false
		var fault *frameError
		switch {
		case errors.As(err, &fault):
			c.broken(fault)
			return true
		case errors.Is(err, errPeerClosed): // it may still read
			c.m.retire(c)
			c.drain(err)
			<-c.done
			return false
		case err != nil:
			c.end(err)
			return false
		case data == nil:
			c.m.count.keepalives.Add(1)
			_ = c.send([]byte("\r\n")) // pong; to a peer that does not read it may be lost
		default:
			c.slow()
			c.m.receive(data, c.flow)
		}
	}
}

// broken answers what cannot be framed, if it can be, and ends the connection: where the next message begins is unknown.
func (c *conn) broken(fault *frameError) {
	c.m.retire(c)
	switch fault.status {
	case 413, 513:
		c.m.count.tooLarge.Add(1)
	case 0:
		c.m.count.floods.Add(1)
	default:
		c.m.count.malformed.Add(1)
	}
	msg, err := message.Parse(fault.head)
	var pe *message.ParseError
	if errors.As(err, &pe) {
		msg = pe.Message
	}
	c.m.answer(msg, fault.status, fault.reason, c.flow)
	c.drain(fault)
	<-c.done
}

// readOctets reads once, under the deadline that holds now: a message that has begun must end within MessageTimeout, and
// between messages something must be read or written within IdleTimeout. It makes conn the framer's octets.
func (c *conn) readOctets(p []byte, inMessage bool) (int, error) {
	for {
		now := time.Now()
		if inMessage && !c.reading {
			c.begun = now
		}
		c.reading = inMessage
		idle := time.Unix(0, c.active.Load()).Add(c.m.cfg.IdleTimeout)
		deadline := idle
		if c.reading {
			deadline = c.begun.Add(c.m.cfg.MessageTimeout)
		} else if next := now.Add(pingEvery); c.kind.pings && next.Before(idle) {
			deadline = next
		}
		_ = c.nc.SetReadDeadline(deadline)
		if c.ended() { // closed between the writer's wake-up and the deadline above
			return 0, c.err
		}
		n, err := c.nc.Read(p)
		switch {
		case n > 0:
			c.active.Store(time.Now().UnixNano())
			return n, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			if c.ended() {
				return 0, c.err
			}
			if !c.reading && time.Unix(0, c.active.Load()).Add(c.m.cfg.IdleTimeout).After(time.Now()) {
				if c.kind.pings {
					_ = c.send(ping)
				}
				continue // something was written meanwhile, or it is time for a ping
			}
			if c.reading {
				c.m.count.messageTimeouts.Add(1)
			} else {
				c.m.count.idleTimeouts.Add(1)
			}
			return 0, fmt.Errorf("%s: %w", c.flow, err)
		case errors.Is(err, io.EOF):
			return 0, errPeerClosed
		case err != nil:
			return 0, fmt.Errorf("%s: %w", c.flow, err)
		}
	}
}

// What linger takes at most.
const (
	lingerTime   = 2 * time.Second
	lingerOctets = 256 << 10
)

// linger closes our half and passes over what the peer still writes. Closing at once would make the kernel send a reset,
// and that takes our last words, a 400 or 513, away from a peer that has not read them yet.
func (c *conn) linger() {
	type closeWriter interface{ CloseWrite() error }
	type wrapper interface{ NetConn() net.Conn }
	nc := c.nc
	for {
		if w, ok := nc.(closeWriter); ok {
			_ = nc.SetWriteDeadline(time.Now().Add(closeTimeout))
			_ = w.CloseWrite() // of TLS: its close_notify
		}
		w, ok := nc.(wrapper)
		if !ok {
			break
		}
		nc = w.NetConn()
	}
	_ = nc.SetReadDeadline(time.Now().Add(lingerTime))
	stop := context.AfterFunc(c.m.ctx, func() { _ = nc.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.LimitReader(nc, lingerOctets)}, make([]byte, 4096))
}
