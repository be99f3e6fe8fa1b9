package rooms

import (
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
)

// The figures that a room's sound must reach, each in virtual time.

func TestOneTelephoneWithoutAGCPassesBitForBit(t *testing.T) {
	s := newStage(t, Settings{})
	pcm := speech(1, 6000, 8000, 8000, 10*8000, 12*8000)
	overlay(pcm, hiss(1, -50, len(pcm)), 0)
	talker := newScriptLeg(t, pcmuProfile(), recorded(pcm))
	listener := newScriptLeg(t, pcmuProfile(), silent)
	seat(t, s.state, listener)
	seat(t, s.state, talker)
	s.run(11 * framesPerSecond)
	sent, heard := talker.sent, listener.heard
	delay := -1
	for d := 0; d < 800 && delay < 0; d++ {
		delay = d
		for i := 16000; i < 16400; i++ {
			if heard[i+d] != sent[i] {
				delay = -1
				break
			}
		}
	}
	if delay < 0 {
		t.Fatal("what was said is nowhere in what was heard")
	}
	// The first word's very beginning may be a fade-in: of 8 ms, once.
	for i := 8000; i+delay < len(heard) && i < len(sent); i++ {
		if heard[i+delay] != sent[i] {
			t.Fatalf("sample %d: heard %d, said %d", i, heard[i+delay], sent[i])
		}
	}
}

func TestNoiseOfTwentyLinesIsThatOfOne(t *testing.T) {
	for _, level := range []float64{-55, -40} {
		for _, agc := range []bool{false, true} {
			residue := func(lines int) (noise float64, onsets []float64) {
				const seconds = 24
				s := newStage(t, Settings{AGC: agc})
				said := make([]float64, seconds*8000)
				var words []int
				for at := 4 * 8000; at < (seconds-1)*8000; at += 2 * 8000 { // a word, and more than a second of pause
					overlay(said, word(uint64(at), 8000, 8000, 500*time.Millisecond), at)
					words = append(words, at)
				}
				overlay(said, hiss(99, level, len(said)), 0)
				seat(t, s.state, newScriptLeg(t, pcmuProfile(), recorded(said)))
				for i := range lines - 1 {
					seat(t, s.state, newScriptLeg(t, pcmuProfile(), recorded(hiss(uint64(i), level, len(said)))))
				}
				listener := newScriptLeg(t, pcmuProfile(), nil)
				seat(t, s.state, listener)
				s.run(seconds * framesPerSecond)
				const delay = 160
				sum := 0.0
				for i, at := range words {
					if i < 4 {
						continue // the levels settle
					}
					sum += math.Pow(10, measure.RMSDBFS(listener.heard[at+8000+delay:at+15000])/10)
				}
				for _, at := range words {
					onset := listener.heard[at : at+delay+480] // 60 ms
					onsets = append(onsets, measure.RMSDBFS(onset))
				}
				return 10 * math.Log10(sum/float64(len(words)-4)), onsets
			}
			one, alone := residue(1)
			twenty, among := residue(20)
			t.Logf("noise of %v dBFS, AGC %v: in the talker's pauses %.1f dBFS of 20 lines, %.1f of one", level, agc, twenty, one)
			if twenty > one+3 {
				t.Errorf("noise of %v dBFS, AGC %v: %.1f dBFS of 20 lines in the talker's pauses, %.1f of one; want at most 3 dB more", level, agc, twenty, one)
			}
			for i := range alone {
				if among[i] < alone[i]-1.5 {
					t.Errorf("noise of %v dBFS, AGC %v: word %d begins with %.1f dBFS among 20 lines and %.1f alone: its onset is gated away",
						level, agc, i, among[i], alone[i])
				}
			}
		}
	}
}

