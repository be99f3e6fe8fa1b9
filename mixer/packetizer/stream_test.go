package packetizer

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
)

var packetTimes = []time.Duration{
	10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond,
}

// linear is L16 at 16 kHz, of which every sample can be found again.
var linear = codec.Format{Name: codec.L16, ClockRateHz: 16000, SampleRateHz: 16000}

// everyProfile is each format in packets of each length that it can have.
func everyProfile() []codec.Profile {
	var all []codec.Profile
	for _, f := range codec.Formats() {
		for _, packet := range packetTimes {
			if p := (codec.Profile{Format: f, Packet: packet}); p.Valid() == nil {
				all = append(all, p)
			}
		}
	}
	return all
}

func mustNew(t testing.TB, p codec.Profile, rateHz int) *Stream {
	t.Helper()
	s, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	s.Tune(rateHz)
	return s
}

func sine(hz float64, rateHz, from, samples int) []int16 {
	out := make([]int16, samples)
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(from+i)/float64(rateHz)))
	}
	return out
}

// counted is samples from 1 on, each another.
func counted(from, samples int) []int16 {
	out := make([]int16, samples)
	for i := range out {
		out[i] = int16(from + i + 1)
	}
	return out
}

// push is one tick: the packets that it brings, decoded where there is a decoder, and the units that they last.
func push(t testing.TB, s *Stream, frame []int16, tick uint64, d codec.Decoder) (heard []int16, packets, units int) {
	t.Helper()
	payload := make([]byte, codec.MaxPayloadBytes)
	s.Push(frame, tick)
	for {
		b, n, ok := s.Next(payload)
		if !ok {
			return heard, packets, units
		}
		packets, units = packets+1, units+n
		if d == nil {
			continue
		}
		pcm := make([]int16, n*s.Profile().SampleRateHz/s.Profile().ClockRateHz)
		if got, err := d.Decode(pcm, b); got != len(pcm) || err != nil {
			t.Fatalf("%v: got %d samples, %v, want %d", s.Profile(), got, err, len(pcm))
		}
		heard = append(heard, pcm...)
	}
}

func TestEveryProfileCarriesTheSound(t *testing.T) {
	const ticks = 60 // 1.2 s, whole packets of every length
	for _, p := range everyProfile() {
		for _, rate := range []int{8000, 16000, 48000} {
			s := mustNew(t, p, rate)
			d, err := codec.NewDecoder(p.Format)
			if err != nil {
				t.Fatal(err)
			}
			var heard []int16
			units, packets, n := 0, 0, rate/50
			for tick := range ticks {
				pcm, count, u := push(t, s, sine(440, rate, tick*n, n), uint64(tick), d)
				if count > 2 {
					t.Fatalf("%v: got %d packets in a tick", p, count)
				}
				heard, packets, units = append(heard, pcm...), packets+count, units+u
			}
			const all = ticks * mixer.FrameDuration
			if want := int(all / p.Packet); packets != want {
				t.Errorf("%v from %d Hz: got %d packets, want %d", p, rate, packets, want)
			}
			if want := int(all.Milliseconds()) * p.ClockRateHz / 1000; units != want {
				t.Errorf("%v from %d Hz: got %d units, want %d", p, rate, units, want)
			}
			want := 20 * math.Log10(8000.0/32768)
			if got := measure.ToneDBFS(heard[p.SampleRateHz/5:], p.SampleRateHz, 440); math.Abs(got-want) > 0.5 {
				t.Errorf("%v from %d Hz: got %.2f dBFS, want %.2f within 0.5", p, rate, got, want)
			}
		}
	}
}

func TestNothingIsLostOrDoubledBetweenPackets(t *testing.T) {
	for _, packet := range packetTimes[:4] {
		s := mustNew(t, codec.Profile{Format: linear, Packet: packet}, 16000)
		d, err := codec.NewDecoder(linear)
		if err != nil {
			t.Fatal(err)
		}
		var heard []int16
		for tick := range 60 {
			pcm, _, _ := push(t, s, counted(tick*320, 320), uint64(tick), d)
			heard = append(heard, pcm...)
		}
		if !slices.Equal(heard, counted(0, 60*320)) {
			t.Errorf("%v: what came out is not what went in", packet)
		}
	}
}

func TestStreamsOfOnePacketTimeBreakTheSoundAtTheSamePlaces(t *testing.T) {
	frame := sine(440, 8000, 0, 160)
	for _, packet := range packetTimes {
		p := codec.Profile{Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}, Packet: packet}
		first := mustNew(t, p, 8000)
		for late := range uint64(7) {
			later := mustNew(t, p, 8000)
			for tick := range uint64(20) {
				_, want, _ := push(t, first, frame, 100*late+tick, nil)
				if tick < late {
					continue
				}
				if _, got, _ := push(t, later, frame, 100*late+tick, nil); got != want {
					t.Errorf("%v, begun at tick %d, tick %d: got %d packets, want %d", packet, late, tick, got, want)
				}
			}
		}
	}
}

func TestASkippedTickTakesWhatWaitedWithIt(t *testing.T) {
	s := mustNew(t, codec.Profile{Format: linear, Packet: 40 * time.Millisecond}, 16000)
	d, err := codec.NewDecoder(linear)
	if err != nil {
		t.Fatal(err)
	}
	push(t, s, counted(0, 320), 0, d)
	if got, n, _ := push(t, s, counted(320, 320), 3, d); n != 1 || !slices.Equal(got, counted(320, 320)) {
		t.Errorf("got %d packets, want one of the frame alone, so that the next ends where it should", n)
	}
}

