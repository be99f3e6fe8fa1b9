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

// script is a caller who says something else from packet to packet.
type script struct {
	t   *testing.T
	s   *Stream
	c   *caller
	now time.Time
	seq uint16
	ts  uint32
	all []int16
}

func newScript(t *testing.T, f codec.Format, rateHz int) *script {
	return &script{t: t, s: newStream(t, f, rateHz), c: newCaller(t, f, 300), now: time.Unix(1000, 0), seq: 65500, ts: 1<<32 - 40000}
}

// tick hears 20 ms, before which packets have come.
func (s *script) tick(packets ...jitter.Packet) []int16 {
	s.now = s.now.Add(mixer.FrameDuration)
	for _, p := range packets {
		p.Arrival = s.now.Add(-7 * ms)
		s.s.Put(p)
	}
	frame, _ := s.s.Pull(s.now)
	s.all = append(s.all, frame...)
	return frame
}

// talk is n packets of the tone, one a tick.
func (s *script) talk(n int) {
	for range n {
		p := s.c.packet(s.now)
		p.Sequence, p.Timestamp = s.seq, s.ts
		s.seq++
		s.ts += uint32(p.Samples)
		s.tick(p)
	}
}

// noise is one packet of comfort noise, with nothing else in its tick.
func (s *script) noise(payload ...byte) {
	s.tick(jitter.Packet{Sequence: s.seq, Timestamp: s.ts, Noise: true, Payload: payload})
	s.seq++
	s.quiet(1, false)
}

// quiet is n ticks in which nothing is sent; tick them or only let their time pass.
func (s *script) quiet(n int, hear bool) {
	for range n {
		if hear {
			s.tick()
		}
		s.ts += uint32(s.s.format.ClockRateHz / 50)
	}
}

// last is the newest n ticks.
func (s *script) last(n int) []int16 { return s.all[len(s.all)-n*len(s.s.frame):] }

func TestComfortNoiseIsHeardInThePause(t *testing.T) {
	s := newScript(t, pcmu, 8000)
	s.talk(50)
	s.noise(50)
	s.quiet(20, true)
	if got := measure.RMSDBFS(s.last(10)); math.Abs(got+47) > 2 { // −50 dBov is −47 under a sine that is at 0
		t.Errorf("noise of −50 dBov at %.1f dBFS", got)
	}
	s.noise(64)
	s.quiet(30, true)
	if got := measure.RMSDBFS(s.last(10)); math.Abs(got+61) > 2 {
		t.Errorf("noise of −64 dBov at %.1f dBFS", got)
	}
	before := s.s.Stats()
	s.talk(50)
	if got := measure.ToneDBFS(s.last(40), 8000, 300); math.Abs(got+12.2) > 0.7 {
		t.Errorf("the next word at %.1f dBFS, want -12.2", got)
	}
	if got := s.s.Stats(); got.Concealed != before.Concealed || got.Concealed > 0 || got.PacketsLost > 0 {
		t.Errorf("%+v: a pause that was announced is not concealed", got)
	}
	if n := clicks(s.all, 8000); n > 0 {
		t.Errorf("%d clicks", n)
	}
	if got := s.s.Stats().BufferDelay; got > 8*ms {
		t.Errorf("delay %v after it", got)
	}
}

func TestMalformedComfortNoiseChangesNothing(t *testing.T) {
	s := newScript(t, pcmu, 8000)
	s.talk(50)
	s.noise()
	s.quiet(20, true)
	if got := measure.RMSDBFS(s.last(10)); got != measure.Silence {
		t.Errorf("noise at %.1f dBFS that nobody has described", got)
	}
	s.talk(50)
	if n := clicks(s.all, 8000); n > 0 {
		t.Errorf("%d clicks", n)
	}
}

func TestASenderWhoStopsFadesOut(t *testing.T) {
	for _, f := range []codec.Format{pcmu, opus} {
		s := newScript(t, f, f.SampleRateHz)
		s.talk(50)
		for range 3 {
			s.quiet(25, true)
			if got := measure.RMSDBFS(s.last(15)); got != measure.Silence {
				t.Errorf("%s: %.1f dBFS long after the end", f.Name, got)
			}
			s.talk(25)
			if got := measure.ToneDBFS(s.last(20), f.SampleRateHz, 300); math.Abs(got+12.2) > 1 {
				t.Errorf("%s: the next word at %.1f dBFS, want -12.2", f.Name, got)
			}
		}
		if n := clicks(s.all[f.SampleRateHz/10:], f.SampleRateHz); n > 0 {
			t.Errorf("%s: %d clicks", f.Name, n)
		}
		if st := s.s.Stats(); st.PacketsLost > 0 || st.PacketsLate > 0 || st.BufferDelay > 8*ms {
			t.Errorf("%s: %+v", f.Name, st)
		}
	}
}