func TestNewTalkerIsHeardWhileFourSpeak(t *testing.T) {
	for _, agc := range []bool{false, true} {
		s := newStage(t, Settings{AGC: agc})
		const begin = 6 * 8000
		for i := range 4 {
			pcm := speech(uint64(i+1), 5000, 8000, 4000, 12*8000, 12*8000)
			seat(t, s.state, newScriptLeg(t, pcmuProfile(), recorded(pcm)))
		}
		// The newcomer is a tone, so that it can be told from the others by its frequency.
		late := make([]float64, 12*8000)
		for i := begin; i < begin+4000; i++ {
			late[i] = 6000 * math.Sin(2*math.Pi*3100*float64(i)/8000)
		}
		newcomer := seat(t, s.state, newScriptLeg(t, pcmuProfile(), recorded(late)))
		listener := newScriptLeg(t, pcmuProfile(), nil)
		seat(t, s.state, listener)
		var mixedAt, ticks int
		cut := 0
		before := map[*member]bool{}
		for ticks = 1; ticks <= 10*framesPerSecond; ticks++ {
			s.run(1)
			if mixedAt == 0 && newcomer.voice.contributes {
				mixedAt = ticks
			}
			for _, m := range s.members {
				if before[m] && !m.voice.contributes && m.voice.sounding && m.voice.vad.LevelDBFS() > -35 {
					cut++
				}
				before[m] = m.voice.contributes
			}
		}
		beginTick := begin / 160
		t.Logf("AGC %v: in the mix %d ms after its packet was due", agc, 20*(mixedAt-1-beginTick))
		if after := mixedAt - 1 - beginTick; after < 0 || after > 3 {
			t.Errorf("AGC %v: the newcomer is in the mix %d ms after it began, want at most 60", agc, 20*after)
		}
		level := measure.ToneDBFS(listener.between(beginTick+2, beginTick+5), 8000, 3100)
		if level < -20 {
			t.Errorf("AGC %v: the newcomer is heard at %.1f dBFS 40 to 100 ms after it began", agc, level)
		}
		if cut > 0 {
			t.Errorf("AGC %v: %d times somebody left the mix in mid-word", agc, cut)
		}
	}
}

// TestEachOfEightVoicesIsHeardAtOnce: they begin one after the other, 20 dB between the loudest and the quietest, where four have seats.
func TestEachOfEightVoicesIsHeardAtOnce(t *testing.T) {
	const rate, length = 8000, 14 * 8000
	for name, amplitudes := range map[string][]float64{
		"each louder than the one before":  {1200, 1700, 2300, 3200, 4500, 6200, 8700, 12000},
		"each quieter than the one before": {12000, 8700, 6200, 4500, 3200, 2300, 1700, 1200},
	} {
		s := newStage(t, Settings{})
		for i, amplitude := range amplitudes {
			seat(t, s.state, newScriptLeg(t, pcmuProfile(), recorded(speech(uint64(i+1), amplitude, rate, (50+25*i)*160, length, length))))
		}
		cut, mixedAt, before := 0, make([]int, len(amplitudes)), map[*member]bool{}
		for tick := 1; tick <= length/160; tick++ {
			s.run(1)
			for i, m := range s.members {
				if mixedAt[i] == 0 && m.voice.contributes && tick > 30 { // one line is in the mix while nobody talks
					mixedAt[i] = tick
				}
				loud := m.voice.vad.Loud() && m.voice.vad.LevelDBFS() > m.voice.agc.SpeechDBFS()-10 // and not a syllable's end
				if before[m] && !m.voice.contributes && loud {
					cut++
				}
				before[m] = m.voice.contributes
			}
		}
		for i, at := range mixedAt {
			if after := at - 1 - (50 + 25*i); after > 3 || after < 0 && i > 0 {
				t.Errorf("%s: voice %d is in the mix %d ms after it began, want at most 60", name, i, 20*after)
			}
		}
		t.Logf("%s: in the mix from tick %v, %d cut off in a word", name, mixedAt, cut)
		if cut > 0 {
			t.Errorf("%s: %d times somebody was cut off in a word", name, cut)
		}
	}
}

