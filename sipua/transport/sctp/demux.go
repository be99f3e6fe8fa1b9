package sctp

import (
	"time"
)

// packet handles one packet that has come in, on the goroutine that reads. It never waits. b is reused afterwards.
func (e *Endpoint) packet(b []byte, from path) {
	h, chunks, ok := parsePacket(b)
	if !ok {
		e.count.dropped.Add(1)
		return
	}
	first, rest, ok := nextChunk(chunks)
	if !ok {
		e.count.dropped.Add(1)
		return
	}
	k := key{from.peer.Addr(), h.src, h.dst}
	switch first.kind {
	case chunkInit: // alone, and without a tag (RFC 9260 §3.3.2, §8.5.1)
		if h.dst != e.addr.Port() || h.tag != 0 || len(rest) != 0 {
			e.count.dropped.Add(1)
			return
		}
		e.answerInit(k, from, first.value)
	case chunkInitAck:
		e.answered(k, h, first)
	case chunkCookieEcho:
		e.establish(k, from, h, first.value, rest)
	default:
		switch a := e.find(k); {
		case a == nil:
			if !e.answered(k, h, first) {
				e.stray(k, from, h, first)
			}
		case !a.owns(h, first):
			e.count.dropped.Add(1)
		default:
			a.take(from, chunks)
		}
	}
}

// answerInit answers INIT by INIT ACK with a cookie, and remembers nothing (RFC 9260 §5.1, §5.1.3).
func (e *Endpoint) answerInit(k key, from path, v []byte) {
	theirs, ok := parseInit(v)
	if theirs.tag == 0 {
		e.count.dropped.Add(1)
		return
	}
	h := header{k.port, k.peerPort, theirs.tag}
	if !ok || !theirs.usable() {
		e.send(single(h, chunk{kind: chunkAbort, value: cause(causeInvalidMandatory, nil)}), from)
		return
	}
	standing, room := e.room(k)
	if !room {
		e.count.refused.Add(1)
		e.send(single(h, chunk{kind: chunkAbort, value: cause(causeOutOfResource, nil)}), from)
		return
	}
	c := cookie{made: time.Now(), ours: e.offer(), theirs: theirs}
	c.ours.out, c.ours.in = min(c.ours.out, theirs.in), min(c.ours.in, theirs.out)
	if standing != nil {
		c.tieOurs, c.tieTheirs = standing.tag, standing.peerTag
	}
	ack := append(e.offer().with(c.ours), cause(paramStateCookie, c.seal(e.secret[:], k))...)
	e.send(single(h, chunk{kind: chunkInitAck, value: append(ack, theirs.unknown...)}), from)
}

// with is the value of an INIT ACK: what was offered, with the tag and TSN of what is in the cookie.
func (i initiation) with(c initiation) []byte {
	i.tag, i.tsn = c.tag, c.tsn
	return i.fixed()
}

// offer is what we say in INIT and INIT ACK.
func (e *Endpoint) offer() initiation {
	return initiation{tag: random(), window: receiveWindow, out: maxStreams, in: maxStreams, tsn: random()}
}

// room returns the association that stands at k, and says whether one more from there could be.
func (e *Endpoint) room(k key) (*assoc, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.table[k]
	return a, !e.closed && (a != nil || len(e.table)+len(e.dialling) < e.cfg.MaxAssociations && e.sources[k.peer] < e.cfg.MaxPerSource)
}

// establish handles COOKIE ECHO (RFC 9260 §5.1.5, §5.2.4). rest is what came in the same packet.
func (e *Endpoint) establish(k key, from path, h header, v, rest []byte) {
	c, ok := openCookie(e.secret[:], v, k)
	if !ok || h.tag != c.ours.tag {
		e.count.dropped.Add(1)
		return
	}
	back := header{k.port, k.peerPort, c.theirs.tag}
	ack := single(back, chunk{kind: chunkCookieAck})
	standing := e.find(k)
	switch {
	case standing != nil && standing.tag == c.ours.tag && standing.peerTag == c.theirs.tag: // repeated
		e.send(ack, from)
		standing.take(from, rest)
		return
	case time.Since(c.made) > cookieLife:
		e.send(single(back, chunk{kind: chunkError, value: cause(causeStaleCookie, make([]byte, 4))}), from)
		return
	case standing != nil && (standing.tag != c.tieOurs || standing.peerTag != c.tieTheirs):
		e.count.dropped.Add(1) // of a time before the association that stands
		return
	case standing != nil:
		standing.end(ErrRestarted)
		e.remove(standing)
	}
	a := newAssoc(e, k, from, c.ours, c.theirs)
	a.inbound = true
	a.up()
	if err := e.admit(a); err != nil {
		e.send(single(back, chunk{kind: chunkAbort, value: cause(causeOutOfResource, nil)}), from)
		return
	}
	e.send(ack, from)
	a.take(from, rest)
}

// admit starts an inbound association and queues it for Accept.
func (e *Endpoint) admit(a *assoc) error {
	if err := a.open(); err != nil {
		return err
	}
	if err := e.add(a); err != nil {
		a.discard()
		return err
	}
	select {
	case e.accepting <- &Conn{a: a}:
	default: // nobody accepts
		e.count.refused.Add(1)
		a.end(ErrLimit)
		return ErrLimit
	}
	return nil
}

// stray answers a packet of no association (RFC 9260 §8.4), if it was for the port that we listen on: another port may be another
// program's.
func (e *Endpoint) stray(k key, from path, h header, first chunk) {
	e.count.dropped.Add(1)
	if k.port != e.addr.Port() {
		return
	}
	back := header{k.port, k.peerPort, h.tag}
	switch first.kind {
	case chunkAbort, chunkShutdownComplete, chunkCookieAck, chunkError:
	case chunkShutdownAck:
		e.send(single(back, chunk{kind: chunkShutdownComplete, flags: flagT}), from)
	default:
		e.send(single(back, chunk{kind: chunkAbort, flags: flagT}), from)
	}
}

// send gives a packet to the kernel. What is lost is SCTP's to repair.
func (e *Endpoint) send(b []byte, to path) {
	if err := e.carry.write(b, to); err != nil {
		e.cfg.Log.Debug("SCTP packet not sent", "remote", to.peer, "err", err)
	}
}