// TestPausesOfOpus: in DTX a packet of one byte, or none, stands for 20 ms of silence.
func TestPausesOfOpus(t *testing.T) {
	s := newScript(t, opus, 48000)
	s.talk(50)
	for i := range 40 {
		if i%20 != 0 {
			s.quiet(1, true)
			continue
		}
		s.tick(jitter.Packet{Sequence: s.seq, Timestamp: s.ts, Samples: 960, Payload: []byte{0x78}})
		s.seq++
		s.ts += 960
	}
	s.talk(50)
	if n := clicks(s.all[4800:], 48000); n > 0 {
		t.Errorf("%d clicks", n)
	}
	if st := s.s.Stats(); st.PacketsLost > 0 || st.PacketsLate > 0 || st.BufferDelay > 8*ms {
		t.Errorf("%+v", st)
	}
}

func TestAChangeOfCodecIsGapless(t *testing.T) {
	for _, row := range []struct {
		name     string
		from, to codec.Format
		rateHz   int
	}{
		{"PCMU to PCMA", pcmu, pcma, 8000},
		{"PCMU to Opus", pcmu, opus, 48000},
		{"Opus to PCMU", opus, pcmu, 48000},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScript(t, row.from, row.rateHz)
			s.talk(50)
			changed := len(s.all)
			if err := s.s.Restart(row.to); err != nil {
				t.Fatal(err)
			}
			s.s.Tune(row.rateHz)
			said := s.c.samples * row.to.SampleRateHz / row.from.SampleRateHz
			s.c = newCaller(t, row.to, 300)
			s.c.samples = said
			s.talk(50)
			if n := clicks(s.all[row.rateHz/10:], row.rateHz); n > 0 {
				t.Errorf("%d clicks", n)
			}
			frame := len(s.s.frame)
			for i := changed - 2*frame; i < changed+10*frame; i += frame / 2 {
				if got := measure.RMSDBFS(s.all[i : i+frame]); got < -24 { // the tone is at −12
					t.Errorf("a hole of %.1f dBFS %d ms after the change", got, (i-changed)*20/frame)
				}
			}
		})
	}
}

func TestWhatNobodySendsIsCountedAndConcealed(t *testing.T) {
	s := newScript(t, pcmu, 8000)
	s.talk(50)
	for _, p := range []jitter.Packet{
		{},
		{Samples: 160},
		{Samples: 160, Payload: make([]byte, 1400)},
		{Samples: 960, Payload: make([]byte, 1)},
		{Samples: 1, Payload: make([]byte, 960)},
		{Samples: 1 << 20, Payload: make([]byte, 160)},
		{Samples: -1, Payload: make([]byte, 160)},
		{Samples: 160, Payload: make([]byte, 2000)},
		{Noise: true, Samples: 160, Payload: make([]byte, 160)},
		{Noise: true, Payload: make([]byte, 1400)},
	} {
		p.Sequence, p.Timestamp = s.seq, s.ts
		s.seq++
		s.ts += 160
		s.tick(p)
		s.talk(20)
	}
	if got := measure.ToneDBFS(s.last(10), 8000, 300); math.Abs(got+12.2) > 0.7 {
		t.Errorf("what follows is at %.1f dBFS, want -12.2", got)
	}
	if got := s.s.Stats(); got.PacketsReceived != 50+10*21 || got.Concealed == 0 {
		t.Errorf("%+v", got)
	}
}

func TestComfortNoiseOfASenderThatIsGoneEnds(t *testing.T) {
	s := newScript(t, pcmu, 8000)
	s.talk(50)
	s.noise(40)
	s.all = nil
	s.quiet(int((noiseTime+time.Second)/mixer.FrameDuration), true)
	second := len(s.all) - 8000
	if got := measure.RMSDBFS(s.all[:8000]); got < -60 {
		t.Errorf("in the first second got %.1f dBFS, want noise", got)
	}
	if got := measure.RMSDBFS(s.all[second+4000:]); got > -100 {
		t.Errorf("%v after the last packet got %.1f dBFS, want silence", noiseTime, got)
	}
}

func TestComfortNoiseEndsWithItsStream(t *testing.T) {
	s := newScript(t, pcmu, 8000)
	s.talk(50)
	s.noise(40)
	s.quiet(50, true)
	if err := s.s.Restart(pcmu); err != nil {
		t.Fatal(err)
	}
	s.quiet(5, true)
	s.all = nil
	s.quiet(25, true)
	if got := measure.RMSDBFS(s.all); got > -100 {
		t.Errorf("behind a restart got %.1f dBFS, want silence", got)
	}
}