func TestFiveLoudTalkers(t *testing.T) {
	const peak = 16384 // −6 dBFS
	tones := [5]float64{437, 611, 823, 1129, 1571}
	for _, f := range []codec.Format{pcmu, pcma} {
		s := newStage(t, Settings{MaxTalkers: AllTalkers})
		var legs []*scriptLeg
		for _, hz := range tones {
			leg := newScriptLeg(t, codec.Profile{Format: f}, tone(hz, peak, f.SampleRateHz))
			legs = append(legs, leg)
			seat(t, s.state, leg)
		}
		s.run(4 * framesPerSecond)
		for i, leg := range legs {
			heard := leg.since(2 * framesPerSecond)
			own := measure.ToneDBFS(heard, f.SampleRateHz, tones[i])
			total, others := math.Pow(10, measure.RMSDBFS(heard)/10), 0.0
			for j, hz := range tones {
				if j != i {
					level := measure.ToneDBFS(heard, f.SampleRateHz, hz)
					others += math.Pow(10, level/10)
				}
			}
			distortion := 10 * math.Log10(max(total-others, 1e-15)/others)
			if i == 0 {
				t.Logf("%s: own voice %.1f dB below what was said, distortion %.1f dB", f.Name, own+6, distortion)
			}
			if own > -6-60 {
				t.Errorf("%s: %d hears its own voice of -6 dBFS at %.1f dBFS: want 60 dB less", f.Name, i, own)
			}
			if distortion > -25 {
				t.Errorf("%s: distortion of what %d hears is %.1f dB, want at most -25", f.Name, i, distortion)
			}
			for k := 1; k < len(heard); k++ {
				if heard[k] > 25000 && heard[k-1] < -25000 || heard[k] < -25000 && heard[k-1] > 25000 {
					t.Fatalf("%s: sample %d is wrapped: %d after %d", f.Name, k, heard[k], heard[k-1])
				}
			}
		}
	}
}

