package jitter

import "time"

// Next says what comes next in the tick whose time is t. It is called until the tick has its 20 ms of sound, or
// until it is Empty. Packet.Payload is valid until the next call on the Buffer.
func (b *Buffer) Next(t time.Time) (Packet, Outcome) {
	if b.epoch.IsZero() {
		b.epoch = t
	}
	if now := t.Sub(b.epoch); now != b.tick {
		b.ahead = max(b.ahead-b.units(tickTime), 0)
		b.onGrid(now)
	}
	now := b.grid
	p, what := b.next(now)
	switch what {
	case Play, Lost:
		b.ahead += int64(p.Samples)
	case Empty:
		b.ahead = max(b.ahead, b.units(tickTime))
	case Merge:
	}
	return p, what
}

func (b *Buffer) next(now time.Duration) (Packet, Outcome) {
	if b.merging && b.count > 0 {
		b.merging = false
		return b.play(now), Play
	}
	b.merging = false
	b.expire()
	if b.state != playing && !b.start(now) {
		return Packet{}, Empty
	}
	f := b.front()
	if f == nil {
		return b.starve()
	}
	b.settle(f)
	switch gap := f.ts - b.due; {
	case gap >= b.grain && f.seq == b.floorSeq+1: // nothing is missing: the sender was silent
		b.state = floating
		if !b.start(now) {
			return Packet{}, Empty
		}
	case gap >= b.grain:
		return b.bridge(gap)
	default:
		b.depth -= b.time(gap) // not worth concealing, or the last packet claimed to last longer than it did
	}
	if b.short(b.due, holdBlocks*int64(b.window.size)) && now-f.arrival < b.max/2 {
		b.stats.Inserted++
		b.grew(b.time(b.piece))
		return conceal(b.piece)
	}
	d := b.time(int64(f.samples))
	if next := b.get(f.seq + 1); next != nil && next.ts == f.end() && next.samples == f.samples && d <= MaxMerge && b.surplus(d) {
		p := b.play(now)
		b.cut(d)
		b.stats.Cut++
		b.merging = true
		return p, Merge
	}
	return b.play(now), Play
}

// onGrid moves the grid to the tick at now. Slack counts from the grid: a tick that is late by chance must not pass
// for delay, or the next one that is on time finds its packet missing. Ticks are late but never early, so the grid
// follows an earlier one at once and a later one slowly.
func (b *Buffer) onGrid(now time.Duration) {
	b.tick = now
	b.grid += tickTime
	if late := now - b.grid; late < 0 || late >= tickTime {
		b.grid = now
	} else {
		b.grid += late / 64
	}
}

// expire throws out what is too old to be played.
func (b *Buffer) expire() {
	for f := b.front(); f != nil && b.tick-f.arrival > b.max; f = b.front() {
		b.throw(f)
	}
}

// start begins to play where it is time to, and says whether it is.
func (b *Buffer) start(now time.Duration) bool {
	if b.state == floating && now-b.playedAt > forgetTime {
		b.state = fresh
		b.forget()
	}
	if b.state == fresh {
		b.skip(now)
		b.expire() // one that others overtook may be older than the front was
	}
	f := b.front()
	if f == nil {
		return false
	}
	age := now - f.arrival
	if age < b.lead(f) {
		return false
	}
	if b.state == floating {
		// Where would playing now put the packets that the window remembers?
		depth := b.playedDepth + b.heard(now) - b.playedAt - b.time(f.ts-b.playedTS)
		if least, _ := b.window.min(b.hold); least+depth < startMargin && age < b.max/2 {
			return false
		}
		b.depth = depth
	}
	b.state = playing
	b.due, b.debt, b.run = f.ts, 0, 0
	return true
}

// heard is when what Next returns now is heard.
func (b *Buffer) heard(now time.Duration) time.Duration { return now + b.time(b.ahead) }

// lead is how long a packet must have waited that playing begins with: a tick pulls all its 20 ms at once, so the
// last of several short packets must be there too.
func (b *Buffer) lead(f *slot) time.Duration {
	return startMargin + max(tickTime-b.time(int64(f.samples)), 0)
}

// skip throws out all packets before the newest that has waited long enough to begin with.
func (b *Buffer) skip(now time.Duration) {
	if b.count == 0 {
		return
	}
	for s := b.back().seq; s > b.front().seq; s-- {
		if sl := b.get(s); sl == nil || now-sl.arrival < b.lead(sl) {
			continue
		}
		for f := b.front(); f.seq < s; f = b.front() {
			b.throw(f)
		}
	}
}

// starve conceals where nothing is stored. Whether what comes next is the packet that was due, or a later one, will
// say whether time was stretched or a packet lost.
func (b *Buffer) starve() (Packet, Outcome) {
	if b.run += b.piece; b.run > b.units(concealTime) {
		b.state = floating
		return Packet{}, Empty
	}
	b.debt += b.piece
	return conceal(b.piece)
}

// settle decides what the time concealed by starve was, now that f is there.
func (b *Buffer) settle(f *slot) {
	if b.debt == 0 {
		return
	}
	missing := min(max(f.ts-b.due, 0), b.debt)
	if missing > 0 {
		b.due += missing
		b.floorTS = max(b.floorTS, b.due)
	}
	if late := b.debt - missing; late > 0 {
		b.stats.Inserted += uint64((late + b.piece/2) / b.piece)
		b.grew(b.time(late))
	}
	b.debt = 0
}

// bridge conceals where packets are missing before f.
func (b *Buffer) bridge(gap int64) (Packet, Outcome) {
	n := min(b.piece, gap/b.grain*b.grain)
	if b.run += n; b.run > b.units(concealTime) {
		b.state = floating
		return Packet{}, Empty
	}
	b.due += n
	b.floorTS = max(b.floorTS, b.due)
	return conceal(n)
}

func conceal(units int64) (Packet, Outcome) { return Packet{Samples: int(units)}, Lost }

// play takes the front out.
func (b *Buffer) play(now time.Duration) Packet {
	f := b.front()
	slack := max(now-f.arrival, -tickTime)
	b.played(b.heard(now), f.ts, slack, b.time(int64(f.samples)), int(f.samples))
	if !b.counting {
		b.stats.Delay = max(slack, 0)
		b.counting, b.countSeq, b.floorSeq = true, f.seq, f.seq-1
	}
	b.stats.Delay += (max(slack, 0) - b.stats.Delay) / 8
	b.pass(f)
	b.due, b.run = f.end(), 0
	b.piece = min(int64(f.samples)/b.grain*b.grain, b.units(tickTime))
	b.piece = max(b.piece, b.grain)
	return b.take(f)
}
