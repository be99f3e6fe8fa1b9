package jitter

import "time"

const (
	blockTime  = 160 * time.Millisecond // of sound
	blockCount = 32                     // a power of two
	soonBlocks = 16                     // as long as it takes to believe that a path has become better,
	lateBlocks = 28                     // and where that was wrong the last time
	calmBlocks = 2                      // what came within them was in time, or the delay does not shrink
	regretTime = 8 * time.Second        // a packet that is late so soon after the aim came down says that it was wrong
	doubtTime  = 20 * time.Second       // for which that is remembered
	routeTime  = 200 * time.Millisecond // a packet that is earlier than all others by more has another path
	spikeAbove = 60 * time.Millisecond  // what rises so far above the aim is a spike
	spikeTime  = time.Second            // as long as this it is still the same one
	spikeEvery = 10 * time.Second       // a second one so soon after it makes us wait for a third
	spikeLeast = 80 * time.Millisecond  // of sound, or it is no spike, but a packet that was late
)

// path knows the way that a sender's packets come, by their transit: the tick at which a packet can first be had, less its
// timestamp. Sound heard so long after its timestamp has its packet in time. The sender's clock is not ours, so only
// differences of transits mean something; all that a tick rounds up is in them.
type path struct {
	delays histogram
	tick   time.Duration // the tick of what was noted last
	worst  time.Duration // and the greatest transit of those that it brought
	aim    time.Duration
	stale  bool                      // aim is to be found anew
	blocks [blockCount]time.Duration // the greatest transit of each of the last blocks of sound
	block  int                       // the newest of them
	full   time.Duration             // what is in it
	fell   time.Duration             // when aim came down
	doubts time.Duration             // until then lateBlocks must agree that it may
	spikes spikes
}

// spikes are moments at which many packets came late together. One is a stall, and forgotten; those that come again and
// again are waited for.
type spikes struct {
	began, ended time.Duration // of the last one
	missed       time.Duration // what it has held up
	height       time.Duration // its greatest transit
	before       time.Duration // that of the one before
	every        time.Duration // the longest time between two, 0 where there was but one
}

func (p *path) forget() {
	*p = path{}
	p.delays.clear()
}

// known says whether there is an aim.
func (p *path) known() bool { return !p.delays.empty() }

// note takes in that a packet that lasts for d could first be had at a tick, with that transit.
func (p *path) note(tick, value, d time.Duration) {
	if p.known() && value < p.delays.least()-routeTime {
		p.forget()
	}
	switch {
	case !p.known():
		for i := range p.blocks {
			p.blocks[i] = value
		}
		fallthrough
	case tick != p.tick:
		p.delays.add(value, d)
		p.tick, p.worst = tick, value
	case value > p.worst:
		p.delays.move(p.worst, value)
		p.worst = value
	}
	if value > p.aim && !p.stale && p.fell > 0 && tick-p.fell < regretTime {
		p.doubts = tick + doubtTime
	}
	p.stale = true
	if p.full += d; p.full > blockTime {
		p.block = (p.block + 1) % blockCount
		p.blocks[p.block], p.full = value, d
	}
	p.blocks[p.block] = max(p.blocks[p.block], value)
	if value > p.delays.best()+spikeAbove {
		p.spikes.note(tick, value, d)
	}
}

// target is the transit to aim at, at the time now. There must be one. It is what costs the least by what the histogram
// knows, but no more than what all packets of the last seconds would have been content with.
func (p *path) target(now time.Duration) time.Duration {
	if p.stale {
		p.stale = false
		blocks := soonBlocks
		if now < p.doubts {
			blocks = lateBlocks
		}
		best, most := p.delays.best(), p.most(blocks)
		if most < best && most < p.aim-tickTime/2 {
			p.fell = now
		}
		p.aim = min(best, most)
	}
	if p.spikes.expected(now) {
		return max(p.aim, p.spikes.height, p.spikes.before)
	}
	return p.aim
}

// enough is the transit down to which the delay may shrink at the time now.
func (p *path) enough(now time.Duration) time.Duration {
	return max(p.target(now), p.most(calmBlocks))
}

// most is the greatest transit of the newest n blocks.
func (p *path) most(n int) time.Duration {
	most := p.blocks[p.block]
	for i := 1; i < n; i++ {
		most = max(most, p.blocks[(p.block-i)&(blockCount-1)])
	}
	return most
}

func (s *spikes) note(now, value, d time.Duration) {
	switch {
	case s.ended == 0 || now-s.began > spikeEvery:
		*s = spikes{began: now, height: value}
	case now-s.began > spikeTime:
		if s.missed >= spikeLeast {
			s.every = max(s.every, now-s.began)
			s.before = s.height
		}
		s.began, s.missed, s.height = now, 0, value
	}
	s.ended = now
	s.missed += d
	s.height = max(s.height, value)
}

// expected says whether there will be another one.
func (s *spikes) expected(now time.Duration) bool { return s.every > 0 && now-s.began < 2*s.every }
