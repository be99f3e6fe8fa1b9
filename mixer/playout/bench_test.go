package playout

import (
	"runtime"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// canned brings the same packet for ever, on a path of the caller's choice.
type canned struct {
	s   *Stream
	p   jitter.Packet
	now time.Time
}

func newCanned(tb testing.TB, f codec.Format) *canned {
	tb.Helper()
	s := &Stream{}
	if err := s.Prepare(f); err != nil {
		tb.Fatal(err)
	}
	s.Tune(f.SampleRateHz)
	s.Background(&mixer.VAD{})
	enc, err := codec.NewEncoder(codec.Profile{Format: f})
	if err != nil {
		tb.Fatal(err)
	}
	payload := make([]byte, codec.MaxPayloadBytes)
	n := 0
	for range 10 { // past the encoder's start
		if n, err = enc.Encode(payload, sineAt(300, f.SampleRateHz, mixer.FrameSamples(f.SampleRateHz))); err != nil {
			tb.Fatal(err)
		}
	}
	return &canned{s: s, now: time.Unix(1000, 0), p: jitter.Packet{Samples: f.ClockRateHz / 50, Payload: payload[:n]}}
}

// tick sends a packet, late by so much, unless it is lost, and hears 20 ms.
func (c *canned) tick(late time.Duration, lost bool) {
	c.now = c.now.Add(mixer.FrameDuration)
	c.p.Sequence++
	c.p.Timestamp += uint32(c.p.Samples)
	c.p.Arrival = c.now.Add(late - 7*ms)
	if !lost {
		c.s.Put(c.p)
	}
	c.s.Pull(c.now)
}

// BenchmarkSecond is one second of a leg, 50 packets; the codec is in it.
func BenchmarkSecond(b *testing.B) {
	for _, f := range []codec.Format{pcmu, opus} {
		for _, row := range []struct {
			name string
			late func(i int) time.Duration
			lost func(i int) bool
		}{
			{"clean", func(int) time.Duration { return 0 }, func(int) bool { return false }},
			{"loss", func(int) time.Duration { return 0 }, func(i int) bool { return i%20 == 0 }},
			{"pauses", func(int) time.Duration { return 0 }, func(i int) bool { return i%50 >= 25 }}, // of half a second
			{"skew", func(i int) time.Duration { return time.Duration(i%1500-750) * 2 * time.Microsecond * 5 }, func(int) bool { return false }},
		} {
			b.Run(string(f.Name)+"/"+row.name, func(b *testing.B) {
				c := newCanned(b, f)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					for range 50 {
						i++
						c.tick(row.late(i), row.lost(i))
					}
				}
			})
		}
	}
}

func TestPutAndPullDoNotAllocate(t *testing.T) {
	for _, f := range []codec.Format{pcmu, pcma, opus} {
		for name, late := range map[string]func(i int) time.Duration{
			"clean":   func(int) time.Duration { return 0 },
			"delayed": func(i int) time.Duration { return time.Duration(i/300%2) * 60 * ms },
		} {
			c := newCanned(t, f)
			for range 50 {
				c.tick(0, false)
			}
			noise := jitter.Packet{Noise: true, Payload: []byte{60, 100, 140}}
			i := 0
			got := testing.AllocsPerRun(2000, func() {
				i++
				c.tick(late(i), i%15 == 0)
				if i%500 == 0 {
					c.p.Sequence++
					noise.Sequence, noise.Timestamp, noise.Arrival = c.p.Sequence, c.p.Timestamp+uint32(c.p.Samples), c.now
					c.s.Put(noise)
				}
				c.s.Stats()
			})
			if got != 0 {
				t.Errorf("%s, %s: %.2f allocations a tick", f.Name, name, got)
			}
			if st := c.s.Stats(); st.Concealed+st.Recovered == 0 || name == "delayed" && st.Cut == 0 {
				t.Errorf("%s, %s: %+v: nothing was concealed or cut, so nothing was tested", f.Name, name, st)
			}
		}
	}
}

func TestAStreamIsSmall(t *testing.T) {
	newStream(t, pcmu, 8000) // the codec's tables are made once for all
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s := &Stream{}
	if err := s.Prepare(pcmu); err != nil {
		t.Fatal(err)
	}
	s.Tune(8000)
	runtime.ReadMemStats(&after)
	got := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes", got)
	if got > 25<<10 {
		t.Errorf("%d bytes of G.711, want at most 25 kB", got)
	}
	runtime.KeepAlive(s)
}
