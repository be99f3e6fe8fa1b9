package packetizer

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
)

var (
	pcmu = codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}
	opus = codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000}
)

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

func TestChangeOfProfileLosesNothingAndInventsNothing(t *testing.T) {
	for _, before := range packetTimes {
		for _, after := range packetTimes {
			for begin := range uint64(6) {
				for change := begin + 1; change < begin+7; change++ {
					name := fmt.Sprintf("%v to %v, begun in tick %d, changed before tick %d", before, after, begin, change)
					a, b := mustNew(t, codec.Profile{Format: pcmu, Packet: before}, pcmu.SampleRateHz), mustNew(t, codec.Profile{Format: pcmu, Packet: after}, pcmu.SampleRateHz)
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
						frame := sine(440, 8000, int(tick)*160, 160)
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
			a, b := mustNew(t, codec.Profile{Format: pcmu, Packet: packet}, pcmu.SampleRateHz), mustNew(t, codec.Profile{Format: pcmu, Packet: packet}, pcmu.SampleRateHz)
			var room [codec.MaxPayloadBytes]byte
			count := func(s *Stream, tick uint64) (n int) {
				s.Push(sine(300, 8000, int(tick)*160, 160), tick)
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
			a, b := mustNew(t, codec.Profile{Format: opus, Packet: before}, opus.SampleRateHz), mustNew(t, codec.Profile{Format: opus, Packet: after}, opus.SampleRateHz)
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
				pcm, _ := played(t, s, decoder, sine(440, 48000, int(tick)*960, 960), tick)
				sent += len(pcm)
			}
			if missing := 40*960 - sent; missing < 0 || missing >= 2880 {
				t.Errorf("%v to %v: %d samples of %d sent", before, after, sent, 40*960)
			}
		}
	}
}

// TestOpusGoesToCopiesAndBackGently lets a decoder hear both ways to encode, one after the other, in the middle of a vowel: it may
// dip for the 4 ms that one looks ahead more than the other, and neither roars nor clicks.
func TestOpusGoesToCopiesAndBackGently(t *testing.T) {
	const ticks = 40
	clean, copies := codec.OpusSettings{Clean: true}, codec.OpusSettings{}
	vowel := make([]int16, ticks*960)
	for i := range vowel {
		for k := 1.0; k <= 10; k++ {
			vowel[i] += int16(3000 / k * math.Sin(2*math.Pi*k*140*float64(i)/48000+k*k))
		}
	}
	hear := func(packet time.Duration, change int, from, to codec.OpusSettings) []int16 {
		d, err := codec.NewDecoder(opus)
		if err != nil {
			t.Fatal(err)
		}
		s := mustNew(t, codec.Profile{Format: opus, Packet: packet, Opus: from}, 48000)
		var heard []int16
		for tick := range ticks {
			if tick == change {
				next := mustNew(t, codec.Profile{Format: opus, Packet: packet, Opus: to}, 48000)
				next.Adopt(s)
				next.Tune(48000)
				s = next
			}
			pcm, _ := played(t, s, d, vowel[tick*960:(tick+1)*960], uint64(tick))
			heard = append(heard, pcm...)
		}
		return heard
	}
	for _, packet := range packetTimes {
		for _, way := range [][2]codec.OpusSettings{{clean, copies}, {copies, clean}} {
			same := hear(packet, ticks, way[0], way[0])
			for change := 12; change < 24; change++ {
				name := fmt.Sprintf("packets of %v, clean %v before, changed in tick %d", packet, way[0].Clean, change)
				heard := hear(packet, change, way[0], way[1])
				most, sum, n := 0.0, 0.0, 0
				for i := (change - 3) * 960; i+480 < min(len(heard), (change+10)*960); i++ {
					step := float64(heard[i]) - float64(heard[i-1])
					most, sum, n = max(most, math.Abs(step)), sum+step*step, n+1
					if i%240 != 0 {
						continue
					}
					got, want := measure.RMSDBFS(heard[i:i+480]), measure.RMSDBFS(same[i:i+480])
					if got < want-8 || got > want+3 {
						t.Errorf("%s: %.1f dBFS at %d ms, want -8 to +3 of %.1f", name, got, i/48, want)
					}
				}
				if rms := math.Sqrt(sum / float64(n)); most > 8*rms {
					t.Errorf("%s: a step of %.1f times the RMS step, want at most 8", name, most/rms)
				}
			}
		}
	}
}
