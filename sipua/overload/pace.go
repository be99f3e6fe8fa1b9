package overload

import (
	"math/bits"
	"time"
)

// pace is how many INVITEs a second are taken while the bridge is late, its mixer or its setups: less with each look that finds it late, more again while it is in time, and
// without a bound when nobody has been refused for a while. A bridge that is offered too much so takes about as many calls as it can serve, and
// does not swing between all and nothing.
//
// It grows as a window of CUBIC does (RFC 9438 §4.2): quickly to where the mixer was late last, slowly about there, and faster and faster beyond.
type pace struct {
	limit   float64       // INVITEs a second; 0: no bound
	ceiling float64       // where the mixer was late last
	grown   time.Duration // how long it has been in time since
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
	// slower is what the limit is multiplied with when the mixer is late, at most every slowEvery; regained is when it is back where it was.
	slower    = 0.85
	slowEvery = 500 * time.Millisecond
	regained  = 1500 * time.Millisecond
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
	if now-p.looked > int64(quiet) { // nobody called: when it was late is not known, and what was served then is not what it is able to
		*p = pace{rate: p.rate, looked: now}
		return
	}
	if span := time.Duration(now - p.looked).Seconds(); span > 0 {
		share := min(1, span/min(1, time.Duration(now).Seconds()))
		p.rate += share * (float64(p.served)/span - p.rate)
	}
	// Whoever is called seldom looks seldom: what an older look has found is not of the last second.
	since := now - p.looked
	p.lately = p.lately << max(1, since/int64(lookEvery)) & (1<<lastLooks - 1)
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
		p.ceiling = max(from, least/slower) // or what grows by its share would stay at nothing
		p.limit, p.slowed, p.grown = slower*p.ceiling, now, 0
	case late || p.limit == 0: // late and slow: what waits is being served
	case now-max(p.refused, p.slowed) > int64(quiet):
		p.limit = 0
	default:
		p.grown += time.Duration(since)
		way := float64(p.grown-regained) / float64(regained) // -1 where it was slowed, 0 where it is back
		p.limit = max(least, p.ceiling*(1+(1-slower)*way*way*way))
	}
}

// pass says whether an INVITE may be taken, while so many wait to be set up: as soon as there is a bound, no more than are served in a tenth of a second.
func (p *pace) pass(now int64, waiting int) bool {
	if p.limit > 0 {
		p.tokens = min(max(least, p.limit/10), p.tokens+p.limit*time.Duration(now-p.filled).Seconds())
		p.filled = now
		if p.tokens < 1 || float64(waiting) >= max(least, p.rate/10) {
			p.refused = now
			return false
		}
		p.tokens--
	}
	return true
}
