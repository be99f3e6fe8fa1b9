package sctp

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	pion "github.com/pion/sctp"
)

// Conn is one association as a net.Conn: a Read takes one message, a Write sends one. One goroutine may read and one write, and any
// may close.
type Conn struct {
	a        *assoc
	pending  []byte // a message that was longer than Read's slice
	deadline deadline
}

// Read takes the next message, whichever stream it came on. One that is longer than b stays and the error is io.ErrShortBuffer. At the end
// the error is io.EOF after a shutdown of the peer, net.ErrClosed after Close, or wraps what ended it: ErrAborted, ErrPeerGone,
// ErrRestarted, ErrProtocol, ErrTooLong. Past the deadline it is os.ErrDeadlineExceeded.
func (c *Conn) Read(b []byte) (int, error) {
	if c.pending == nil {
		m, err := c.next()
		if err != nil {
			return 0, err
		}
		c.pending = m
	}
	if len(c.pending) > len(b) {
		return 0, io.ErrShortBuffer
	}
	n := copy(b, c.pending)
	c.pending = nil
	return n, nil
}

func (c *Conn) next() ([]byte, error) {
	select {
	case <-c.a.closing:
		return nil, net.ErrClosed
	default:
	}
	late := c.deadline.passed()
	select {
	case <-late:
		return nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case m := <-c.a.msgs:
		return m, nil
	case <-late:
		return nil, os.ErrDeadlineExceeded
	case <-c.a.closing:
		return nil, net.ErrClosed
	case <-c.a.gone:
		select {
		case m := <-c.a.msgs: // came before the end
			return m, nil
		default:
			return nil, c.a.err
		}
	}
}

// Write sends b as one message, on stream zero and unordered (RFC 4168 §5.1), with payload protocol 0. It returns when the messages
// before it have been sent, not when they are delivered. Errors: ErrTooLong, os.ErrDeadlineExceeded, net.ErrClosed, and those of Read.
func (c *Conn) Write(b []byte) (int, error) {
	select {
	case <-c.a.closing:
		return 0, net.ErrClosed
	case <-c.a.gone:
		return 0, c.a.err
	default:
	}
	if len(b) == 0 {
		return 0, nil
	}
	if len(b) > c.a.e.cfg.MaxMessage {
		return 0, ErrTooLong
	}
	n, err := c.a.out.WriteSCTP(b, pion.PayloadProtocolIdentifier(0))
	if err != nil {
		return n, fmt.Errorf("SCTP: %w", err)
	}
	return n, nil
}

// Close shuts the association down (RFC 9260 §9.2), in the background for at most Config.Shutdown: what has been written is delivered if
// the peer takes it in that time. Endpoint.Close waits for it.
func (c *Conn) Close() error {
	c.a.close()
	return nil
}

// Abort ends the association at once; the peer is told.
func (c *Conn) Abort() {
	c.a.abort(net.ErrClosed, causeUserAbort, "aborted")
}

// LocalAddr is our end, an [Addr].
func (c *Conn) LocalAddr() net.Addr { return c.a.local() }

// RemoteAddr is the peer's end, an [Addr]: over UDP with its SCTP port.
func (c *Conn) RemoteAddr() net.Addr { return c.a.remote() }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline holds for a Read that waits, too.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.deadline.set(t)
	return nil
}

// SetWriteDeadline holds for a Write that waits, too.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.a.out.SetWriteDeadline(t)
}

func (a *assoc) local() Addr {
	ip := a.at.Load().local
	if !ip.IsValid() {
		ip = a.e.addr.Addr()
	}
	return Addr(netip.AddrPortFrom(ip, a.key.port))
}

func (a *assoc) remote() Addr { return Addr(netip.AddrPortFrom(a.key.peer, a.key.peerPort)) }

// deadline is a point in time that can be moved while somebody waits for it. The zero value never comes.
type deadline struct {
	mu    sync.Mutex
	late  chan struct{} // closed when it has come
	timer *time.Timer
}

// passed is closed when the deadline has come, also one that is set later.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.late == nil {
		d.late = make(chan struct{})
	}
	return d.late
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.late == nil {
		d.late = make(chan struct{})
	}
	select {
	case <-d.late: // had come; whoever waits for the next one gets another
		d.late = make(chan struct{})
	default:
	}
	late := d.late
	switch wait := time.Until(t); {
	case t.IsZero():
	case wait <= 0:
		close(late)
	default:
		var timer *time.Timer
		timer = time.AfterFunc(wait, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.timer == timer { // not moved meanwhile
				d.timer = nil
				close(late)
			}
		})
		d.timer = timer
	}
}
