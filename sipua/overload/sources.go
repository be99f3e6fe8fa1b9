package overload

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// ways is how many sources share one place of the table.
const ways = 4

// source is what is known of one source.
type source struct {
	addr     netip.Addr // invalid: the place is free
	requests bucket
	answers  bucket
	halfOpen int
	seen     int64 // ns since the gate's start
}

// sources is a table of fixed size: a source that has been silent the longest makes room, so forged addresses cost no memory and
// push out each other first.
type sources struct {
	seed  maphash.Seed
	table [][ways]source
}

func newSources(n int) sources {
	return sources{seed: maphash.MakeSeed(), table: make([][ways]source, max(n/ways, 1))}
}

// find returns the place of a source; nil if it has none.
func (s *sources) find(addr netip.Addr) *source {
	set := s.set(addr)
	for i := range set {
		if set[i].addr == addr {
			return &set[i]
		}
	}
	return nil
}

func (s *sources) set(addr netip.Addr) *[ways]source {
	return &s.table[maphash.Comparable(s.seed, addr)%uint64(len(s.table))]
}

// take returns the place of a source, a new one if it has none. One that has calls half open is pushed out last.
func (s *sources) take(addr netip.Addr, now int64) *source {
	if found := s.find(addr); found != nil {
		found.seen = now
		return found
	}
	set := s.set(addr)
	best := &set[0]
	for i := range set {
		c := &set[i]
		if !c.addr.IsValid() {
			best = c
			break
		}
		if idle, bestIdle := c.halfOpen == 0, best.halfOpen == 0; idle != bestIdle && idle || idle == bestIdle && c.seen < best.seen {
			best = c
		}
	}
	*best = source{addr: addr, seen: now}
	return best
}

// bucket is a token bucket as one number: when it is full again, in ns since the gate's start.
type bucket int64

// pass takes a token, of which rate come a second and burst are kept at most, and says whether there was one.
func (b *bucket) pass(now int64, rate, burst int) bool {
	if rate < 0 {
		return true
	}
	token := int64(time.Second) / int64(max(rate, 1))
	full := max(int64(*b), now)
	if full-now > int64(burst-1)*token {
		return false
	}
	*b = bucket(full + token)
	return true
}

// origin is what counts as one source: an IPv4 address, or an IPv6 network of 64 bits, any address of which is a customer's to use.
func origin(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() || !addr.IsValid() {
		return addr
	}
	b := addr.As16()
	clear(b[8:])
	return netip.AddrFrom16(b)
}
