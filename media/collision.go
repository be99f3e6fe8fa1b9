package media

import (
	"net/netip"
	"time"
)

// conflictAge is ten RTCP intervals, after which a conflicting address is forgotten (RFC 3550 §8.2).
const conflictAge = 50 * time.Second

// conflicts are the addresses from which our own SSRC has come (RFC 3550 §8.2).
type conflicts [4]struct {
	addr netip.AddrPort
	at   time.Time
}

// note says whether addr is known already, and remembers it in place of the oldest.
func (c *conflicts) note(addr netip.AddrPort, now time.Time) bool {
	oldest := 0
	for i := range c {
		if c[i].addr == addr && now.Sub(c[i].at) < conflictAge {
			c[i].at = now
			return true
		}
		if c[i].at.Before(c[oldest].at) {
			oldest = i
		}
	}
	c[oldest].addr, c[oldest].at = addr, now
	return false
}

// collide resolves a packet that bears our own SSRC (RFC 3550 §8.2). The first time it may be chance: we say BYE and
// take another. If it comes again from the same address, then it is our own sound that somebody sends back.
// The caller has made sure that from is the peer: a stranger must not make us change.
func (l *Leg) collide(from netip.AddrPort, now time.Time) reason {
	if !l.conflict.note(from, now) {
		l.report.bye(l, l.sender.ssrc)
		l.sender.renew()
		l.report.sentAny = false
	}
	return reasonLoop
}
