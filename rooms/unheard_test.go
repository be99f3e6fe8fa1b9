package rooms

import (
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// measuring is a telephone that says of its packets how loud they are (RFC 6464).
type measuring struct{ *scriptLeg }

func (l measuring) Receive(now time.Time, in Inlet) error {
	return l.scriptLeg.Receive(now, measuringInlet{in, l.scriptLeg})
}

type measuringInlet struct {
	Inlet
	leg *scriptLeg
}

func (in measuringInlet) Audio(p jitter.Packet) jitter.Verdict {
	sum := 1.0
	for _, v := range in.leg.frame {
		sum += float64(v) * float64(v)
	}
	dBov := 10 * math.Log10(sum/float64(len(in.leg.frame))/(1<<30))
	p.Level = jitter.Level{Known: true, Below: uint8(math.Round(max(-dBov, 0)))}
	return in.Inlet.Audio(p)
}

// record begins a recording of a room without a clock of its own: it would make up for ticks that are due by now.
func record(t *testing.T, s *stage, content RecordingContent) {
	t.Helper()
	s.timers.clock.runs = false
	if err := s.startRecording(&copyTape{content: content}); err != nil {
		t.Fatal(err)
	}
}

func TestWhoIsQuietAndNotMixedIsDecodedOnceInAWhile(t *testing.T) {
	for _, row := range []struct {
		name   string
		set    Settings
		listen func(t *testing.T, s *stage, m *member)
		decode bool
	}{
		{"nobody listens", Settings{}, func(*testing.T, *stage, *member) {}, false},
		{"it is muted", Settings{}, func(_ *testing.T, s *stage, m *member) { s.setMuted(m, true); m.settle() }, false},
		{"the mix is recorded", Settings{}, func(t *testing.T, s *stage, _ *member) { record(t, s, RecordMix) }, false},
		{"tracks are recorded", Settings{}, func(t *testing.T, s *stage, _ *member) { record(t, s, RecordBoth) }, true},
		{"keys are looked for", Settings{}, func(_ *testing.T, _ *stage, m *member) {
			m.leg.(measuring).keysInSound = true
			m.listenForKeys()
		}, true},
		{"its name is taken down", Settings{}, func(_ *testing.T, _ *stage, m *member) { m.aside.take = newTake(time.Minute) }, true},
		{"noise is taken out", Settings{NoiseSuppression: true}, func(*testing.T, *stage, *member) {}, true},
		{"it whispers", Settings{}, func(t *testing.T, s *stage, m *member) {
			if err := s.setWhisper(m, s.members[0].p.id); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		s := newStage(t, row.set)
		const ticks = 400
		seat(t, s.state, newScriptLeg(t, pcmuProfile(), recorded(speech(9, 5000, 8000, 0, ticks*160, ticks*160)))) // who is the line where nobody talks
		quiet := measuring{newScriptLeg(t, pcmuProfile(), recorded(hiss(3, -58, ticks*160)))}
		m := seat(t, s.state, quiet)
		row.listen(t, s, m)
		s.run(ticks - 100)
		before := m.voice.stream.Stats().PacketsPassed
		s.run(100)
		passed := m.voice.stream.Stats().PacketsPassed - before
		if row.decode && passed > 0 || !row.decode && (passed < 90 || passed > 97) {
			t.Errorf("%s: %d of 100 packets were not decoded", row.name, passed)
		}
	}
}

// TestWhatIsSaidIsHeardAsIfAllWereDecoded compares what a listener hears of people who speak in turn, of whom those who are silent are not decoded, with what
// it hears in a room that records tracks, where all are.
func TestWhatIsSaidIsHeardAsIfAllWereDecoded(t *testing.T) {
	const ticks, turn = 600, 100
	talk := func(f codec.Format, all bool) (heard []int16, turns int, passed uint64) {
		s := newStage(t, Settings{})
		rate := f.SampleRateHz
		for i := range 3 {
			pcm := hiss(uint64(i), -58, ticks*rate/framesPerSecond)
			for from := i * turn; from < ticks; from += 3 * turn {
				overlay(pcm, word(uint64(from), 5000, rate, 600*time.Millisecond), from*rate/framesPerSecond)
			}
			seat(t, s.state, measuring{newScriptLeg(t, codec.Profile{Format: f}, recorded(pcm))})
		}
		listener := newScriptLeg(t, pcmuProfile(), silent)
		seat(t, s.state, listener)
		if all {
			record(t, s, RecordTracks)
		}
		var dominant *mixer.Speaker
		for range ticks {
			s.run(1)
			if now := s.floor.Dominant(); now != dominant {
				dominant = now
				turns++
			}
		}
		for _, m := range s.members[:3] {
			passed += m.voice.stream.Stats().PacketsPassed
		}
		return listener.heard, turns, passed
	}
	for _, f := range []codec.Format{pcmu, {Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 16000}} {
		want, turns, decoded := talk(f, true)
		got, turnsToo, passed := talk(f, false)
		if decoded > 0 || passed < ticks {
			t.Errorf("%s: %d packets were not decoded where all should be, and %d where not", f.Name, decoded, passed)
		}
		if turns != turnsToo {
			t.Errorf("%s: the floor changes %d times, want %d", f.Name, turnsToo, turns)
		}
		var signal, wrong float64
		for i, w := range want {
			d := float64(w) - float64(got[i])
			signal += float64(w) * float64(w)
			wrong += d * d
		}
		if ratio := 10 * math.Log10(signal/(wrong+1)); ratio < 40 {
			t.Errorf("%s: what is heard differs by %.1f dB below what was said", f.Name, ratio)
		}
		if worst, at := worstStep(got[len(got)/4:], pcmu.SampleRateHz); worst > 8 {
			t.Errorf("%s: a step of %.1f times those around it at %d", f.Name, worst, at)
		}
	}
}
