package sctp

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// lane is the net.Conn that pion has: each Read and Write is one packet between it and the wire.
type lane struct {
	a    *assoc
	hung chan struct{} // pion has closed it
	once sync.Once
}

// Read gives pion the next packet.
func (l *lane) Read(b []byte) (int, error) {
	select {
	case <-l.a.gone:
		return 0, io.EOF
	case <-l.hung:
		return 0, io.EOF
	case p := <-l.a.inbox:
		return copy(b, p), nil
	}
}

// Write sends a packet of pion's with the true ports.
func (l *lane) Write(b []byte) (int, error) {
	select {
	case <-l.a.gone:
		return 0, net.ErrClosed
	case <-l.hung:
		return 0, net.ErrClosed
	default:
	}
	if len(b) < headerLen {
		return 0, io.ErrShortWrite
	}
	header{l.a.key.port, l.a.key.peerPort, l.a.peerTag}.put(b)
	l.a.e.send(seal(b), *l.a.at.Load())
	return len(b), nil
}

// Close is pion's: after a shutdown, or after it has aborted.
func (l *lane) Close() error {
	l.once.Do(func() { close(l.hung) })
	return nil
}

// LocalAddr is ours.
func (l *lane) LocalAddr() net.Addr { return l.a.local() }

// RemoteAddr is the peer's.
func (l *lane) RemoteAddr() net.Addr { return l.a.remote() }

// SetDeadline is not needed by what we use of pion.
func (l *lane) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline is as SetDeadline.
func (l *lane) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline is as SetDeadline.
func (l *lane) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
