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

// closeTimeout is how long Close waits for a peer to take what is queued for it.
const closeTimeout = time.Second

// conn is one connection. Two goroutines: run dials (where the connection is ours), reads and hands up; write writes.
type conn struct {
	m       *Manager
	kind    stream
	flow    Flow
	inbound bool
	target  Target         // what we have dialled, with its name
	bind    netip.AddrPort // the local end to dial from; invalid: any
	nc      net.Conn       // of an outbound connection set by run, before write starts

	queue    chan []byte
	draining chan struct{} // closed: write what is queued, then end
	done     chan struct{} // closed: end now

	endOnce, drainOnce sync.Once
	drainErr           error // set before draining is closed
	err                error // why it ended; set before done is closed

	active  atomic.Int64 // UnixNano of the last octet read or written
	begun   time.Time    // when the message now being read began; reader only
	reading bool         // begun counts; reader only
}

func newConn(m *Manager, kind stream, f Flow) *conn {
	return &conn{
		m: m, kind: kind, flow: f,
		queue: make(chan []byte, m.cfg.WriteQueue), draining: make(chan struct{}), done: make(chan struct{}),
	}
}

// run is the connection's goroutine, from dialling to the last word to the handler.
func (c *conn) run() {
	if err := c.open(); err != nil {
		c.end(err)
	} else {
		c.active.Store(time.Now().UnixNano())
		stop := context.AfterFunc(c.m.ctx, c.hurry)
		defer stop()
		var writer sync.WaitGroup
		writer.Go(c.write)
		c.read()
		_ = c.nc.Close() // also ends a write that the peer does not take
		writer.Wait()
	}
	c.m.forget(c)
	c.m.handler.Closed(c.flow, c.err)
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
		_ = c.nc.Close()
		return fmt.Errorf("%s: %w", c.flow, err)
	}
	c.nc = nc
	return nil
}

// end makes both goroutines stop. The first reason counts.
func (c *conn) end(err error) {
	c.endOnce.Do(func() {
		c.err = err
		close(c.done)
	})
}

// drain makes the connection end when all that is queued has been written.
func (c *conn) drain(err error) {
	c.drainOnce.Do(func() {
		c.drainErr = err
		close(c.draining)
	})
}

// send queues data; it never waits.
func (c *conn) send(data []byte) error {
	select {
	case <-c.done:
		return fmt.Errorf("%s: %w", c.flow, ErrFlowGone)
	case <-c.draining:
		return fmt.Errorf("%s: %w", c.flow, ErrFlowGone)
	default:
	}
	select {
	case c.queue <- data:
		return nil
	default:
		c.m.count.queueFull.Add(1)
		return fmt.Errorf("%s: %w", c.flow, ErrQueueFull)
	}
}

// write is the connection's second goroutine.
func (c *conn) write() {
	defer func() { _ = c.nc.SetReadDeadline(time.Unix(1, 0)) }() // wakes the reader
	for {
		select {
		case <-c.done:
			return
		case data := <-c.queue:
			if !c.writeOne(data) {
				return
			}
		case <-c.draining:
			for {
				select {
				case data := <-c.queue:
					if !c.writeOne(data) {
						return
					}
				default:
					c.end(c.drainErr)
					return
				}
			}
		}
	}
}

func (c *conn) writeOne(data []byte) bool {
	_ = c.nc.SetWriteDeadline(time.Now().Add(c.m.cfg.WriteTimeout))
	if c.m.ctx.Err() != nil {
		c.hurry()
	}
	if _, err := c.nc.Write(data); err != nil {
		c.m.count.sendErrors.Add(1)
		c.end(fmt.Errorf("%s: %w", c.flow, err))
		return false
	}
	c.active.Store(time.Now().UnixNano())
	c.m.count.sentStream.Add(1)
	c.m.tap(true, c.flow, data)
	return true
}

// hurry ends a write that the peer does not take soon: the manager is closing.
func (c *conn) hurry() {
	_ = c.nc.SetWriteDeadline(time.Now().Add(min(closeTimeout, c.m.cfg.WriteTimeout)))
}

// read hands up messages until the connection ends; when it returns, done is closed.
func (c *conn) read() {
	in := c.kind.frames(c.nc, c)
	for {
		data, err := in.next()
		c.reading = false
		var fault *frameError
		switch {
		case errors.As(err, &fault):
			c.broken(fault)
			return
		case errors.Is(err, errPeerClosed): // it may still read
			c.drain(err)
			<-c.done
			return
		case err != nil:
			c.end(err)
			return
		case data == nil:
			c.m.count.keepalives.Add(1)
			_ = c.send([]byte("\r\n")) // pong; to a peer that does not read it may be lost
		default:
			c.m.receive(data, c.flow)
		}
	}
}

// broken answers what cannot be framed, if it can be, and ends the connection: where the next message begins is unknown.
func (c *conn) broken(fault *frameError) {
	msg, err := message.Parse(fault.head)
	var pe *message.ParseError
	if errors.As(err, &pe) {
		msg = pe.Message
	}
	c.m.refuse(msg, fault.status, fault.reason, c.flow)
	c.drain(fault)
	<-c.done
}

// readOctets reads once, under the deadline that holds now: a message that has begun must end within MessageTimeout, and
// between messages something must be read or written within IdleTimeout. It makes conn the framer's octets.
func (c *conn) readOctets(p []byte, inMessage bool) (int, error) {
	for {
		now := time.Now()
		if inMessage && !c.reading {
			c.reading, c.begun = true, now
		}
		deadline := time.Unix(0, c.active.Load()).Add(c.m.cfg.IdleTimeout)
		if c.reading {
			deadline = c.begun.Add(c.m.cfg.MessageTimeout)
		}
		_ = c.nc.SetReadDeadline(deadline)
		select {
		case <-c.done: // closed between the writer's wake-up and the deadline above
			return 0, c.err
		default:
		}
		n, err := c.nc.Read(p)
		switch {
		case n > 0:
			c.active.Store(time.Now().UnixNano())
			return n, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			select {
			case <-c.done:
				return 0, c.err
			default:
			}
			if !c.reading && time.Unix(0, c.active.Load()).Add(c.m.cfg.IdleTimeout).After(time.Now()) {
				continue // something was written meanwhile
			}
			c.m.count.timeouts.Add(1)
			return 0, fmt.Errorf("%s: %w", c.flow, err)
		case errors.Is(err, io.EOF):
			return 0, errPeerClosed
		case err != nil:
			return 0, fmt.Errorf("%s: %w", c.flow, err)
		}
	}
}
