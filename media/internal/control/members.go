package control

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

const (
	// MaxMembers is how many SSRCs are known one by one. Of larger sessions a half is, a quarter, and so on.
	MaxMembers = 1024
	slots      = 2 * MaxMembers // a power of two
	// sweepSlots is how many slots one Sweep looks at: all of them in 32 calls.
	sweepSlots = 64
	// ageUnit is what ages are kept in; their 32 bits last for 497 days.
	ageUnit = 10 * time.Millisecond
)

// Members are the SSRCs of a session other than our own that have been heard from, with what each has said last of how it hears us
// (RFC 3550 §6.2.1). It takes the same memory for any session: when 1024 are there, those of whom a bit of a keyed hash of the
// SSRC is set are forgotten and not taken any more, and each of the others counts for two (RFC 2762 §3). The number is off by some
// 4 % then, which makes the interval between reports, which has a random factor of 0.5 to 1.5, no worse. Nobody can aim at
// it: the key is drawn by each Members.
//
// One goroutine owns it. Only NewMembers allocates.
type Members struct {
	start time.Time
	key   uint64
	table [slots]member // open addressing
	count int           // in use
	depth int           // one in 1<<depth is kept

	cursor  int // of Sweep
	running tally
	sum     tally
}

// member is one slot: 16 bytes, as a session may have many.
type member struct {
	ssrc     uint32
	heard    uint32 // in ageUnits since start
	jitter   uint32 // in units of the clock
	fraction uint8  // lost, in 256ths
	flags    uint8
}

const (
	used uint8 = 1 << iota
	sending
	reporting // it has said how it hears us
)

// tally is what one round of Sweep has found.
type tally struct {
	receivers, senders int
	worst              uint8
	fraction           uint64
	jitter             uint64
}

// NewMembers is empty; ages count from now.
func NewMembers(now time.Time) *Members {
	return &Members{start: now, key: rand.Uint64()}
}

func (m *Members) hash(ssrc uint32) uint64 {
	h := (uint64(ssrc) ^ m.key) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>32
}

// kept says whether an SSRC is in the share that is kept; its slot is by other bits.
func (m *Members) kept(h uint64) bool { return bits.LeadingZeros64(h) >= m.depth }

func home(h uint64) int { return int(h % slots) }

func (m *Members) find(ssrc uint32, h uint64) (at int, found bool) {
	for i := home(h); ; i = (i + 1) % slots {
		switch s := &m.table[i]; {
		case s.flags&used == 0:
			return i, false
		case s.ssrc == ssrc:
			return i, true
		}
	}
}

// hear notes that ssrc has been heard from. It returns nil where ssrc is not in the share that is kept.
func (m *Members) hear(ssrc uint32, now time.Time) *member {
	h := m.hash(ssrc)
	if !m.kept(h) {
		return nil
	}
	at, found := m.find(ssrc, h)
	if !found {
		if m.count >= MaxMembers {
			m.thin()
			return m.hear(ssrc, now)
		}
		m.count++
		m.table[at] = member{ssrc: ssrc, flags: used}
	}
	m.table[at].heard = uint32(max(now.Sub(m.start), 0) / ageUnit)
	return &m.table[at]
}

// Hear notes that ssrc has reported, and whether it is a sender.
func (m *Members) Hear(ssrc uint32, now time.Time, isSender bool) {
	s := m.hear(ssrc, now)
	if s == nil {
		return
	}
	s.flags &^= sending
	if isSender {
		s.flags |= sending
	}
}

// Report notes how ssrc hears us: what share of our packets it has lost, in 256ths, and its jitter in units of our clock. It
// has been heard before.
func (m *Members) Report(ssrc uint32, fraction uint8, jitter uint32) {
	if at, found := m.find(ssrc, m.hash(ssrc)); found {
		s := &m.table[at]
		s.fraction, s.jitter, s.flags = fraction, jitter, s.flags|reporting
	}
}

// Leave forgets ssrc, which has said BYE.
func (m *Members) Leave(ssrc uint32) {
	if at, found := m.find(ssrc, m.hash(ssrc)); found {
		m.remove(at)
	}
}

// remove empties a slot and moves up those that its filling had pushed on.
func (m *Members) remove(hole int) {
	m.count--
	for i := (hole + 1) % slots; m.table[i].flags&used != 0; i = (i + 1) % slots {
		from := home(m.hash(m.table[i].ssrc))
		if (i-from+slots)%slots >= (i-hole+slots)%slots {
			m.table[hole] = m.table[i]
			hole = i
		}
	}
	m.table[hole] = member{}
}

// thin halves the share that is kept.
func (m *Members) thin() {
	m.depth++
	for i := 0; i < slots; {
		if m.table[i].flags&used != 0 && !m.kept(m.hash(m.table[i].ssrc)) {
			m.remove(i)
			continue // what has moved up
		}
		i++
	}
}

// Sweep looks at a part of the table, forgets who has been silent for timeout, and counts the others. A session that has shrunk to an
// eighth of what it may be is known more closely again.
func (m *Members) Sweep(now time.Time, timeout time.Duration) {
	if m.count == 0 && m.cursor == 0 && m.depth == 0 && m.sum == (tally{}) {
		return // nobody is there, nor was when it was last looked: the memory of a session that nobody reports in is not touched
	}
	age := uint32(max(now.Sub(m.start), 0) / ageUnit)
	most := uint32(timeout / ageUnit)
	for end := m.cursor + sweepSlots; m.cursor < end; {
		s := &m.table[m.cursor]
		if s.flags&used != 0 && age-s.heard > most {
			m.remove(m.cursor)
			continue
		}
		m.running.add(s)
		m.cursor++
	}
	if m.cursor < slots {
		return
	}
	m.cursor, m.sum, m.running = 0, m.running, tally{}
	if m.depth > 0 && m.count < MaxMembers/8 {
		m.depth--
	}
}

func (t *tally) add(s *member) {
	if s.flags&sending != 0 {
		t.senders++
	}
	if s.flags&reporting == 0 {
		return
	}
	t.receivers++
	t.worst = max(t.worst, s.fraction)
	t.fraction += uint64(s.fraction)
	t.jitter += uint64(s.jitter)
}

// Count is how many there are.
func (m *Members) Count() int { return m.count << m.depth }

// Audience is what receivers have told, as of the last round of Sweep.
type Audience struct {
	Members   int     // who has been heard from and is still there
	Senders   int     // of these, who sends
	Receivers int     // of these, who has said how it hears us
	Worst     float64 // share of our packets that was lost by whom it is worst for, 0 to 1
	Mean      float64 // and on the average
	Jitter    uint32  // on the average, in units of our clock
}

// Audience is what the last round of Sweep has found.
func (m *Members) Audience() Audience {
	a := Audience{Members: m.Count(), Senders: m.sum.senders << m.depth, Receivers: m.sum.receivers << m.depth}
	if n := uint64(m.sum.receivers); n > 0 {
		a.Worst, a.Mean = float64(m.sum.worst)/256, float64(m.sum.fraction)/float64(n)/256
		a.Jitter = uint32(m.sum.jitter / n)
	}
	return a
}