// TestNothingThatChangesClicks lets everything change that can, in the middle of a voice.
func TestNothingThatChangesClicks(t *testing.T) {
	const limit = 8
	voice := vowel
	type scene struct {
		*stage
		talker           *member
		leg, other, hear *scriptLeg
	}
	member := func(s scene, p ParticipantPatch) {
		if err := s.patch(s.talker, p); err != nil {
			t.Error(err)
		}
	}
	change := func(of *scriptLeg, to codec.Profile) func(scene) {
		return func(s scene) {
			m := s.members[0]
			for _, o := range s.members {
				if o.leg == of {
					m = o
				}
			}
			if err := s.change(m.p, func() error { of.use(t, to); return nil }); err != nil {
				t.Error(err)
			}
		}
	}
	opus60 := codec.Profile{Format: opus, Packet: 60 * time.Millisecond}
	for _, row := range []struct {
		name string
		set  Settings
		do   func(scene)
		back func(scene)
	}{
		{
			"mute and unmute",
			Settings{},
			func(s scene) { member(s, ParticipantPatch{Muted: ptr(true)}) },
			func(s scene) { member(s, ParticipantPatch{Muted: ptr(false)}) },
		},
		{
			"gain",
			Settings{},
			func(s scene) { member(s, ParticipantPatch{GainDB: ptr(6.0)}) },
			func(s scene) { member(s, ParticipantPatch{GainDB: ptr(-12.0)}) },
		},
		{
			"listener and speaker",
			Settings{AGC: true},
			func(s scene) { member(s, ParticipantPatch{Role: ptr(RoleListener)}) },
			func(s scene) { member(s, ParticipantPatch{Role: ptr(RoleSpeaker)}) },
		},
		{
			"AGC on and off",
			Settings{},
			func(s scene) { s.changeSettings(Settings{AGC: true}) },
			func(s scene) { s.changeSettings(Settings{}) },
		},
		{
			"noise suppression on and off",
			Settings{},
			func(s scene) { s.changeSettings(Settings{NoiseSuppression: true}) },
			func(s scene) { s.changeSettings(Settings{}) },
		},
		{"join and leave of another voice", Settings{}, func(s scene) {
			s.other.says = voice(8000)
			seat(t, s.state, s.other)
		}, func(s scene) { s.letGo(s.members[len(s.members)-1].p, ReasonHangup) }},
		{"join and leave of an Opus voice, and the room's rate with it", Settings{}, func(s scene) {
			s.other.use(t, codec.Profile{Format: opus})
			s.other.says = voice(48000)
			seat(t, s.state, s.other)
		}, func(s scene) { s.letGo(s.members[len(s.members)-1].p, ReasonHangup) }},
		{"the talker's codec", Settings{}, func(s scene) {
			s.leg.says = voice(8000)
			change(s.leg, codec.Profile{Format: pcma})(s)
		}, func(s scene) { change(s.leg, pcmuProfile())(s) }},
		{"the talker's packet time", Settings{}, func(s scene) {
			change(s.leg, codec.Profile{Format: pcmu, Packet: 60 * time.Millisecond})(s)
		}, func(s scene) { change(s.leg, codec.Profile{Format: pcmu, Packet: 10 * time.Millisecond})(s) }},
		{"the listener's packet time", Settings{}, func(s scene) {
			change(s.hear, codec.Profile{Format: pcmu, Packet: 30 * time.Millisecond})(s)
		}, func(s scene) { change(s.hear, codec.Profile{Format: pcmu, Packet: 40 * time.Millisecond})(s) }},
		{
			"the listener's codec",
			Settings{},
			func(s scene) { change(s.hear, codec.Profile{Format: pcma})(s) },
			func(s scene) { change(s.hear, pcmuProfile())(s) },
		},
		{
			"the number of talkers",
			Settings{MaxTalkers: 2},
			func(s scene) { s.changeSettings(Settings{MaxTalkers: 1}) },
			func(s scene) { s.changeSettings(Settings{MaxTalkers: AllTalkers}) },
		},
		{"an Opus listener's packet time, in another room's rate", Settings{}, func(s scene) {
			s.other.use(t, opus60)
			seat(t, s.state, s.other)
		}, func(s scene) { change(s.other, codec.Profile{Format: opus})(s) }},
	} {
		s := scene{stage: newStage(t, row.set)}
		s.leg, s.hear, s.other = newScriptLeg(t, pcmuProfile(), voice(8000)), newScriptLeg(t, pcmuProfile(), nil), newScriptLeg(t, pcmuProfile(), nil)
		s.talker = seat(t, s.state, s.leg)
		seat(t, s.state, s.hear)
		s.run(101)
		row.do(s)
		s.run(76)
		row.back(s)
		s.run(103)
		heard := s.hear.heard[20*160:] // the voice's beginning is its own
		worst, at := worstStep(heard, 8000)
		t.Logf("%s: worst step %.1f times the local RMS step, at %d ms", row.name, worst, 400+at/8)
		if worst > limit {
			t.Errorf("%s: a step of %.1f times the local RMS step at %d ms, want at most %d", row.name, worst, 400+at/8, limit)
		}
		if got, want := len(s.hear.heard), 280*160; got < want-480 || got > want {
			t.Errorf("%s: %d samples heard of %d", row.name, got, want)
		}
		for from := 0; from+800 < len(heard); from += 800 { // but for who is silenced, nobody is ever gone
			silenced := row.name == "mute and unmute" || row.name == "listener and speaker"
			if level := measure.RMSDBFS(heard[from : from+800]); level < -40 && !silenced {
				t.Errorf("%s: %.1f dBFS from %d ms on", row.name, level, 400+from/8)
			}
		}
	}
}
