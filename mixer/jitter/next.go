package jitter

import "time"

// Tick begins the tick whose time is t. Next and Surplus speak of it until the following one.
func (b *Buffer) Tick(t time.Time) {
	if b.epoch.IsZero() {
		b.epoch = t
	}
	b.onGrid(t.Sub(b.epoch))
	b.expire()
	if b.state == silent && b.grid-b.playedAt > forgetTime {
		b.state = fresh
	}
}

// Idle says that Next would say Empty for the whole of the tick, and that nothing would change by that.
func (b *Buffer) Idle() bool { return b.count == 0 && b.state != playing }

// Earlier says that the next tick, and with it all that follow, come by d sooner than they would have, from 0 to less than 20 ms. What was there
// in time so far must be there in time then.
func (b *Buffer) Earlier(d time.Duration) {
	b.grid -= d
	b.shift -= d
}

// Next says what comes next in the tick, where queued is what has been made for it already, and for after it. It is called
// until queued reaches the 20 ms of a tick; what it returns is at once in queued of the following call, as long as it has
// become. Packet.Payload is valid until the next Put.
func (b *Buffer) Next(queued time.Duration) (Packet, Outcome) {
	b.expire() // one that others overtook may be older than the front was
	left := max(b.units(tickTime-queued), 1)
	if b.state == fresh && !b.start() {
		return Packet{Samples: int(left)}, Empty
	}
	f := b.front()
	if f == nil {
		return b.starve(left)
	}
	heard := b.grid + queued
	b.settle(f)
	gap := f.ts - b.due
	switch {
	case b.state == silent || gap >= b.grain && b.missing(f) == 0: // the sender was silent
		return b.resume(f, heard, left)
	case gap >= b.grain:
		return b.bridge(f, gap, left)
	}
	return b.play(f, heard), Play
}

// Surplus says by how much what comes next will be heard later than it has to be, where queued is as for Next; below 0, how
// much sooner than is good. It is 0 where there is nothing to shorten or to lengthen.
func (b *Buffer) Surplus(queued time.Duration) time.Duration {
	if b.state != playing || b.run > 0 || !b.path.known() {
		return 0
	}
	now := b.transit(b.grid+queued, b.due)
	if d := now - b.path.target(b.grid); d < 0 {
		return d
	}
	surplus := now - b.path.enough(b.grid)
	if f := b.front(); f == nil || f.ts-b.due >= b.grain {
		surplus = min(surplus, queued-tickTime) // more would be missing at once
	}
	return max(surplus, 0)
}

// onGrid moves the grid to the tick at now. All is counted from the grid: a tick that is late by chance must not pass
// for delay, or the next one that is on time finds its packet missing. Ticks are late but never early, so the grid
// follows an earlier one at once and a later one slowly.
func (b *Buffer) onGrid(now time.Duration) {
	b.tick = now
	b.grid += tickTime
	before := b.grid
	if late := now - b.grid; late < 0 || late >= tickTime {
		b.grid = now
	} else {
		b.grid += late / 64
	}
	// What the path remembers was taken from where the grid stood before. Whole ticks that were left out are delay.
	moved := b.grid - before
	b.shift += moved - moved.Round(tickTime)
}

// transit is a time as a transit of what has that timestamp.
func (b *Buffer) transit(at time.Duration, ts int64) time.Duration { return at - b.shift - b.time(ts) }

// expire throws out what is too old to be played.
func (b *Buffer) expire() {
	for f := b.front(); f != nil && b.tick-f.arrival > b.max; f = b.front() {
		b.throw(f)
	}
}

// start learns the path from what is stored where nothing is known, and says whether there is something to play.
func (b *Buffer) start() bool {
	b.skip()
	b.expire()
	f := b.front()
	if f == nil || b.grid-f.arrival < margin {
		return false
	}
	b.path.forget()
	for s := b.low; s <= b.high; s++ {
		if sl := b.get(s); sl != nil {
			b.foresee(sl)
		}
	}
	b.state, b.playedAt = silent, b.grid
	return true
}

// foresee notes the transit of f, and of those after it if they come as they should: ticks pull all of their 20 ms at
// once, and packets that are no whole number of ticks begin anywhere in them.
func (b *Buffer) foresee(f *slot) {
	d := b.time(int64(f.samples))
	after := time.Duration(0)
	for range 8 {
		tick := b.had(f.arrival+after, b.grid)
		b.path.note(tick, b.transit(tick, f.ts)-after, max(d, tickTime/2))
		if after += d; after%tickTime == 0 {
			return
		}
	}
}

