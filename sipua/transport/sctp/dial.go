package sctp

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// Retransmission of INIT and COOKIE ECHO (RFC 9260 §5.1, §16).
const (
	initialRTO = time.Second
	maxRTO     = 60 * time.Second
	initTries  = 9 // the first, and Max.Init.Retransmits
)

// dialling is an association that waits for INIT ACK.
type dialling struct {
	ours     initiation
	answered chan struct{} // closed with what is below
	theirs   initiation
	err      error
}

// Dial opens an association to an SCTP address, from a port of its own. It ends with ctx. Errors wrap ErrRefused, ErrLimit,
// os.ErrDeadlineExceeded, net.ErrClosed or ctx's.
func (e *Endpoint) Dial(ctx context.Context, to netip.AddrPort) (*Conn, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	at := path{peer: netip.AddrPortFrom(to.Addr(), 0)}
	if e.cfg.UDP {
		at.peer = netip.AddrPortFrom(to.Addr(), e.cfg.PeerUDPPort)
	}
	if !e.addr.Addr().IsUnspecified() {
		at.local = e.addr.Addr()
	}
	k, d, err := e.reserve(to)
	if err != nil {
		return nil, fmt.Errorf("SCTP to %s: %w", to, err)
	}
	c, err := e.handshake(ctx, k, d, at)
	if err != nil {
		return nil, fmt.Errorf("SCTP to %s: %w", to, err)
	}
	return c, nil
}

// reserve takes a free port to dial from (RFC 6335's dynamic ports) and a place in the table.
func (e *Endpoint) reserve(to netip.AddrPort) (key, *dialling, error) {
	d := &dialling{ours: e.offer(), answered: make(chan struct{})}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return key{}, nil, net.ErrClosed
	case to.Port() == 0 || to.Addr().Is4() != e.addr.Addr().Is4():
		return key{}, nil, &net.AddrError{Err: "no SCTP address of this family", Addr: to.String()}
	case len(e.table)+len(e.dialling) >= e.cfg.MaxAssociations:
		e.count.refused.Add(1)
		return key{}, nil, ErrLimit
	}
	for { // at most MaxAssociations of 16384 are taken
		k := key{to.Addr(), to.Port(), uint16(49152 + random()%16384)}
		_, used := e.table[k]
		_, asked := e.dialling[k]
		if !used && !asked && k.port != e.addr.Port() {
			e.dialling[k] = d
			return k, d, nil
		}
	}
}

// handshake is the four-way handshake of the side that opens (RFC 9260 §5.1).
func (e *Endpoint) handshake(ctx context.Context, k key, d *dialling, at path) (*Conn, error) {
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.dialling[k] == d {
			delete(e.dialling, k)
		}
	}()
	init := single(header{src: k.port, dst: k.peerPort}, chunk{kind: chunkInit, value: d.ours.fixed()})
	if err := e.persist(ctx, init, at, d.answered); err != nil {
		return nil, err
	}
	if d.err != nil {
		return nil, d.err
	}
	a := newAssoc(e, k, at, d.ours, d.theirs)
	if err := a.open(); err != nil {
		return nil, err
	}
	if err := e.add(a); err != nil {
		a.discard()
		return nil, err
	}
	echo := single(header{k.port, k.peerPort, a.peerTag}, chunk{kind: chunkCookieEcho, value: d.theirs.cookie})
	if err := e.persist(ctx, echo, at, a.settled); err != nil {
		a.abort(err, causeUserAbort, "no answer")
		return nil, err
	}
	if !a.isUp() {
		return nil, a.err
	}
	return &Conn{a: a}, nil
}

// persist sends a packet again and again, each time after twice the time, until done is closed.
func (e *Endpoint) persist(ctx context.Context, b []byte, to path, done <-chan struct{}) error {
	wait := initialRTO
	for range initTries {
		e.send(b, to)
		again := time.NewTimer(wait)
		select {
		case <-done:
			again.Stop()
			return nil
		case <-ctx.Done():
			again.Stop()
			return context.Cause(ctx)
		case <-e.done:
			again.Stop()
			return net.ErrClosed
		case <-again.C:
			wait = min(2*wait, maxRTO)
		}
	}
	return fmt.Errorf("no answer to %d packets: %w", initTries, os.ErrDeadlineExceeded)
}

// answered gives INIT ACK or ABORT to whoever dials there, and says whether somebody does.
func (e *Endpoint) answered(k key, h header, c chunk) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.dialling[k]
	if d == nil || h.tag != d.ours.tag {
		return false
	}
	select {
	case <-d.answered:
		return true
	default:
	}
	switch c.kind {
	case chunkInitAck:
		theirs, ok := parseInit(c.value)
		if !ok || !theirs.usable() || len(theirs.cookie) == 0 {
			d.err = fmt.Errorf("%w: INIT ACK of no use", ErrProtocol)
		}
		theirs.cookie, theirs.unknown = bytes.Clone(theirs.cookie), nil
		d.theirs = theirs
	case chunkAbort:
		d.err = fmt.Errorf("%w%s", ErrRefused, reason(c.value))
	default:
		return true
	}
	close(d.answered)
	return true
}
