package sctp

import (
	"encoding/binary"
	"fmt"
	"time"
)

// owns says whether a packet has the right verification tag (RFC 9260 §8.5).
func (a *assoc) owns(h header, first chunk) bool {
	if (first.kind == chunkAbort || first.kind == chunkShutdownComplete) && first.flags&flagT != 0 {
		return h.tag == a.peerTag
	}
	return h.tag == a.tag
}

// take handles the chunks of a packet that is the association's, on the goroutine that reads. It copies what it keeps.
func (a *assoc) take(from path, chunks []byte) {
	a.heard.Store(time.Now().UnixNano())
	if *a.at.Load() != from { // a NAT has given the peer another port (RFC 6951 §5.4)
		a.at.Store(&from)
	}
	h := header{pionPort, pionPort, a.tag}
	pass := newPacket(h)
	reported := false
	for len(chunks) > 0 {
		c, rest, ok := nextChunk(chunks)
		if !ok {
			a.e.count.dropped.Add(1)
			break
		}
		chunks = rest
		if a.wants(c) {
			if len(pass)+chunkHeaderLen+padded(len(c.value)) > pionPacket {
				a.give(seal(pass))
				pass = newPacket(h)
			}
			pass = appendChunk(pass, c)
			continue
		}
		report, goOn := a.control(c)
		if report && !reported { // one is enough for a packet
			reported = true
			head := appendChunk(nil, chunk{c.kind, c.flags, c.value[:min(len(c.value), maxUnrecognized)]})
			a.say(chunk{kind: chunkError, value: cause(causeUnrecognizedChunk, head)})
		}
		if !goOn {
			break
		}
	}
	if len(pass) > headerLen {
		a.give(seal(pass))
	}
}

// give queues a packet for pion; a full queue is a lost packet.
func (a *assoc) give(b []byte) {
	select {
	case a.inbox <- b:
	default:
		a.e.count.overrun.Add(1)
	}
}

// wants says whether a chunk is for pion, after it has been checked.
func (a *assoc) wants(c chunk) bool {
	if !a.isUp() {
		return false
	}
	v := c.value
	switch c.kind {
	case chunkData:
		switch {
		case len(v) < dataHeaderLen+1: // RFC 9260 §3.3.1, §6.2
			a.violation("DATA without data")
		case binary.BigEndian.Uint16(v[4:]) >= a.streams: // RFC 9260 §6.5 has ERROR here, and an acknowledgement
			a.violation("stream out of range")
		case headerLen+chunkHeaderLen+padded(len(v)) > pionPacket:
			a.violation(fmt.Sprintf("DATA chunk over %d octets", pionPacket-headerLen))
		default:
			return true
		}
	case chunkSack:
		return len(v) >= 12 && len(v) == 12+4*(int(binary.BigEndian.Uint16(v[8:]))+int(binary.BigEndian.Uint16(v[10:])))
	case chunkShutdown:
		if len(v) == 4 {
			a.leaving.Store(true)
			return true
		}
	case chunkShutdownAck, chunkShutdownComplete:
		if len(v) == 0 && a.leaving.Load() {
			return true
		}
	}
	return false
}

// control handles a chunk that is not for pion. report: tell the peer that we do not know it; goOn: look at those behind it. The two
// highest bits of an unknown type say both (RFC 9260 §3.2).
func (a *assoc) control(c chunk) (report, goOn bool) {
	switch c.kind {
	case chunkHeartbeat: // RFC 9260 §8.3
		a.say(chunk{kind: chunkHeartbeatAck, value: c.value})
	case chunkCookieAck:
		if !a.inbound {
			a.up()
		}
	case chunkAbort:
		if a.isUp() {
			a.end(fmt.Errorf("%w%s", ErrAborted, reason(c.value)))
		} else {
			a.end(fmt.Errorf("%w%s", ErrRefused, reason(c.value)))
		}
		return false, false
	case chunkError:
		if !a.isUp() { // our cookie was too old
			a.end(fmt.Errorf("%w%s", ErrRefused, reason(c.value)))
		}
	case chunkData, chunkSack, chunkShutdown, chunkShutdownAck, chunkShutdownComplete, chunkHeartbeatAck:
	case chunkInit, chunkInitAck, chunkCookieEcho:
		return false, false
	default:
		return c.kind&0x40 != 0, c.kind&0x80 != 0
	}
	return false, true
}

// reason is an ABORT's or ERROR's first cause, for a log.
func reason(v []byte) string {
	if len(v) < 4 {
		return ""
	}
	s := fmt.Sprintf(": cause %d", binary.BigEndian.Uint16(v))
	if n := int(binary.BigEndian.Uint16(v[2:])); n > 4 && n <= len(v) && n <= 128 {
		s += fmt.Sprintf(" %q", v[4:n])
	}
	return s
}
