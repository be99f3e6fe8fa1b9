package jitter

import (
	"math"
	"time"
)

const (
	defaultMax  = 400 * time.Millisecond
	tickTime    = 20 * time.Millisecond  // the grid on which Next is called, and the piece that is concealed at once
	margin      = time.Millisecond       // what a packet must have waited to count as in time
	concealTime = 80 * time.Millisecond  // after that: silence
	packetTime  = 120 * time.Millisecond // the longest packet
	peakTime    = 5 * time.Second
	forgetTime  = 10 * time.Second // a pause after which nothing is known of the path any more
	jumpTime    = time.Second      // a packet that is early or late by more must be confirmed
	maxDropout  = 512              // sequence numbers, forward (RFC 3550 §A.1)
	maxMisorder = 100              // and backward
)

// Config is how a Buffer behaves.
type Config struct {
	ClockRateHz int           // of the RTP timestamps; 0 means 8000
	Max         time.Duration // no packet is played that is older; 0 means 400 ms
	// BytesPerSecond is what the payloads are; 0 means 8000 up to a clock of 16 kHz, 12800 above. It says how much memory
	// there is for them.
	BytesPerSecond int
}

type state uint8

const (
	fresh  state = iota // nothing is known: begin with the newest
	silent              // nobody was sending; the path is known
	playing
)

// Buffer is one leg's playout buffer. One goroutine owns it.
type Buffer struct {
	store
	max   time.Duration
	rate  int64
	piece int64 // what is concealed at once, clock units: the last packet's length, 20 ms at most
	grain int64 // concealment is a multiple of this: 2.5 ms, the step of Opus (RFC 6716 §2.1.4)

	// The stream as it comes in.
	known    bool
	newest   int64     // highest sequence number seen
	noise    bool      // it is comfort noise
	newestTS int64     // its timestamp
	newestAt time.Time // its arrival
	seen     window    // which have been put in, or are Absent
	absent   bool      // newest is Absent, or was late: newestTS is of one before it
	suspect  bool      // a packet too far off was seen, with these:
	badSeq   uint16
	badTS    uint32

	// The position in it.
	state    state
	tick     time.Duration // of the last Next, since epoch
	grid     time.Duration // when that tick should have been
	shift    time.Duration // by how much the grid has moved within a tick
	due      int64         // timestamp that plays next
	debt     int64         // concealed since the store ran dry, not known yet whether due moves by it
	run      int64         // concealed since the last packet was played
	floorSeq int64         // packets up to this one are late
	floorTS  int64         // packets below are late
	counting bool          // a packet has been played: from then on gaps are losses
	countSeq int64         // it
	playedAt time.Duration // when the last packet was played

	path    path
	repairs bool             // a packet can be had from the one after it
	peak    [2]time.Duration // the greatest delays of this peakTime and of the one before
	peakFor time.Duration    // of sound
	stats   Stats
}

// New returns an empty buffer. It takes about 3 kB, and grows with what waits in it, to 7 kB up to 16 kHz and 9 kB above: the payloads of 430 ms at 64 kbit/s,
// and at 128 kbit/s. Nothing else is allocated after it.
func New(cfg Config) *Buffer {
	if cfg.ClockRateHz <= 0 {
		cfg.ClockRateHz = 8000
	}
	if cfg.Max <= 0 {
		cfg.Max = defaultMax
	}
	b := &Buffer{max: cfg.Max, rate: int64(cfg.ClockRateHz)}
	b.piece, b.grain = b.units(tickTime), max(b.units(tickTime/8), 1)
	chunkBytes := 80 // 10 ms of G.711
	if cfg.ClockRateHz > 16000 {
		chunkBytes = 128
	}
	b.init(max(chunkBytes, cfg.BytesPerSecond/100))
	b.path.limit = b.max * 3 / 4
	b.path.forget()
	return b
}

func (b *Buffer) units(d time.Duration) int64 { return int64(d) * b.rate / int64(time.Second) }

func (b *Buffer) time(units int64) time.Duration {
	if -1<<32 < units && units < 1<<32 { // it fits, and is what comes at each packet
		return time.Duration(units * int64(time.Second) / b.rate)
	}
	return time.Duration(units/b.rate)*time.Second + time.Duration(units%b.rate)*time.Second/time.Duration(b.rate)
}

