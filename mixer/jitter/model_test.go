package jitter_test

import (
	"bytes"
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/confbridge/confbridge/mixer/jitter"
)

// sent is a packet of the model. Its index does not wrap.
type sent struct {
	jitter.Packet
	index int
	ts    int64
}

// model is a slow buffer that is obviously right about what it says: which packets are in, in a sorted slice, what
// has come out, and what has gone by. It leaves open when sound is concealed or cut, and checks that nothing else
// happens than may.
type model struct {
	t   *rapid.T
	b   *jitter.Buffer
	max time.Duration
	now time.Time

	// The sender and the network.
	seq    uint16
	ts     uint32
	media  int64
	index  int
	flight []sent
	old    []sent

	// What the buffer should know.
	stored   []sent
	accepted map[int]bool // put in, and not to be put in again
	newest   *sent
	bad      int // index of the last packet of a new stream that was not believed yet, or -1
	jumped   bool
	last     *sent // played last
	first    int   // index of the first that was played
	gone     int   // packets up to this index are gone
	passed   bool  // sound was concealed since something was played
	before   jitter.Stats
	lostGone uint64 // lost in earlier streams
	over     int    // samples made for the ticks to come
}

func newModel(t *rapid.T) *model {
	m := &model{
		t: t, now: epoch, bad: -1, gone: -1, first: -1, accepted: map[int]bool{},
		max: time.Duration(rapid.IntRange(60, 400).Draw(t, "max")) * ms,
		seq: rapid.Uint16().Draw(t, "seq"), ts: rapid.Uint32().Draw(t, "ts"),
	}
	m.b = jitter.New(jitter.Config{ClockRateHz: 8000, Max: m.max})
	return m
}

// send makes the sender send one packet into the network.
func (m *model) send() {
	samples := rapid.SampledFrom([]int{0, 80, 160, 160, 160, 160, 240}).Draw(m.t, "samples")
	p := sent{index: m.index, ts: m.media}
	p.Packet = jitter.Packet{
		Sequence: m.seq + uint16(m.index), Timestamp: m.ts + uint32(m.media), Samples: samples,
		Payload: bytes.Repeat([]byte{byte(m.index)}, max(samples, 1)), Noise: samples == 0,
		Level: jitter.Level{Known: true, Below: byte(m.index) & 127},
	}
	m.index++
	m.media += int64(samples)
	if samples == 0 {
		m.media += 160 // of the silence that it begins
	}
	m.flight = append(m.flight, p)
}

// pause lets the sender and the world be silent together.
func (m *model) pause() {
	d := time.Duration(rapid.SampledFrom([]int{20, 40, 100, 500, 11000}).Draw(m.t, "pause")) * ms
	m.media += int64(d / ms * 8)
	for end := m.now.Add(d); m.now.Before(end); {
		m.tick()
	}
}

// jump begins another stream on the same buffer.
func (m *model) jump() {
	if m.index == 0 || m.jumped {
		return
	}
	m.seq += uint16(m.index) + uint16(rapid.IntRange(1000, 60000).Draw(m.t, "jump"))
	m.ts += uint32(rapid.IntRange(1<<24, 1<<30).Draw(m.t, "jump of time"))
	m.flight, m.old = nil, nil
	m.bad, m.jumped = -1, m.newest != nil
}

func (m *model) deliver() {
	if len(m.flight) == 0 {
		return
	}
	i := rapid.IntRange(0, min(len(m.flight)-1, 3)).Draw(m.t, "which")
	p := m.flight[i]
	m.flight = slices.Delete(m.flight, i, i+1)
	if rapid.IntRange(0, 19).Draw(m.t, "fate") > 0 {
		m.put(p)
	}
}

func (m *model) again() {
	if len(m.old) > 0 {
		m.put(m.old[rapid.IntRange(0, len(m.old)-1).Draw(m.t, "which")])
	}
}

