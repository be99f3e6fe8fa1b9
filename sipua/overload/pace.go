package overload

import (
	"math/bits"
	"time"
)

// pace is how many INVITEs a second are taken while the mixer is late: less with each look that finds it late, more again while it is in time, and
// without a bound when nobody has been refused for a while. A bridge that is offered too much so takes about as many calls as it can serve, and
// does not swing between all and nothing.
type pace struct {
	limit   float64 // INVITEs a second; 0: no bound
	ceiling float64 // where the mixer was late last
	tokens  float64
	filled  int64   // when tokens were added, ns
	served  int     // INVITEs that were answered and acknowledged, or ended, since the last look
	rate    float64 // of those a second, smoothed over about a second: what the bridge is able to
	refused int64   // when somebody was refused last, ns
	slowed  int64   // when limit was lowered last, ns
	lately  uint    // the last second, a bit for each lookEvery of it: 1 where a look found the mixer late
	looked  int64
}

const (
	// slower and the two growths are what the limit is multiplied with: when late, at most every slowEvery; and at each look in time, less where it
	// was too much before.
	slower     = 0.85
	growth     = 1.03
	growthNear = 1.005
	slowEvery  = 500 * time.Millisecond
	// least is what is always taken, each second, also all at once: a bridge that is called seldom refuses nobody because the machine is busy with
	// something else, nor does it refuse the INVITE that made it look. quiet is how long nobody is refused before the bound is lifted.
	least = 50.0
	quiet = 5 * time.Second
	// persistent is how many looks of the last second must have found the mixer late before a bound is set at all: something else on the machine
	// may hold everything up for 60 ms, and is gone then; too many calls stay.
	persistent, lastLooks = 3, 10
)

// look takes what was seen of the mixer.
func (p *pace) look(now int64, late bool) {
	if span := time.Duration(now - p.looked).Seconds(); span > 0 {
		share := min(1, span/min(1, time.Duration(now).Seconds()))
		p.rate += share * (float64(p.served)/span - p.rate)
	}
	// Whoever is called seldom looks seldom: what an older look has found is not of the last second.
	p.lately = p.lately << max(1, (now-p.looked)/int64(lookEvery)) & (1<<lastLooks - 1)
	p.served, p.looked = 0, now
	if late {
		p.lately |= 1
	}
	switch {
	case late && p.limit == 0 && bits.OnesCount(p.lately) < persistent: // not yet
	case late && (p.limit == 0 || p.limit > 0.9*p.rate && now-p.slowed >= int64(slowEvery)):
		from := p.rate
		if p.limit > 0 {
			from = min(p.limit, p.rate)
		} else {
			p.tokens, p.filled = least, now // no more of what was not asked for before there was a bound
		}
		p.limit, p.ceiling, p.slowed = max(least, slower*from), from, now
	case late || p.limit == 0: // late and slow: what waits is being served
	case now-max(p.refused, p.slowed) > int64(quiet):
		p.limit = 0
	case p.limit > 0.9*p.ceiling && p.limit < 1.1*p.ceiling:
		p.limit *= growthNear
	default:
		p.limit *= growth
	}
}

// pass says whether an INVITE may be taken.
func (p *pace) pass(now int64) bool {
	if p.limit > 0 {
		p.tokens = min(max(least, p.limit/10), p.tokens+p.limit*time.Duration(now-p.filled).Seconds())
		p.filled = now
		if p.tokens < 1 {
			p.refused = now
			return false
		}
		p.tokens--
	}
	return true
}