// Put takes a packet in and says what became of it. It copies p.Payload.
func (b *Buffer) Put(p Packet) Verdict {
	if !b.valid(&p) {
		return Invalid
	}
	if !b.known {
		b.begin(&p)
	}
	step := int64(int16(p.Sequence - uint16(b.newest)))
	seq, ts := b.newest+step, b.newestTS+int64(int32(p.Timestamp-uint32(b.newestTS)))
	switch {
	case step <= 0 && step > -slotCount && b.seen.has(-step):
		b.stats.Duplicate++
		return Duplicate
	case !b.fits(step, ts, &p):
		if !b.confirmed(&p) {
			return Invalid
		}
		b.stats.Restarts++
		b.flush()
		b.begin(&p)
		seq, ts = b.newest, b.newestTS
	case step <= -slotCount && b.seen.has(-step):
		b.stats.Duplicate++
		return Duplicate
	case step <= -slotCount || seq <= b.floorSeq || ts < b.floorTS:
		b.late(seq, ts, &p)
		return Late
	case step <= 0 && !b.between(seq, ts):
		return Invalid
	}
	b.suspect = false
	b.learn(seq, ts, &p)
	return b.keep(seq, ts, &p)
}

// valid says whether p can be held at all. Comfort noise lasts for no time.
func (b *Buffer) valid(p *Packet) bool {
	if p.Noise {
		return p.Samples == 0 && len(p.Payload) <= maxPayload
	}
	return p.Samples > 0 && p.Samples <= math.MaxUint16 && b.time(int64(p.Samples)) <= packetTime && len(p.Payload) <= maxPayload
}

// learn notes the transit of a packet that has come. Where packets can be repaired, one that is missing before it comes
// with it.
func (b *Buffer) learn(seq, ts int64, p *Packet) {
	if b.state == fresh {
		return // start does it
	}
	tick := b.had(p.Arrival.Sub(b.epoch), b.grid+tickTime)
	d := b.time(int64(p.Samples))
	if gone := b.newest + 1; b.repairs && seq > gone && !b.absent {
		ts -= int64(p.Samples)
	}
	b.path.note(tick, b.transit(tick, ts), max(d, tickTime/2))
}

// had is the tick of the grid, from earliest on, at which a packet can first be had that comes at that time.
func (b *Buffer) had(arrival, earliest time.Duration) time.Duration {
	wait := arrival + margin - earliest
	if wait <= 0 {
		return earliest
	}
	return earliest + (wait + tickTime - 1).Truncate(tickTime)
}

// Repairs says whether a packet that was lost can be had from the one after it. Then it may be worth the delay to wait for
// that.
func (b *Buffer) Repairs(can bool) { b.repairs = can }

// Absent says that the packet of that sequence number has come and holds no audio: while a key is pressed, RFC 4733
// events take numbers of the same stream. It is then not a loss. What does not fit the stream is passed over.
func (b *Buffer) Absent(sequence uint16) {
	step := int64(int16(sequence - uint16(b.newest)))
	if !b.known || step > maxDropout || step <= -slotCount {
		return
	}
	seq := b.newest + step
	b.come(seq)
	if b.count == 0 && seq == b.floorSeq+1 {
		b.floorSeq = seq // a long press must not outrun what seen remembers
	}
}

// come notes that a number has come whose packet is not kept.
func (b *Buffer) come(seq int64) {
	if seq > b.newest {
		b.seen.advance(seq - b.newest)
		b.newest, b.absent = seq, true
	}
	b.seen.add(b.newest - seq)
}

// begin takes p as the first packet of a stream.
func (b *Buffer) begin(p *Packet) {
	b.known = true
	if b.epoch.IsZero() {
		b.epoch = p.Arrival
	}
	b.newest, b.newestTS, b.newestAt = int64(p.Sequence)+1<<16, int64(p.Timestamp)+1<<32, p.Arrival
	b.seen, b.absent, b.noise = window{}, false, p.Noise
	b.suspect = false
	b.state = fresh
	b.due, b.debt, b.run = b.newestTS, 0, 0
	b.floorSeq, b.floorTS = b.newest-slotCount, 0
	b.counting = false
	b.path.forget()
}