// put hands p to the buffer and checks the verdict.
func (m *model) put(p sent) {
	p.Arrival = m.now
	if m.newest != nil && !m.jumped && p.index != m.newest.index {
		off := p.Arrival.Sub(m.newest.Arrival) - time.Duration(p.ts-m.newest.ts)*time.Second/8000
		if off > 900*ms || off < -900*ms || p.index < m.newest.index-100 {
			return // so far off that it would have to be confirmed
		}
	}
	m.old = append(m.old, p)
	got := m.b.Put(p.Packet)
	if m.jumped {
		if m.bad < 0 || p.index != m.bad+1 {
			m.want(got == jitter.Invalid, "first packet %d of a new stream: verdict %v", p.index, got)
			m.bad = p.index
			return
		}
		m.restart()
	}
	after := m.b.Stats()
	thrown := int(after.Overflow - m.before.Overflow)
	switch got {
	case jitter.Duplicate:
		m.want(m.accepted[p.index], "packet %d is no duplicate", p.index)
	case jitter.Late:
		m.want(!m.accepted[p.index], "packet %d is a duplicate, not late", p.index)
		m.want(p.index <= m.gone || m.passed, "packet %d is not late: %d are gone", p.index, m.gone)
		m.accepted[p.index] = true
	case jitter.Stored, jitter.Overflow:
		m.want(!m.accepted[p.index], "packet %d stored twice", p.index)
		m.want(p.index > m.gone, "packet %d stored behind %d", p.index, m.gone)
		m.accepted[p.index] = true
		m.stored = append(m.stored, p)
		slices.SortFunc(m.stored, func(a, b sent) int { return cmp.Compare(a.index, b.index) })
		front, back := m.stored[0], m.stored[len(m.stored)-1]
		span := time.Duration(back.ts+int64(back.Samples)-front.ts) * time.Second / 8000
		m.want(thrown == 0 || span > m.max || back.index-front.index >= 64, "%d thrown out with %v held", thrown, span)
		m.want((thrown > 0) == (got == jitter.Overflow), "%d thrown out, verdict %v", thrown, got)
	default:
		m.want(false, "packet %d: verdict %v", p.index, got)
	}
	m.discard(thrown)
	m.before = after
	if m.newest == nil || p.index > m.newest.index {
		m.newest = &p
	}
}

// restart follows the buffer into the new stream: all that was stored is thrown out.
func (m *model) restart() {
	m.before.Overflow += uint64(len(m.stored))
	m.discard(len(m.stored))
	m.lostGone = m.b.Stats().Lost
	m.jumped, m.newest, m.last, m.passed = false, nil, nil, false
	m.gone, m.first = -1, -1
}

// discard takes the oldest n out.
func (m *model) discard(n int) {
	m.want(n <= len(m.stored), "%d thrown out of %d", n, len(m.stored))
	if n > 0 {
		m.gone = m.stored[n-1].index
		m.stored = m.stored[n:]
	}
}

func (m *model) tick() {
	m.now = m.now.Add(20 * ms)
	m.b.Tick(m.now)
	m.thrown()
	for fifo := m.over; ; {
		if fifo >= 160 {
			m.over = m.scale(fifo) - 160
			return
		}
		p, what := m.b.Next(time.Duration(fifo) * ms / 8)
		m.thrown()
		fifo += p.Samples
		switch what {
		case jitter.Empty:
			m.want(p.Samples > 0 && p.Samples <= 160, "silent for %d samples", p.Samples)
			m.passed = true
		case jitter.Lost:
			m.want(p.Samples > 0 && p.Samples <= 960, "concealing %d samples", p.Samples)
			m.want(p.Payload != nil || p.Samples <= 160, "concealing %d samples at once", p.Samples)
			m.copied(p)
			m.passed = true
		case jitter.Play:
			m.out(p)
		}
	}
}

// thrown takes out what the buffer has thrown out, which it needs a reason for.
func (m *model) thrown() {
	after := m.b.Stats()
	if n := int(after.Overflow - m.before.Overflow); n > 0 {
		m.want(m.last == nil || m.now.Sub(m.last.Arrival) > 10*time.Second || m.now.Sub(m.stored[0].Arrival) > m.max,
			"%d thrown out without a reason", n)
		m.discard(n)
	}
	m.before = after
}

