package playout

import (
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/measure"
)

var (
	pcmu = codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}
	pcma = codec.Format{Name: codec.PCMA, ClockRateHz: 8000, SampleRateHz: 8000}
	opus = codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000}
)

// caller makes a tone's packets; frames of 20 ms go into each.
type caller struct {
	t       *testing.T
	f       codec.Format
	enc     codec.Encoder
	n       int // packets so far
	samples int // so far
	hz      float64
}

func newCaller(t *testing.T, f codec.Format, hz float64) *caller {
	t.Helper()
	enc, err := codec.NewEncoder(codec.Profile{Format: f})
	if err != nil {
		t.Fatal(err)
	}
	return &caller{t: t, f: f, enc: enc, hz: hz}
}

func (c *caller) packet(arrival time.Time) jitter.Packet {
	pcm := make([]int16, mixer.FrameSamples(c.f.SampleRateHz))
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*c.hz*float64(c.samples+i)/float64(c.f.SampleRateHz)))
	}
	c.samples += len(pcm)
	payload := make([]byte, 1500)
	n, err := c.enc.Encode(payload, pcm)
	if err != nil {
		c.t.Fatal(err)
	}
	c.n++
	units := c.f.ClockRateHz / 50
	return jitter.Packet{
		Sequence: uint16(c.n), Timestamp: uint32(c.n * units), Samples: units, Arrival: arrival, Payload: payload[:n],
	}
}

func newStream(t *testing.T, f codec.Format, rateHz int) *Stream {
	t.Helper()
	s := &Stream{}
	if err := s.Prepare(f); err != nil {
		t.Fatal(err)
	}
	s.Tune(rateHz)
	return s
}

// play runs s for some ticks and returns what came out; drop says which packets are lost.
func play(s *Stream, c *caller, ticks int, drop func(i int) bool) []int16 {
	var heard []int16
	now := time.Unix(1000, 0)
	for i := range ticks {
		now = now.Add(mixer.FrameDuration)
		if p := c.packet(now.Add(-7 * time.Millisecond)); !drop(i) {
			s.Put(p)
		}
		frame, _ := s.Pull(now)
		heard = append(heard, frame...)
	}
	return heard
}

func nothing(int) bool { return false }

func TestToneComesOutAsItWentIn(t *testing.T) {
	for _, row := range []struct {
		name   string
		f      codec.Format
		rateHz int
	}{
		{"PCMU in a room of 8 kHz", pcmu, 8000},
		{"PCMA in a room of 48 kHz", pcma, 48000},
		{"Opus in a room of 48 kHz", opus, 48000},
		{"Opus in a room of 8 kHz", opus, 8000},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newStream(t, row.f, row.rateHz)
			heard := play(s, newCaller(t, row.f, 1000), 100, nothing)
			heard = heard[row.rateHz:]
			want := 20 * math.Log10(8000./32768)
			if got := measure.ToneDBFS(heard, row.rateHz, 1000); math.Abs(got-want) > 0.5 {
				t.Errorf("tone at %.2f dBFS, want %.2f", got, want)
			}
			if got := measure.RMSDBFS(heard); math.Abs(got-want) > 0.5 {
				t.Errorf("in all %.2f dBFS, want nothing but the tone at %.2f", got, want)
			}
			if st := s.Stats(); st.PacketsReceived != 100 || st.PacketsLost != 0 || st.PacketsLate != 0 || st.Concealed != 0 {
				t.Errorf("stats %+v of a clean path", st)
			}
		})
	}
}

func TestLossIsConcealedAndCounted(t *testing.T) {
	// The tone is at -12 dBFS. Ours must not sag by 9 dB; libopus's own concealment, and the frame after it, dip deeper
	// on a pure tone, but leave no hole.
	for f, floor := range map[codec.Format]float64{pcmu: -21, opus: -40} {
		s := newStream(t, f, f.SampleRateHz)
		heard := play(s, newCaller(t, f, 500), 200, func(i int) bool { return i > 50 && i%10 == 0 })
		st := s.Stats()
		if st.PacketsLost != 14 {
			t.Errorf("%s: %d packets lost, want 14", f.Name, st.PacketsLost)
		}
		if st.Concealed < 14*mixer.FrameDuration || st.Concealed > 16*mixer.FrameDuration {
			t.Errorf("%s: %v concealed, want 280 ms, and little more to learn from", f.Name, st.Concealed)
		}
		frame := mixer.FrameSamples(f.SampleRateHz)
		for i := 60 * frame; i+frame <= len(heard); i += frame {
			if level := measure.RMSDBFS(heard[i : i+frame]); level < floor {
				t.Errorf("%s: %.1f dBFS in frame %d, want no gap below %.0f", f.Name, level, i/frame, floor)
			}
		}
	}
}

func TestSilenceIsSilent(t *testing.T) {
	for _, f := range []codec.Format{pcmu, pcma} {
		s := newStream(t, f, 8000)
		c := newCaller(t, f, 0)
		now := time.Unix(1000, 0)
		for range 50 {
			now = now.Add(mixer.FrameDuration)
			s.Put(c.packet(now))
			frame, sounding := s.Pull(now)
			if sounding || frame[0] != 0 || frame[159] != 0 {
				t.Fatalf("%s: silence came out as sound (%d, %v)", f.Name, frame[0], sounding)
			}
		}
	}
}

func TestRubbishIsConcealed(t *testing.T) {
	s := newStream(t, opus, 48000)
	now := time.Unix(1000, 0)
	for i := range 200 {
		now = now.Add(mixer.FrameDuration)
		s.Put(jitter.Packet{
			Sequence: uint16(i), Timestamp: uint32(i) * 960, Samples: 960, Arrival: now, Payload: []byte{byte(i), 0xff, byte(3 * i)},
		})
		if frame, _ := s.Pull(now); len(frame) != 960 {
			t.Fatalf("frame of %d samples, want 960", len(frame))
		}
	}
}

func TestChangeOfCodecGoesOn(t *testing.T) {
	s := newStream(t, pcmu, 8000)
	play(s, newCaller(t, pcmu, 1000), 50, nothing)
	if err := s.Restart(opus); err != nil {
		t.Fatal(err)
	}
	s.Tune(8000)
	heard := play(s, newCaller(t, opus, 1000), 100, nothing)
	if got := measure.ToneDBFS(heard[8000:], 8000, 1000); math.Abs(got+12.2) > 0.7 {
		t.Errorf("tone at %.2f dBFS after the change, want -12.2", got)
	}
	if got := s.Stats().PacketsReceived; got != 150 {
		t.Errorf("%d packets in the stats, want 150: counts survive the change", got)
	}
}

func TestPullDoesNotAllocate(t *testing.T) {
	for _, f := range []codec.Format{pcmu, opus} {
		s, c := newStream(t, f, 48000), newCaller(t, f, 700)
		play(s, c, 50, nothing)
		p := c.packet(time.Time{})
		now := time.Unix(2000, 0)
		got := testing.AllocsPerRun(100, func() {
			now = now.Add(mixer.FrameDuration)
			p.Sequence, p.Timestamp, p.Arrival = p.Sequence+1, p.Timestamp+uint32(p.Samples), now
			s.Put(p)
			s.Pull(now)
		})
		if got != 0 {
			t.Errorf("%s: %.1f allocations a tick, want 0", f.Name, got)
		}
	}
}
