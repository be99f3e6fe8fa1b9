package control

import (
	"net/netip"
	"time"
)

// conflictAge is ten RTCP intervals, after which a conflicting address is forgotten (RFC 3550 §8.2).
const conflictAge = 50 * time.Second

// Conflicts are the addresses from which our own SSRC has come (RFC 3550 §8.2).
type Conflicts [4]struct {
	addr netip.AddrPort
	at   time.Time
}

// Note says whether addr is known already, and remembers it in place of the oldest.
func (c *Conflicts) Note(addr netip.AddrPort, now time.Time) bool {
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
