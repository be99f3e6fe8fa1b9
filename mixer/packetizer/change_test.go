package packetizer

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
)

var (
	pcmu = codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}
	opus = codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000}
)

var packetTimes = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}

func newStream(t testing.TB, f codec.Format, packet time.Duration) *Stream {
	t.Helper()
	s, err := New(codec.Profile{Format: f, Packet: packet})
	if err != nil {
		t.Fatal(err)
	}
	s.Tune(f.SampleRateHz)
	return s
}

// played pushes a frame and decodes what comes of it, and checks that the units fit.
func played(t *testing.T, s *Stream, d codec.Decoder, frame []int16, tick uint64) (pcm []int16, sizes []int) {
	t.Helper()
	s.Push(frame, tick)
	f := s.Profile().Format
	for {
		var room [codec.MaxPayloadBytes]byte
		payload, units, ok := s.Next(room[:])
		if !ok {
			return pcm, sizes
		}
		var out [codec.MaxPacketMilliseconds * 48]int16
		n, err := d.Decode(out[:], payload)
		if err != nil || n != units*f.SampleRateHz/f.ClockRateHz {
			t.Fatalf("tick %d: a payload of %d units decodes to %d samples, %v", tick, units, n, err)
		}
		pcm, sizes = append(pcm, out[:n]...), append(sizes, n*1000/f.SampleRateHz)
	}
}

func tone(hz float64, rateHz int, tick uint64) []int16 {
	out := make([]int16, mixer.FrameSamples(rateHz))
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(int(tick)*len(out)+i)/float64(rateHz)))
	}
	return out
}

func TestChangeOfProfileLosesNothingAndInventsNothing(t *testing.T) {
	for _, before := range packetTimes {
		for _, after := range packetTimes {
			for begin := range uint64(6) {
				for change := begin + 1; change < begin+7; change++ {
					name := fmt.Sprintf("%v to %v, begun in tick %d, changed before tick %d", before, after, begin, change)
					a, b := newStream(t, pcmu, before), newStream(t, pcmu, after)
					decoder, err := codec.NewDecoder(pcmu)
					if err != nil {
						t.Fatal(err)
					}
					var heard, said []int16
					var sizes []int
					s := a
					for tick := begin; tick < begin+18; tick++ {
						if tick == change {
							b.Adopt(a)
							b.Tune(8000)
							s, sizes = b, nil
						}
						frame := tone(440, 8000, tick)
						said = append(said, frame...)
						pcm, n := played(t, s, decoder, frame, tick)
						heard, sizes = append(heard, pcm...), append(sizes, n...)
					}
					if missing := len(said) - len(heard); missing < 0 || missing >= 480 {
						t.Fatalf("%s: %d samples of %d are sent", name, len(heard), len(said))
					}
					for i, s := range heard {
						if d := int(s) - int(said[i]); d > 300 || d < -300 {
							t.Fatalf("%s: sample %d is %d, want %d", name, i, s, said[i])
						}
					}
					if last := time.Duration(sizes[len(sizes)-1]) * time.Millisecond; last != after {
						t.Errorf("%s: ends with packets of %v", name, last)
					}
				}
			}
		}
	}
}

func TestStreamsOfOnePacketTimeBreakAtTheSamePlaces(t *testing.T) {
	for _, packet := range packetTimes {
		for later := range uint64(7) {
			a, b := newStream(t, pcmu, packet), newStream(t, pcmu, packet)
			var room [codec.MaxPayloadBytes]byte
			count := func(s *Stream, tick uint64) (n int) {
				s.Push(tone(300, 8000, tick), tick)
				for {
					if _, _, ok := s.Next(room[:]); !ok {
						return n
					}
					n++
				}
			}
			for tick := uint64(100); tick < 160; tick++ {
				n := count(a, tick)
				if tick < 100+later {
					continue
				}
				if m := count(b, tick); tick > 110 && m != n {
					t.Errorf("packets of %v, begun %d ticks later: %d in tick %d, want %d", packet, later, m, tick, n)
				}
				if tick > 110 && len(a.pending) != len(b.pending) {
					t.Errorf("packets of %v, begun %d ticks later: %d samples wait in tick %d, want %d", packet, later, len(b.pending), tick, len(a.pending))
				}
			}
		}
	}
}

func TestOpusChangesItsPacketTimeToo(t *testing.T) {
	for _, before := range packetTimes {
		for _, after := range packetTimes {
			a, b := newStream(t, opus, before), newStream(t, opus, after)
			decoder, err := codec.NewDecoder(opus)
			if err != nil {
				t.Fatal(err)
			}
			sent := 0
			for tick := range uint64(40) {
				s := a
				if tick == 17 {
					b.Adopt(a)
					b.Tune(48000)
				}
				if tick >= 17 {
					s = b
				}
				pcm, _ := played(t, s, decoder, tone(440, 48000, tick), tick)
				sent += len(pcm)
			}
			if missing := 40*960 - sent; missing < 0 || missing >= 2880 {
				t.Errorf("%v to %v: %d samples of %d sent", before, after, sent, 40*960)
			}
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	for _, packet := range packetTimes {
		s, other := newStream(t, pcmu, packet), newStream(t, pcmu, packet)
		frame := tone(440, 8000, 0)
		var room [codec.MaxPayloadBytes]byte
		tick := uint64(0)
		if got := testing.AllocsPerRun(100, func() {
			tick++
			s.Push(frame, tick)
			for {
				if _, _, ok := s.Next(room[:]); !ok {
					break
				}
			}
			other.Follow(s)
		}); got != 0 {
			t.Errorf("packets of %v: %.1f allocations, want 0", packet, got)
		}
	}
}
