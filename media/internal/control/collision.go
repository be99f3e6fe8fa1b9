package control

import (
	"net/netip"
	"time"
)

const (
	// conflictAge is ten RTCP intervals, after which a conflicting address is forgotten (RFC 3550 §8.2).
	conflictAge = 50 * time.Second
	// maxRenewals is how many SSRCs are taken in a renewalAge because somebody else had ours. Chance takes years to bring one: whoever brings more sends from
	// ever new addresses what we have sent, and each new SSRC interrupts all who listen.
	maxRenewals = 4
	renewalAge  = time.Hour
)

// Verdict is what it means that our own SSRC has come from somebody else (RFC 3550 §8.2).
type Verdict uint8

const (
	// Collision may be chance: we say BYE and take another SSRC.
	Collision Verdict = iota
	// Loop is the second time from an address: our own is sent back from there. It changes nothing.
	Loop
	// Repeated is what has been told of already, or comes more often than chance brings it. It changes nothing, and is only counted.
	Repeated
)

// Conflicts are the addresses from which our own SSRC has come, and when we have taken another for it. The zero value is ready.
type Conflicts struct {
	known [4]struct {
		addr netip.AddrPort
		at   time.Time
		told bool // as a loop
	}
	renewals [maxRenewals]time.Time
	next     int // of renewals: the oldest
}

// Note says what a packet with our SSRC from addr means, and remembers the address of a Collision in place of the oldest.
func (c *Conflicts) Note(addr netip.AddrPort, now time.Time) Verdict {
	oldest := 0
	for i := range c.known {
		k := &c.known[i]
		if k.addr == addr && now.Sub(k.at) < conflictAge {
			k.at = now
			if k.told {
				return Repeated
			}
			k.told = true
			return Loop
		}
		if k.at.Before(c.known[oldest].at) {
			oldest = i
		}
	}
	if last := c.renewals[c.next]; !last.IsZero() && now.Sub(last) < renewalAge {
		return Repeated
	}
	c.renewals[c.next] = now
	c.next = (c.next + 1) % maxRenewals
	k := &c.known[oldest]
	k.addr, k.at, k.told = addr, now, false
	return Collision
}