// begun takes f for what is to be heard now.
func (b *Buffer) begun(f *slot) {
	b.state = playing
	b.due, b.debt, b.run = f.ts, 0, 0
}

// skip throws out all packets before the newest that has waited long enough to begin with.
func (b *Buffer) skip() {
	if b.count == 0 {
		return
	}
	for s := b.back().seq; s > b.front().seq; s-- {
		if sl := b.get(s); sl == nil || b.grid-sl.arrival < margin {
			continue
		}
		for f := b.front(); f.seq < s; f = b.front() {
			b.throw(f)
		}
	}
}

// starve conceals where nothing is stored. Whether what comes next is the packet that was due, or a later one, will
// say whether time was stretched or a packet lost.
func (b *Buffer) starve(left int64) (Packet, Outcome) {
	if b.state == silent || b.run+b.piece > b.units(concealTime) {
		b.state = silent
		return Packet{Samples: int(left)}, Empty
	}
	b.run += b.piece
	b.debt += b.piece
	return Packet{Samples: int(b.piece)}, Lost
}

// settle decides what the time concealed by starve was, now that f is there.
func (b *Buffer) settle(f *slot) {
	if missing := min(max(f.ts-b.due, 0), b.debt); missing > 0 {
		b.due += missing
		b.floorTS = max(b.floorTS, b.due)
	}
	b.debt = 0
}

// resume plays f after a silence, when the path says that it is time. Nobody hears how long a silence is, so the delay
// becomes what it should be at once. Where the silence was a long loss, its end is asked for, for f may hold a copy.
func (b *Buffer) resume(f *slot, heard time.Duration, left int64) (Packet, Outcome) {
	wait := b.units(b.path.target(b.grid) - b.transit(heard, f.ts))
	if wait < b.grain || b.grid-f.arrival >= b.max/2 {
		b.begun(f)
		return b.play(f, heard), Play
	}
	if before := int64(f.samples); wait > before-b.grain && b.copies(f) {
		if wait < before+b.grain {
			return b.recall(f), Lost
		}
		wait -= before
	}
	return Packet{Samples: int(min(wait, left))}, Empty
}

// copies says whether f may hold a copy of the packet before it, which has not come.
func (b *Buffer) copies(f *slot) bool {
	return b.repairs && b.counting && f.samples > 0 && f.seq-1 > b.floorSeq && !b.seen.has(b.newest-f.seq+1)
}

// recall ends a silence with what f may hold a copy of; f follows at once.
func (b *Buffer) recall(f *slot) Packet {
	b.begun(f)
	b.floorTS = max(b.floorTS, f.ts)
	return Packet{Samples: int(f.samples), Payload: b.payload(f)}
}

// bridge conceals where packets are missing before f. The last of them is asked for as a whole, for f may hold a copy.
func (b *Buffer) bridge(f *slot, gap, left int64) (Packet, Outcome) {
	p, what := Packet{}, Lost
	n := min(b.piece, gap/b.grain*b.grain)
	if before := gap - int64(f.samples); before >= b.grain {
		n = min(n, before/b.grain*b.grain)
	} else if f.samples > 0 && gap+b.grain > int64(f.samples) {
		n = gap / b.grain * b.grain
		p.Payload = b.payload(f)
	}
	if b.run+n > b.units(concealTime) && p.Payload == nil {
		n, what = min(n, left), Empty
	} else {
		b.run += n
	}
	p.Samples = int(n)
	b.due += n
	b.floorTS = max(b.floorTS, b.due)
	return p, what
}

// play takes f, the front, out, to be heard then.
func (b *Buffer) play(f *slot, heard time.Duration) Packet {
	if !b.counting {
		b.counting, b.countSeq, b.floorSeq = true, f.seq, f.seq-1
		b.stats.Delay = heard - f.arrival
	}
	b.measure(heard-f.arrival, b.time(int64(f.samples)))
	b.playedAt = b.grid
	b.pass(f)
	b.due, b.run = f.end(), 0
	if f.has(isNoise) {
		b.state = silent
		return b.take(f)
	}
	b.piece = min(int64(f.samples)/b.grain*b.grain, b.units(tickTime))
	b.piece = max(b.piece, b.grain)
	return b.take(f)
}

// measure notes the delay of a packet that lasts for d.
func (b *Buffer) measure(delay, d time.Duration) {
	delay = max(delay, 0)
	b.stats.Delay += (delay - b.stats.Delay) / 8
	if b.peakFor += d; b.peakFor > peakTime {
		b.peakFor = 0
		b.peak[1], b.peak[0] = b.peak[0], 0
	}
	b.peak[0] = max(b.peak[0], delay)
}