// fits says whether a packet continues the stream. The steps are RFC 3550 §A.1's; time must have passed about as its
// timestamp says, unless it has long been too late.
func (b *Buffer) fits(step, ts int64, p *Packet) bool {
	if step > maxDropout || step < -maxMisorder {
		return false
	}
	if step == 0 {
		return true
	}
	// Comfort noise takes no time, so the next packet may have its timestamp.
	together := ts == b.newestTS && (b.noise || p.Noise)
	if (step > 0) != (ts > b.newestTS) && !b.absent && !together {
		return false
	}
	if step <= -slotCount { // too old to be heard, so how late it is does not matter: it is of the stream if its timestamp is as old as its number
		return ts < b.newestTS && b.time(b.newestTS-ts) <= maxMisorder*packetTime
	}
	off := p.Arrival.Sub(b.newestAt) - b.time(ts-b.newestTS)
	return off <= jumpTime && off >= -jumpTime
}

// confirmed says whether p follows on the packet that did not fit, so that both are believed.
func (b *Buffer) confirmed(p *Packet) bool {
	ok := b.suspect && p.Sequence == b.badSeq+1 && int32(p.Timestamp-b.badTS) > 0
	b.suspect, b.badSeq, b.badTS = true, p.Sequence, p.Timestamp
	return ok
}

// between says whether the order of sequence numbers around a packet is that of the timestamps.
func (b *Buffer) between(seq, ts int64) bool {
	for s := seq - 1; b.count > 0 && s >= b.low; s-- {
		if sl := b.get(s); sl != nil {
			if sl.ts >= ts {
				return false
			}
			break
		}
	}
	for s := seq + 1; b.count > 0 && s <= b.high; s++ {
		if sl := b.get(s); sl != nil {
			return sl.ts > ts
		}
	}
	return true
}

// keep stores a packet that is in time and throws out the oldest where more is held than may be.
func (b *Buffer) keep(seq, ts int64, p *Packet) Verdict {
	if seq > b.newest {
		b.seen.advance(seq - b.newest)
		b.newest, b.newestTS, b.newestAt, b.absent, b.noise = seq, ts, p.Arrival, false, p.Noise
	}
	b.seen.add(b.newest - seq)
	verdict := Stored
	chunk, ok := b.room(len(p.Payload))
	for b.count > 0 && (!ok || b.front().seq <= b.newest-slotCount) {
		verdict = Overflow
		if b.front().seq > seq {
			b.stats.Overflow++
			return verdict
		}
		b.throw(b.front())
		chunk, ok = b.room(len(p.Payload))
	}
	b.put(seq, ts, p, chunk)
	for b.time(b.back().end()-b.front().ts) > b.max && b.count > 1 {
		b.throw(b.front())
		verdict = Overflow
	}
	return verdict
}

// throw drops the front for want of room.
func (b *Buffer) throw(f *slot) {
	b.stats.Overflow++
	b.pass(f)
	b.drop(f)
}

// pass moves the floor behind a packet that is played or thrown out, and counts those that are missing before it.
func (b *Buffer) pass(f *slot) {
	if b.counting {
		b.stats.Lost += uint64(b.missing(f))
	}
	b.floorSeq, b.floorTS = f.seq, max(b.floorTS, f.ts+1)
	if f.has(isNoise) {
		b.floorTS = max(b.floorTS-1, f.ts)
	}
}

// missing counts the packets before f that have not come.
func (b *Buffer) missing(f *slot) int {
	count := 0
	for s := f.seq - 1; s > b.floorSeq; s-- {
		if !b.seen.has(b.newest - s) {
			count++
		}
	}
	return count
}

// late notes a packet that came after its turn. It is called once for each number.
func (b *Buffer) late(seq, ts int64, p *Packet) {
	b.stats.Late++
	b.come(seq)
	if b.counting && seq > b.countSeq {
		if seq <= b.floorSeq && b.stats.Lost > 0 {
			b.stats.Lost-- // it came after all
		}
		b.learn(seq, ts, p)
	}
}

// flush throws out all that is stored.
func (b *Buffer) flush() {
	for f := b.front(); f != nil; f = b.front() {
		b.throw(f)
	}
}

// Reset forgets the source and what is stored of it, and keeps the counts: what follows is a new one.
func (b *Buffer) Reset() {
	for f := b.front(); f != nil; f = b.front() {
		b.drop(f)
	}
	b.known, b.suspect, b.state = false, false, fresh
	b.stats.Delay = 0
	b.path.forget()
}

// Stats tells how it went so far.
func (b *Buffer) Stats() Stats {
	s := b.stats
	s.MaxDelay = max(b.peak[0], b.peak[1])
	return s
}