// scale stretches or cuts what is left for the following ticks, as playout may or may not do, and returns how much
// there is then. What is said to be too much can be cut without anything being missing at once.
func (m *model) scale(fifo int) int {
	off := int(m.b.Surplus(time.Duration(fifo)*ms/8) * 8 / ms)
	m.want(off <= int((m.max+time.Second+20*ms)*8/ms), "a surplus of %d samples, of a buffer of %v", off, m.max)
	m.want(off <= fifo-160 || len(m.stored) > 0, "%d samples too many of %d, and nothing is stored", off, fifo)
	if off == 0 || rapid.IntRange(0, 2).Draw(m.t, "scale") > 0 {
		return fifo
	}
	if off < 0 {
		return fifo + min(-off, 80)
	}
	return max(fifo-min(off, 80), 160)
}

// copied checks that what is lost before the next packet is told that one's payload, and no other's.
func (m *model) copied(p jitter.Packet) {
	if p.Payload != nil {
		m.want(len(m.stored) > 0 && bytes.Equal(p.Payload, m.stored[0].Payload), "the payload is not that of the next packet")
		m.want(m.last == nil || m.stored[0].index > m.last.index+1 || m.gone > m.last.index, "nothing is missing before packet %d", m.stored[0].index)
	}
}

// out checks a packet that came out.
func (m *model) out(p jitter.Packet) {
	if len(m.stored) == 0 {
		m.t.Fatalf("packet %d came out of an empty buffer", p.Sequence)
	}
	w := m.stored[0]
	m.want(p.Sequence == w.Sequence && p.Timestamp == w.Timestamp && p.Samples == w.Samples &&
		p.Arrival.Equal(w.Arrival) && p.Noise == w.Noise && p.Level == w.Level && bytes.Equal(p.Payload, w.Payload), "got %v, want %v", p, w.Packet)
	m.want(m.now.Sub(p.Arrival) <= m.max, "packet %d is %v old", p.Sequence, m.now.Sub(p.Arrival))
	m.want(m.last == nil || w.ts > m.last.ts, "packet %d came out of turn", w.index)
	m.last, m.gone = &w, w.index
	m.stored = m.stored[1:]
	m.passed = false
	if m.first < 0 {
		m.first = w.index
	}
	missing := m.lostGone
	for i := m.first; i < m.gone; i++ {
		if !m.accepted[i] {
			missing++
		}
	}
	m.want(m.b.Stats().Lost == missing, "got %d lost, want %d", m.b.Stats().Lost, missing)
}

func (m *model) want(ok bool, format string, args ...any) {
	if !ok {
		m.t.Helper()
		m.t.Fatalf(format, args...)
	}
}

func TestAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"send and tick": func(t *rapid.T) {
				m.t = t
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					m.send()
					m.deliver()
					m.tick()
				}
			},
			"send":    func(t *rapid.T) { m.t = t; m.send() },
			"deliver": func(t *rapid.T) { m.t = t; m.deliver() },
			"burst": func(t *rapid.T) {
				m.t = t
				for range rapid.IntRange(1, 30).Draw(t, "n") {
					m.send()
				}
				for range rapid.IntRange(1, 30).Draw(t, "n") {
					m.deliver()
				}
			},
			"tick":   func(t *rapid.T) { m.t = t; m.tick() },
			"again":  func(t *rapid.T) { m.t = t; m.again() },
			"repair": func(t *rapid.T) { m.b.Repairs(rapid.Bool().Draw(t, "can")) },
			"pause":  func(t *rapid.T) { m.t = t; m.pause() },
			"jump":   func(t *rapid.T) { m.t = t; m.jump() },
		})
		m.t = t
		for range 30 {
			m.tick()
		}
		m.want(len(m.stored) == 0, "%d packets never came out", len(m.stored))
	})
}