func TestAStreamGoesOnWhereAnotherIs(t *testing.T) {
	for _, packet := range packetTimes[:4] {
		for leave := 1; leave < 7; leave++ {
			p := codec.Profile{Format: linear, Packet: packet}
			group, own := mustNew(t, p, 48000), mustNew(t, p, 48000)
			d, err := codec.NewDecoder(linear)
			if err != nil {
				t.Fatal(err)
			}
			var heard []int16
			for tick := range 30 {
				s := group
				if tick == leave {
					own.Follow(group)
				}
				if tick >= leave {
					s = own
				}
				pcm, _, _ := push(t, s, sine(440, 48000, tick*960, 960), uint64(tick), d)
				heard = append(heard, pcm...)
			}
			if got := len(heard); got != 30*320-30*320%p.PacketSamples() {
				t.Errorf("%v, at tick %d: got %d samples, want all", packet, leave, got)
			}
			largest := 0
			for i := 321; i < len(heard); i++ {
				step := int(heard[i]) - int(heard[i-1])
				largest = max(largest, step, -step)
			}
			if limit := 1500; largest > limit { // the tone's own steps are 1382
				t.Errorf("%v, at tick %d: got a step of %d, want at most %d", packet, leave, largest, limit)
			}
		}
	}
}

func TestSilenceThatIsNotSentStillPasses(t *testing.T) {
	opus := codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000}
	s := mustNew(t, codec.Profile{Format: opus, Packet: 20 * time.Millisecond, Opus: codec.OpusSettings{DTX: true}}, 48000)
	payload, empty := make([]byte, codec.MaxPayloadBytes), 0
	for tick := range uint64(100) {
		s.Push(make([]int16, 960), tick)
		b, units, ok := s.Next(payload)
		if !ok || units != 960 {
			t.Fatalf("tick %d: got %d units, %v, want 960", tick, units, ok)
		}
		if len(b) == 0 {
			empty++
		}
	}
	if empty < 50 {
		t.Errorf("got %d empty packets of 100, want most", empty)
	}
}

func TestAProfileThatCannotBeSentIsRefused(t *testing.T) {
	if s, err := New(codec.Profile{Format: linear, Packet: 60 * time.Millisecond}); s != nil || !errors.Is(err, codec.ErrFormat) {
		t.Errorf("got %v, %v, want ErrFormat", s, err)
	}
}

func TestPacketsAllocateNothing(t *testing.T) {
	for _, p := range everyProfile() {
		s, other := mustNew(t, p, 48000), mustNew(t, p, 48000)
		frame, payload, tick := sine(440, 48000, 0, 960), make([]byte, codec.MaxPayloadBytes), uint64(0)
		if got := testing.AllocsPerRun(12, func() {
			tick++
			s.Push(frame, tick)
			for ok := true; ok; {
				_, _, ok = s.Next(payload)
			}
			other.Follow(s)
		}); got != 0 {
			t.Errorf("%v: got %v allocations, want 0", p, got)
		}
	}
}

func BenchmarkStream(b *testing.B) {
	for _, f := range codec.Formats() {
		p := codec.Profile{Format: f}
		if p.Valid() != nil {
			p.Packet = 10 * time.Millisecond
		}
		b.Run(string(f.Name), func(b *testing.B) {
			s := mustNew(b, p, f.SampleRateHz)
			frame, payload, tick := sine(440, f.SampleRateHz, 0, f.SampleRateHz/50), make([]byte, codec.MaxPayloadBytes), uint64(0)
			for b.Loop() {
				tick++
				s.Push(frame, tick)
				for ok := true; ok; {
					_, _, ok = s.Next(payload)
				}
			}
		})
	}
}

func TestAStreamOfAnotherCodecGoesOnWithoutAHole(t *testing.T) {
	formats := codec.Formats()
	for _, from := range formats {
		for _, to := range formats {
			a, b := codec.Profile{Format: from}, codec.Profile{Format: to}
			if to.Name == codec.Opus {
				b.Opus.Clean = true
			}
			if from == to || a.Valid() != nil || b.Valid() != nil {
				continue
			}
			one, other := mustNew(t, a, 16000), mustNew(t, b, 16000)
			d, err := codec.NewDecoder(to)
			if err != nil {
				t.Fatal(err)
			}
			for tick := range 10 {
				push(t, one, sine(440, 16000, tick*320, 320), uint64(tick), nil)
			}
			other.Adopt(one)
			other.Tune(16000)
			heard, _, _ := push(t, other, sine(440, 16000, 3200, 320), 10, d)
			quarter := len(heard) / 4
			want := measure.RMSDBFS(sine(440, 16000, 0, 320))
			for i := range 4 { // what is still missing, decoders that hear their first packet lack
				if got := measure.RMSDBFS(heard[i*quarter : (i+1)*quarter]); math.Abs(got-want) > 5 {
					t.Errorf("%s after %s: quarter %d of the first packet: got %.1f dBFS, want %.1f within 5", to.Name, from.Name, i+1, got, want)
				}
			}
		}
	}
}
