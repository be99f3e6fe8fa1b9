package jitter_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/jitter"
)

func packet(seq uint16, at time.Duration) jitter.Packet {
	return jitter.Packet{
		Sequence: seq, Timestamp: uint32(seq) * 160, Samples: 160, Arrival: epoch.Add(at), Payload: make([]byte, 160),
	}
}

// next is one tick that asks once.
func next(b *jitter.Buffer, at time.Time) (jitter.Packet, jitter.Outcome) {
	b.Tick(at)
	return b.Next(0)
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	for name, change := range map[string]func(*jitter.Packet){
		"no samples":          func(p *jitter.Packet) { p.Samples = 0 },
		"negative samples":    func(p *jitter.Packet) { p.Samples = -1 },
		"more than 120 ms":    func(p *jitter.Packet) { p.Samples = 961 },
		"more than 1500 byte": func(p *jitter.Packet) { p.Payload = make([]byte, 1501) },
		"far ahead":           func(p *jitter.Packet) { p.Sequence, p.Timestamp = 600, 600*160 },
		"far behind":          func(p *jitter.Packet) { p.Sequence = 65000 },
		"of another time":     func(p *jitter.Packet) { p.Timestamp += 8000 * 60 },
		"time runs backward":  func(p *jitter.Packet) { p.Timestamp = 0 },
	} {
		b := jitter.New(jitter.Config{})
		if got := b.Put(packet(1, 0)); got != jitter.Stored {
			t.Fatalf("got verdict %v of the first packet", got)
		}
		p := packet(2, 20*ms)
		change(&p)
		if got := b.Put(p); got != jitter.Invalid {
			t.Errorf("%s: got verdict %v, want Invalid", name, got)
		}
		if got := b.Put(packet(3, 40*ms)); got != jitter.Stored {
			t.Errorf("%s: got verdict %v of the packet after it", name, got)
		}
	}
}

func TestAJumpIsBelievedAtTheSecondPacket(t *testing.T) {
	b := jitter.New(jitter.Config{})
	b.Put(packet(1, 0))
	for i, want := range []jitter.Verdict{jitter.Invalid, jitter.Stored, jitter.Stored} {
		if got := b.Put(packet(uint16(30000+i), time.Duration(i)*20*ms)); got != want {
			t.Errorf("packet %d of the new stream: got verdict %v, want %v", i, got, want)
		}
	}
	p, what := next(b, epoch.Add(45*ms))
	if what != jitter.Play || p.Sequence != 30002 {
		t.Errorf("got %v %d, want the newest of the new stream", what, p.Sequence)
	}
}

func TestABacklogAtTheStartIsNotPlayed(t *testing.T) {
	b := jitter.New(jitter.Config{})
	for i := range 10 {
		b.Put(packet(uint16(i), time.Duration(i)*20*ms))
	}
	p, what := next(b, epoch.Add(185*ms))
	if what != jitter.Play || p.Sequence != 9 || b.Stats().Overflow != 9 {
		t.Errorf("got %v %d and %+v, want the newest", what, p.Sequence, b.Stats())
	}
}

func TestResetBeginsANewSource(t *testing.T) {
	b := jitter.New(jitter.Config{})
	for i := range 5 {
		b.Put(packet(uint16(i), time.Duration(i)*20*ms))
		b.Put(packet(uint16(i), time.Duration(i)*20*ms))
	}
	b.Reset()
	if _, what := next(b, epoch.Add(100*ms)); what != jitter.Empty {
		t.Errorf("got %v of an empty buffer", what)
	}
	if got := b.Put(packet(40000, 100*ms)); got != jitter.Stored {
		t.Errorf("got verdict %v of the new source", got)
	}
	if got := b.Stats().Duplicate; got != 5 {
		t.Errorf("got %d duplicates, want the 5 from before", got)
	}
}

func TestLargePayloadsAreBounded(t *testing.T) {
	b := jitter.New(jitter.Config{ClockRateHz: 48000})
	overflow := 0
	for i := range 30 {
		p := packet(uint16(i), time.Duration(i)*10*ms)
		p.Timestamp, p.Samples, p.Payload = uint32(i)*480, 480, make([]byte, 1500)
		if b.Put(p) == jitter.Overflow {
			overflow++
		}
	}
	if overflow == 0 || uint64(overflow) > b.Stats().Overflow {
		t.Errorf("got %d overflows and %+v of 45 kB", overflow, b.Stats())
	}
}

func TestNothingIsAllocatedAfterNew(t *testing.T) {
	b := jitter.New(jitter.Config{})
	payload := make([]byte, 160)
	i := 0
	allocs := testing.AllocsPerRun(5000, func() {
		at := epoch.Add(time.Duration(i) * 20 * ms)
		for _, n := range []int{i, i, i - 3} {
			b.Put(jitter.Packet{
				Sequence: uint16(n), Timestamp: uint32(n) * 160, Samples: 160,
				Arrival: at.Add(time.Duration(i%7) * 5 * ms), Payload: payload,
			})
		}
		next(b, at.Add(30*ms))
		b.Surplus(0)
		b.Stats()
		i++
	})
	if allocs != 0 {
		t.Errorf("got %v allocations a tick", allocs)
	}
}

func TestABufferIsSmall(t *testing.T) {
	for rate, limit := range map[int]uint64{8000: 4 << 10, 48000: 9 << 9} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b := jitter.New(jitter.Config{ClockRateHz: rate})
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > limit {
			t.Errorf("got %d bytes at %d Hz, want at most %d", got, rate, limit)
		}
		runtime.KeepAlive(b)
	}
}

