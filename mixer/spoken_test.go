package mixer

import (
	"math"
	"math/rand/v2"
	"testing"
)

// nameClip is a clip of 4 s at 8 kHz over background noise, with a second of somebody who speaks from one second on.
func nameClip(amplitude, background float64) *Clip {
	r := rand.New(rand.NewPCG(7, 8))
	c := &Clip{Name: "n", RateHz: 8000, PCM: noise(r, background, 32000)}
	add(c.PCM, babble(r, amplitude, 0, 8000), 8000)
	return c
}

func TestWhatIsSpokenIsTrimmedAndLevelled(t *testing.T) {
	for _, row := range []struct {
		name                  string
		amplitude, background float64
	}{
		{"loud", 20000, 3},
		{"faint", 1500, 3},
		{"over noise", 8000, 100},
	} {
		t.Run(row.name, func(t *testing.T) {
			whole := nameClip(row.amplitude, row.background)
			got := Spoken(whole)
			if got == nil {
				t.Fatal("nobody speaks")
			}
			if seconds := got.Duration().Seconds(); seconds < 0.9 || seconds > 1.4 {
				t.Errorf("lasts %.2f s, want about one", seconds)
			}
			var v VAD
			var a AGC
			for range 20 {
				for at := 0; at+160 <= len(got.PCM); at += 160 {
					v.Observe(got.PCM[at:at+160], 8000)
					a.Observe(&v)
				}
			}
			if level := a.SpeechDBFS(); math.Abs(level-agcTargetDBFS) > 3 {
				t.Errorf("speaks at %.1f dBFS, want about %d", level, agcTargetDBFS)
			}
			for i, s := range got.PCM {
				if math.Abs(float64(s)) > 32000 {
					t.Fatalf("sample %d is %d: clipped", i, s)
				}
			}
		})
	}
}

func TestWhatIsNoVoiceIsNotSpoken(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	click := make([]int16, 32000)
	for i := range 800 {
		click[12000+i] = int16(r.NormFloat64() * 8000)
	}
	for _, row := range []struct {
		name string
		clip *Clip
	}{
		{"nothing at all", nil},
		{"an empty clip", &Clip{RateHz: 16000}},
		{"digital silence", &Clip{RateHz: 16000, PCM: make([]int16, 64000)}},
		{"the noise of a line", &Clip{RateHz: 8000, PCM: noise(r, 30, 32000)}},
		{"a fan", &Clip{RateHz: 8000, PCM: pink(r, dbfs(-35), 32000)}},
		{"a click", &Clip{RateHz: 8000, PCM: click}},
	} {
		if got := Spoken(row.clip); got != nil {
			t.Errorf("%s: %v of it are spoken", row.name, got.Duration())
		}
	}
}

func TestTheClipItselfStaysAsItIs(t *testing.T) {
	whole := nameClip(8000, 30)
	before := append([]int16(nil), whole.PCM...)
	Spoken(whole)
	for i := range before {
		if before[i] != whole.PCM[i] {
			t.Fatalf("sample %d is changed", i)
		}
	}
}
