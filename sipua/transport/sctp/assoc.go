package sctp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/logging"
	pion "github.com/pion/sctp"
)

// Sizes of an association. A message of 64 KiB in fragments of a 576-octet path is 130 entries; what is over 2048 is an attack by tiny
// fragments, of which each costs some hundred octets.
const (
	receiveWindow   = 128 << 10
	maxEntries      = 2048
	inboxPackets    = 128
	waitingMessages = 16
	mtu             = 1200 // of our packets; the path's is not searched for
	pionPort        = 5000 // pion's only port; the wire has the true ones
	pionPacket      = 8192 // the longest packet that pion reads
)

// assoc is one association. take runs on the endpoint's reading goroutine; run is its own.
type assoc struct {
	e            *Endpoint
	key          key
	inbound      bool
	tag, peerTag uint32
	streams      uint16 // that the peer may send on
	ours, theirs initiation

	at      atomic.Pointer[path] // where the peer is
	heard   atomic.Int64         // UnixNano of the last packet of the peer
	leaving atomic.Bool          // a shutdown is under way

	inbox chan []byte // packets for pion
	core  *pion.Association
	out   *pion.Stream
	msgs  chan []byte

	ready   chan struct{} // closed: the handshake is over
	gone    chan struct{} // closed: the association has ended, by err
	settled chan struct{} // closed: one of the two
	closing chan struct{} // closed: Close has been called
	err     error

	readyOnce, goneOnce, settledOnce, closeOnce sync.Once
}

func newAssoc(e *Endpoint, k key, at path, ours, theirs initiation) *assoc {
	a := &assoc{
		e: e, key: k, tag: ours.tag, peerTag: theirs.tag, streams: min(maxStreams, theirs.out), ours: ours, theirs: theirs,
		inbox: make(chan []byte, inboxPackets), msgs: make(chan []byte, waitingMessages),
		ready: make(chan struct{}), gone: make(chan struct{}),
		settled: make(chan struct{}), closing: make(chan struct{}),
	}
	a.at.Store(&at)
	a.heard.Store(time.Now().UnixNano())
	return a
}

// open makes the data transfer, as of a handshake that is over: pion takes both INITs as they were.
//
// RFC 4168 §5.1: every message goes over stream zero, unordered, so that none waits for another; and is taken from any stream.
func (a *assoc) open() error {
	a.ours.out, a.ours.in = min(maxStreams, a.theirs.in), a.streams
	core, err := pion.ClientContext(context.Background(), // nothing is waited for
		pion.WithNetConn(&lane{a: a, hung: make(chan struct{})}), pion.WithSNAP(a.ours.token(), a.theirs.token()), pion.WithBlockWrite(true),
		pion.WithMTU(mtu), pion.WithMaxReceiveBufferSize(receiveWindow), pion.WithMaxReassemblyQueueEntries(maxEntries),
		pion.WithMaxMessageSize(uint32(a.e.cfg.MaxMessage)),
		pion.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}),
	)
	if err != nil {
		return fmt.Errorf("SCTP: %w", err)
	}
	if a.out, err = core.OpenStream(0, 0); err != nil {
		return fmt.Errorf("SCTP: %w", errors.Join(err, core.Close()))
	}
	a.out.SetReliabilityParams(true, pion.ReliabilityTypeReliable, 0)
	a.core = core
	return nil
}

// discard ends what open made, of an association that was never started.
func (a *assoc) discard() {
	a.end(net.ErrClosed)
	_ = a.core.Close()
}

// run is the association's goroutine: it takes the streams that the peer begins.
func (a *assoc) run() {
	var readers sync.WaitGroup
	readers.Go(func() { a.readStream(a.out) })
	for {
		s, err := a.core.AcceptStream()
		if err != nil {
			break
		}
		readers.Go(func() { a.readStream(s) })
	}
	readers.Wait()
	if a.leaving.Load() {
		a.end(io.EOF)
	} else {
		a.end(ErrProtocol) // pion has given up
	}
	_ = a.core.Close()
	a.e.remove(a)
}

// readStream is the goroutine of one stream: it queues the messages until Read takes them. Full, it stops reading, and the peer's
// window closes.
func (a *assoc) readStream(s *pion.Stream) {
	buf := make([]byte, 2048)
	for {
		n, _, err := s.ReadSCTP(buf)
		switch {
		case errors.Is(err, io.ErrShortBuffer) && n <= a.e.cfg.MaxMessage:
			buf = make([]byte, n)
		case errors.Is(err, io.ErrShortBuffer), err == nil && n > a.e.cfg.MaxMessage:
			a.abort(ErrTooLong, causeUserAbort, "message too long")
			return
		case err != nil:
			return
		default:
			select {
			case a.msgs <- bytes.Clone(buf[:n]):
			case <-a.closing:
			case <-a.gone:
				return
			}
		}
	}
}

// up says that the handshake is over.
func (a *assoc) up() {
	a.readyOnce.Do(func() { close(a.ready) })
	a.settledOnce.Do(func() { close(a.settled) })
}

func (a *assoc) isUp() bool {
	select {
	case <-a.ready:
		return true
	default:
		return false
	}
}

// end stops the association without a word to the peer. The first reason counts.
func (a *assoc) end(err error) {
	a.goneOnce.Do(func() {
		a.err = err
		close(a.gone)
	})
	a.settledOnce.Do(func() { close(a.settled) })
}

// abort tells the peer (RFC 9260 §9.1) and ends.
func (a *assoc) abort(err error, code uint16, why string) {
	select {
	case <-a.gone:
		return
	default:
	}
	a.say(chunk{kind: chunkAbort, value: cause(code, []byte(why))})
	a.end(err)
}

// violation aborts an association whose peer breaks the rules.
func (a *assoc) violation(why string) {
	a.e.count.violations.Add(1)
	a.abort(fmt.Errorf("%w: %s", ErrProtocol, why), causeViolation, why)
}

// say sends one chunk.
func (a *assoc) say(c chunk) {
	a.e.send(single(header{a.key.port, a.key.peerPort, a.peerTag}, c), *a.at.Load())
}

// heartbeat asks whether the peer is there (RFC 9260 §8.3). Any packet of the peer counts as the answer.
func (a *assoc) heartbeat(now time.Time) {
	const info = 1
	a.say(chunk{kind: chunkHeartbeat, value: cause(info, binary.BigEndian.AppendUint64(nil, uint64(now.UnixNano())))})
}

// leave shuts down (RFC 9260 §9.2): what is queued is delivered first, if the peer takes it in time.
func (a *assoc) leave() {
	if !a.isUp() {
		a.abort(net.ErrClosed, causeUserAbort, "closed")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.e.cfg.Shutdown)
	defer cancel()
	a.leaving.Store(true)
	if err := a.core.Shutdown(ctx); err != nil {
		a.abort(net.ErrClosed, causeUserAbort, "closed")
	}
	a.end(net.ErrClosed)
}

// close is Conn.Close; it does not wait.
func (a *assoc) close() {
	a.closeOnce.Do(func() {
		close(a.closing)
		a.e.mu.Lock()
		defer a.e.mu.Unlock()
		if a.e.table[a.key] == a { // its goroutine runs, so assocs is not at zero
			a.e.assocs.Go(a.leave)
		}
	})
}