// TestABufferGrowsWithWhatWaitsInIt: what was stored before it grew is as it was, and once it has grown it stays so.
func TestABufferGrowsWithWhatWaitsInIt(t *testing.T) {
	const waiting = 20 // packets: 400 ms
	b := jitter.New(jitter.Config{})
	var payloads [waiting][]byte
	for i := range payloads {
		payloads[i] = bytes.Repeat([]byte{byte(i)}, 160)
	}
	fill := func(from, first, end int) {
		for i, payload := range payloads[first:end] {
			i += first
			p := jitter.Packet{Sequence: uint16(from + i), Timestamp: uint32(from+i) * 160, Samples: 160, Payload: payload}
			p.Arrival = epoch.Add(time.Duration(from) * 20 * ms) // all at once
			if got := b.Put(p); got != jitter.Stored {
				t.Errorf("packet %d: got verdict %v", from+i, got)
			}
		}
	}
	fill(0, 0, 1)
	for i, payload := range payloads {
		if i == 1 {
			fill(0, 1, waiting)
		}
		p, outcome := next(b, epoch.Add(time.Duration(i+1)*20*ms))
		if outcome != jitter.Play || int(p.Sequence) != i || !bytes.Equal(p.Payload, payload) {
			t.Fatalf("packet %d: got number %d, outcome %v, payload of %d", i, p.Sequence, outcome, p.Payload[0])
		}
	}
	from := 0
	if allocs := testing.AllocsPerRun(3, func() {
		b.Reset()
		from += waiting
		fill(from, 0, waiting)
	}); allocs != 0 {
		t.Errorf("got %v allocations when it is filled again", allocs)
	}
}

// FuzzBuffer feeds any packets at any time: nothing may panic, packets must come out once and in order of their
// sequence numbers, none that is older than Max, and a tick must come to its end.
func FuzzBuffer(f *testing.F) {
	seed := func(packets ...jitter.Packet) {
		var in []byte
		for _, p := range packets {
			in = append(in, 1)
			in = binary.BigEndian.AppendUint16(in, p.Sequence)
			in = binary.BigEndian.AppendUint32(in, p.Timestamp)
			in = binary.BigEndian.AppendUint16(in, uint16(p.Samples))
			in = append(in, byte(len(p.Payload)))
			in = append(in, 0)
		}
		f.Add(in)
	}
	seed(packet(1, 0), packet(2, 0), packet(3, 0))
	seed(packet(65535, 0), packet(0, 0), packet(2, 0), packet(1, 0), packet(2, 0))
	seed(packet(1, 0), packet(9000, 0), packet(9001, 0))
	noise := packet(2, 0)
	noise.Samples, noise.Payload = 0, []byte{60}
	seed(packet(1, 0), noise, packet(3, 0), packet(5, 0))
	// A sender that begins anew with numbers close to the last ones, when all of those have been played.
	f.Add([]byte("1\x0000000\x000001\x00\x02\x00\x00\x010\x00001\x00\x030001\x00000"))
	// The first to come has been overtaken by the second, in front of it, and is too old when the second is not.
	f.Add([]byte("1\x000\x00\x00\x010\x00001\x00 \x00\x00\x000\x0000a"))
	f.Fuzz(func(t *testing.T, in []byte) {
		const maxAge = 100 * ms
		b := jitter.New(jitter.Config{Max: maxAge})
		now := epoch
		last, has := uint16(0), false
		for len(in) > 0 {
			op := in[0]
			in = in[1:]
			if op%2 == 1 && len(in) >= 9 {
				now = now.Add(time.Duration(op>>1) * ms / 4)
				p := jitter.Packet{
					Sequence: binary.BigEndian.Uint16(in), Timestamp: binary.BigEndian.Uint32(in[2:]),
					Samples: int(binary.BigEndian.Uint16(in[6:])), Payload: make([]byte, int(in[8])*8),
					Arrival: now,
				}
				if p.Samples == 0 {
					p.Noise = true
				}
				b.Repairs(op&2 != 0)
				if op&4 != 0 {
					b.Absent(p.Sequence + 1)
				}
				in = in[9:]
				before := b.Stats().Restarts
				if b.Put(p); b.Stats().Restarts > before {
					has = false // its numbers have nothing to do with the last one's
				}
				continue
			}
			now = now.Add(time.Duration(op) * ms)
			b.Tick(now)
			calls := 0
			for got := 0; got < 160; calls++ {
				if calls > 500 {
					t.Fatal("a tick has no end")
				}
				p, what := b.Next(time.Duration(got) * ms / 8)
				got += p.Samples
				if what != jitter.Play {
					if p.Samples <= 0 || p.Samples > 960 {
						t.Fatalf("outcome %d of %d samples", what, p.Samples)
					}
					continue
				}
				if age := now.Sub(p.Arrival); age > maxAge {
					t.Fatalf("packet %d is %v old", p.Sequence, age)
				}
				if d := int16(p.Sequence - last); has && d <= 0 && d > -100 {
					t.Fatalf("packet %d after %d", p.Sequence, last)
				}
				last, has = p.Sequence, true
			}
			if off := b.Surplus(20 * ms); off > time.Second || off < -2*time.Second {
				t.Fatalf("a surplus of %v", off)
			}
		}
	})
}
