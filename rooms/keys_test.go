package rooms

import (
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
)

// dialling is the keys 5 and 8 in silence, 100 ms each, from 500 and 700 ms on, as a script.
func dialling(rateHz int) func(int) float64 {
	return func(i int) float64 {
		ms, column := i*1000/rateHz, 1336.0
		var row float64
		switch {
		case 500 <= ms && ms < 600:
			row = 770
		case 700 <= ms && ms < 800:
			row = 852
		default:
			return 0
		}
		t := 2 * math.Pi * float64(i) / float64(rateHz)
		return 5000 * (math.Sin(row*t) + math.Sin(column*t))
	}
}

// keysTold are the keys that the room has told, and for how long they were held.
func (s *stage) keysTold() (digits string, held []time.Duration) {
	for _, e := range s.room.log.ring {
		if e.Kind == KindKeyPressed {
			digits += string(e.Key)
			held = append(held, e.Held)
		}
	}
	return digits, held
}

func TestKeysInTheSoundAreToldAndNotHeard(t *testing.T) {
	for _, f := range []codec.Format{pcmu, pcma, g722, opus} {
		for _, packet := range []time.Duration{20 * time.Millisecond, 60 * time.Millisecond} {
			if f == g722 && packet > 20*time.Millisecond {
				continue
			}
			for _, listens := range []bool{false, true} {
				s := newStage(t, Settings{})
				talker := newScriptLeg(t, codec.Profile{Format: f, Packet: packet}, dialling(f.SampleRateHz))
				talker.keysInSound = listens
				listener := newScriptLeg(t, pcmuProfile(), silent)
				seat(t, s.state, listener)
				seat(t, s.state, talker)
				s.run(2 * framesPerSecond)
				want := ""
				if listens {
					want = "58"
				}
				got, held := s.keysTold()
				if got != want {
					t.Errorf("%s of %v, looked for %v: got %q, want %q", f.Name, packet, listens, got, want)
				}
				for _, d := range held {
					if d < 90*time.Millisecond || d > 110*time.Millisecond {
						t.Errorf("%s of %v: held for %v, want 100 ms", f.Name, packet, d)
					}
				}
				loud := 0 // ms of the two keys' 200 that others hear
				for at := 0; at+8 <= len(listener.heard); at += 8 {
					if measure.RMSDBFS(listener.heard[at:at+8]) > -40 {
						loud++
					}
				}
				if least := 190; !listens && loud < least {
					t.Errorf("%s of %v: %d ms of the tones are heard, want %d at least", f.Name, packet, loud, least)
				}
				if most := 2 * 25; listens && loud > most {
					t.Errorf("%s of %v: %d ms of the tones are heard, want %d at most", f.Name, packet, loud, most)
				}
			}
		}
	}
}

func TestAKeyThatComesTwoWaysIsToldOnce(t *testing.T) {
	for _, row := range []struct {
		name string
		at   []time.Duration // when keys are told apart from the sound
		told string
		want string
	}{
		{"told before its tone is over", []time.Duration{550 * time.Millisecond, 750 * time.Millisecond}, "58", "58"},
		{"told behind its tone", []time.Duration{900 * time.Millisecond, 1100 * time.Millisecond}, "58", "58"},
		{"told for the first tone only", []time.Duration{550 * time.Millisecond}, "5", "5"},
		{"told much later, pressed again", []time.Duration{900 * time.Millisecond, time.Second, 1200 * time.Millisecond}, "588", "588"},
		{"another one is told", []time.Duration{1500 * time.Millisecond}, "1", "581"},
		{"the same one is told when it must be another press", []time.Duration{4 * time.Second}, "5", "585"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newStage(t, Settings{})
			talker := newScriptLeg(t, pcmuProfile(), dialling(8000))
			talker.keysInSound = true
			m := seat(t, s.state, talker)
			seat(t, s.state, newScriptLeg(t, pcmuProfile(), silent))
			for ms := 0; ms < 5000; ms += 20 {
				for i, at := range row.at {
					if at >= time.Duration(ms)*time.Millisecond && at < time.Duration(ms+20)*time.Millisecond {
						m.keyAt(row.told[i], 100*time.Millisecond, s.now)
					}
				}
				s.run(1)
			}
			if got, _ := s.keysTold(); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestKeysAreLookedForAsTheLegWantsIt(t *testing.T) {
	s := newStage(t, Settings{})
	talker := newScriptLeg(t, pcmuProfile(), dialling(8000))
	m := seat(t, s.state, talker)
	on := func(want bool) {
		t.Helper()
		if got := m.keys.detector != nil; got != want {
			t.Errorf("they are looked for: %v, want %v", got, want)
		}
	}
	on(false)
	for _, want := range []bool{true, false, true} {
		if err := s.change(m.p, func() error { talker.keysInSound = want; return nil }); err != nil {
			t.Fatal(err)
		}
		on(want)
	}
	m.keys.told = true
	other := newScriptLeg(t, pcmuProfile(), dialling(8000))
	other.keysInSound = true
	if err := s.swap(m.p, other, m.caller); err != nil {
		t.Fatal(err)
	}
	on(true)
	if m.keys.told {
		t.Error("what the leg before has done is held against the new one")
	}
	s.run(2 * framesPerSecond)
	if got, _ := s.keysTold(); got != "58" {
		t.Errorf("got %q", got)
	}
}

func TestLookingForKeysDoesNotAllocate(t *testing.T) {
	s := newStage(t, Settings{})
	encoded := newFakeLeg(t, pcmu, 600)
	for range 3 {
		if err := encoded.Receive(s.now, discard{}); err != nil {
			t.Fatal(err)
		}
	}
	leg := &cannedLeg{format: pcmu, payload: encoded.payload[:encoded.length], keysInSound: true}
	m := seat(t, s.state, leg)
	if m.keys.detector == nil {
		t.Fatal("they are not looked for")
	}
	tick := func() {
		s.now = s.now.Add(frameDuration)
		s.tick(s.now)
		s.pending = s.pending[:0]
	}
	for range 2 * framesPerSecond {
		tick()
	}
	if n := testing.AllocsPerRun(framesPerSecond, tick); n != 0 {
		t.Errorf("%g allocations a tick", n)
	}
}
