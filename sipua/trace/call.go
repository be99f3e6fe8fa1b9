package trace

import (
	"net/netip"
	"strings"

	"github.com/confbridge/confbridge/sipua/message"
)

// firstKept is which part of a call's messages are its first ones, which stay when the newer ones go round.
const firstKept = 4 // a quarter

// call is what is kept of one Call-ID, or of one source of messages without.
type call struct {
	id       string
	source   netip.Addr // valid only of what has no Call-ID
	from, to string     // of its first message, as they came
	parties  [2]party   // from and to, once somebody has asked for them
	parsed   bool

	records      []*record
	dropped      int // records that had to go, behind the first ones
	bytes        int
	pool         *pool
	older, newer *call
}

// callCost is about what a call takes of Config.Bytes besides its records.
const callCost = 512

func (c *call) add(rec *record) {
	if limit := c.pool.maxMessages; len(c.records) >= limit {
		gap := limit / firstKept
		c.grow(-c.records[gap].cost())
		copy(c.records[gap:], c.records[gap+1:])
		c.records = c.records[:len(c.records)-1]
		c.dropped++
	}
	c.records = append(c.records, rec)
	c.grow(rec.cost())
}

func (c *call) grow(n int) {
	c.bytes += n
	c.pool.bytes += n
}

// pool is calls in the order in which they were last heard of, with bounds of their own: what floods one does not empty another.
type pool struct {
	maxCalls, maxMessages, maxBytes int

	calls, bytes   int
	oldest, newest *call
}

func (p *pool) full() bool { return p.calls > p.maxCalls || p.bytes > p.maxBytes }

// push puts a call in as the newest.
func (p *pool) push(c *call) {
	if c.pool == nil {
		c.bytes = callCost
	}
	c.pool, c.older, c.newer = p, p.newest, nil
	if p.newest != nil {
		p.newest.newer = c
	} else {
		p.oldest = c
	}
	p.newest = c
	p.calls++
	p.bytes += c.bytes
}

// remove takes a call out; it may be pushed elsewhere.
func (p *pool) remove(c *call) {
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		p.oldest = c.newer
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		p.newest = c.older
	}
	c.older, c.newer = nil, nil
	p.calls--
	p.bytes -= c.bytes
}

// used makes a call the newest.
func (p *pool) used(c *call) {
	if p.newest != c {
		p.remove(c)
		p.push(c)
	}
}

// party is a From or To, to be compared.
type party struct{ user, address string }

// partyOf reads a From or To; where it cannot be read, it is compared as it is.
func partyOf(value string) party {
	a, err := message.ParseAddress(value)
	if err != nil {
		return party{user: value, address: value}
	}
	user := a.URI.UserText()
	if !a.URI.IsSIP() {
		return party{user: user, address: a.URI.Opaque}
	}
	return party{user: user, address: user + "@" + strings.ToLower(a.URI.Host)}
}

// is compares with what somebody has asked for: "ann", "1000", "ann@example.com", "sip:ann@example.com".
func (p party) is(wanted string) bool {
	if wanted == p.user {
		return true
	}
	if scheme, rest, ok := strings.Cut(wanted, ":"); ok && (scheme == "sip" || scheme == "sips" || scheme == "tel") {
		wanted = rest
	}
	user, host, ok := strings.Cut(wanted, "@")
	if !ok {
		return wanted == p.user
	}
	return user+"@"+strings.ToLower(host) == p.address
}

// names returns the parties of the call.
func (c *call) names() (from, to party) {
	if !c.parsed {
		c.parties, c.parsed = [2]party{partyOf(c.from), partyOf(c.to)}, true
	}
	return c.parties[0], c.parties[1]
}
