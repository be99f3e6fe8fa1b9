package codec

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
)

// noiseAt is seconds of the noise that a payload describes.
func noiseAt(t testing.TB, rateHz, seconds int, payload []byte) []int16 {
	t.Helper()
	c := NewComfortNoise(rateHz)
	if err := c.Update(payload); err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, rateHz*seconds)
	c.Generate(pcm)
	return pcm
}

// brown and violet are what ffmpeg's encoder writes for noise that falls and rises with the frequency.
var (
	brown  = []byte{49, 2, 140, 124, 139, 120, 125, 126, 122, 130, 119}
	violet = []byte{49, 252, 141, 124, 126, 133, 140, 118, 131, 125, 119}
)

func TestComfortNoiseHasTheLevelThatIsSaid(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, payload := range [][]byte{{30}, {45}, {60}, {70}, append([]byte{40}, brown[1:]...), append([]byte{55}, violet[1:]...)} {
			got := measure.RMSDBFS(noiseAt(t, rate, 10, payload)) - 3.01 // dBov is that of a square wave
			if want := -float64(payload[0]); math.Abs(got-want) > 1 {
				t.Errorf("%d Hz, %v: got %.2f dBov, want %.0f within 1", rate, payload, got, want)
			}
		}
	}
}

func TestComfortNoiseHasTheSpectrumThatIsSaid(t *testing.T) {
	tilt := func(payload []byte) float64 { return measure.TiltDB(noiseAt(t, 8000, 10, payload)) }
	if got := tilt([]byte{40}); math.Abs(got) > 0.5 {
		t.Errorf("without coefficients: got a tilt of %.1f dB, want none", got)
	}
	// Of noise of the first order the tilt is (1 + k)/(1 − k).
	for _, n := range []byte{50, 90, 160, 220} {
		k := (float64(n) - 127) * 258 / 32768
		if got, want := tilt([]byte{40, n}), 10*math.Log10((1+k)/(1-k)); math.Abs(got-want) > 0.5 {
			t.Errorf("coefficient %d: got a tilt of %.1f dB, want %.1f", n, got, want)
		}
	}
	if got := tilt(brown); got > -10 {
		t.Errorf("brown noise: got a tilt of %.1f dB, want below -10", got)
	}
	if got := tilt(violet); got < 10 {
		t.Errorf("violet noise: got a tilt of %.1f dB, want above 10", got)
	}
}

func TestComfortNoiseBeginsWithTheFirstDescription(t *testing.T) {
	c := NewComfortNoise(8000)
	pcm := sine(440, 8000, 8000, 0, 160)
	c.Generate(pcm)
	if got := measure.RMSDBFS(pcm); got != measure.Silence {
		t.Errorf("before the first: got %.1f dBFS, want silence", got)
	}
	if err := c.Update([]byte{50}); err != nil {
		t.Fatal(err)
	}
	c.Generate(pcm)
	if got := measure.RMSDBFS(pcm) - 3.01; math.Abs(got+50) > 2 {
		t.Errorf("the first 20 ms: got %.1f dBov, want -50", got)
	}
}

func TestComfortNoiseChangesSmoothly(t *testing.T) {
	c := NewComfortNoise(8000)
	if err := c.Update([]byte{60}); err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 80)
	level := func() float64 {
		c.Generate(pcm)
		return measure.RMSDBFS(pcm) - 3.01
	}
	level()
	if err := c.Update([]byte{40, 20}); err != nil {
		t.Fatal(err)
	}
	if first := level(); first > -44 {
		t.Errorf("10 ms after a change by 20 dB: got %.1f dBov, want it on its way", first)
	}
	for range 15 {
		level()
	}
	longer := make([]int16, 8000)
	c.Generate(longer)
	if got := measure.RMSDBFS(longer) - 3.01; math.Abs(got+40) > 1 {
		t.Errorf("after the change: got %.1f dBov, want -40", got)
	}
}

func TestComfortNoiseStaysHarmless(t *testing.T) {
	wild := make([]byte, 1400)
	for i := range wild {
		wild[i] = byte(i * 254)
		if wild[i] == 255 {
			wild[i] = 254
		}
	}
	wild[0] = 0
	for name, payload := range map[string][]byte{
		"0 dBov": {0}, "the unused bit": {0x80}, "whistle": {0, 254, 254, 0, 0, 254}, "1,400 bytes": wild,
	} {
		pcm := noiseAt(t, 8000, 5, payload)
		if got := measure.RMSDBFS(pcm) - 3.01; got > -loudestNoise+3 {
			t.Errorf("%s: got %.1f dBov, want %d at the most", name, got, -loudestNoise)
		}
	}
	if got := measure.RMSDBFS(noiseAt(t, 8000, 1, []byte{127})); got != measure.Silence {
		t.Errorf("-127 dBov: got %.1f dBFS, want silence", got)
	}
	c := NewComfortNoise(8000)
	for name, payload := range map[string][]byte{"nothing": nil, "reserved coefficient": {40, 127, 255}} {
		if err := c.Update(payload); !errors.Is(err, ErrPayload) {
			t.Errorf("%s: got %v, want ErrPayload", name, err)
		}
	}
	if c.given {
		t.Error("a malformed description was taken")
	}
	// What stands behind the coefficients that are used is not looked at.
	if err := c.Update(append(append([]byte{40}, make([]byte, maxNoiseOrder)...), 255)); err != nil {
		t.Errorf("longer than is used: got %v, want it taken", err)
	}
}

func TestComfortNoiseAllocatesNothing(t *testing.T) {
	c := NewComfortNoise(8000)
	pcm := make([]int16, 160)
	if got := testing.AllocsPerRun(50, func() {
		_ = c.Update(brown)
		_ = c.Update(nil)
		c.Generate(pcm)
		c.Imitate(pcm, Background{Quietest: -50, Steady: silenceDBFS})
	}); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func FuzzComfortNoise(f *testing.F) {
	f.Add([]byte{}, []byte{0})
	f.Add(brown, violet)
	f.Add([]byte{0x80, 255}, []byte{0, 254, 0, 254})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		c := NewComfortNoise(8000)
		pcm := make([]int16, 800)
		for _, payload := range [][]byte{a, b} {
			if err := c.Update(payload); err != nil && !errors.Is(err, ErrPayload) {
				t.Fatalf("got %v, want ErrPayload", err)
			}
			c.Generate(pcm)
		}
		for _, v := range c.memory {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("the filter holds %v", c.memory)
			}
		}
	})
}

func BenchmarkComfortNoise(b *testing.B) {
	c := NewComfortNoise(8000)
	if err := c.Update(brown); err != nil {
		b.Fatal(err)
	}
	pcm := make([]int16, 160)
	for b.Loop() {
		c.Generate(pcm)
	}
}

// What 20 ms tell of a noise is coarse, and the slowest of it is left out.
func TestComfortNoiseSoundsLikeWhatItImitates(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for name, payload := range map[string][]byte{"white": {50}, "violet": violet, "falling": {50, 60}, "falling from 200 Hz on": {50, 20}} {
			var want, got []int16
			model := NewComfortNoise(rate)
			if err := model.Update(payload); err != nil {
				t.Fatal(err)
			}
			for range 50 { // of one frame, chance would have too much of a say
				frame, made := make([]int16, rate/50), make([]int16, rate/50)
				model.Generate(frame)
				c := NewComfortNoise(rate)
				if !c.Imitate(frame, Background{Quietest: measure.RMSDBFS(frame), Steady: silenceDBFS}) {
					t.Fatalf("%s at %d Hz: not worth making", name, rate)
				}
				c.Generate(made) // its filter begins with nothing
				c.Generate(made)
				want, got = append(want, frame...), append(got, made...)
			}
			if a, b := measure.RMSDBFS(got), measure.RMSDBFS(want); math.Abs(a-b) > 2.5 {
				t.Errorf("%s at %d Hz: %.1f dBFS, want %.1f", name, rate, a, b)
			}
			if a, b := measure.TiltDB(got), measure.TiltDB(want); math.Abs(a-b) > 4 {
				t.Errorf("%s at %d Hz: a tilt of %.1f dB, want %.1f", name, rate, a, b)
			}
		}
	}
}

// hissAt is 20 ms of white noise of that level, the same each time.
func hissAt(levelDBFS float64) []int16 {
	rnd := rand.New(rand.NewPCG(1, 2))
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = int16(math.Round(fullSineRMS * math.Pow(10, levelDBFS/20) * rnd.NormFloat64()))
	}
	return pcm
}

func TestComfortNoiseIsNoLouderThanTheBackground(t *testing.T) {
	pcm := make([]int16, 1600)
	for _, row := range []struct {
		name                           string
		heard, quietest, steady, level float64
	}{
		{"background", -50, -51, -51, -50},
		{"background that is not steady", -50, -55, -55, -52},
		{"background quieter than before", -60, -50, -50, -60},
		{"loud background", -40, -41, -41, -40},
		{"what is left of a word, among words", -30, -32, silenceDBFS, -37},
		{"a word before a background", -20, -48, -50, -47},
		{"a word before a background that has become quieter", -20, -55, -50, -54},
		{"a word among words", -20, -30, silenceDBFS, -55},
		{"a word among words, before a known background", -20, -30, -50, -50},
	} {
		c := NewComfortNoise(8000)
		if !c.Imitate(hissAt(row.heard), Background{row.quietest, row.steady}) {
			t.Errorf("%s: not worth making", row.name)
		}
		c.Generate(pcm)
		if got := measure.RMSDBFS(pcm); math.Abs(got-row.level) > 1.5 {
			t.Errorf("%s: got %.1f dBFS, want %.0f", row.name, got, row.level)
		}
	}
	c := NewComfortNoise(8000)
	for name, pcm := range map[string][]int16{"nothing": nil, "one sample": {1000}, "an offset": slices.Repeat([]int16{500}, 160), "silence": make([]int16, 160)} {
		if c.Imitate(pcm, Background{-50, -50}) {
			t.Errorf("%s: worth making", name)
		}
	}
}

func TestBehindAWordThereIsWhatWasInTheLastPause(t *testing.T) {
	c := NewComfortNoise(8000)
	c.Imitate(hissAt(-60), Background{-61, silenceDBFS})
	c.Imitate(hissAt(-20), Background{-33, silenceDBFS})
	pcm := make([]int16, 1600)
	c.Generate(pcm)
	if got := measure.RMSDBFS(pcm); math.Abs(got+60) > 1.5 {
		t.Errorf("got %.1f dBFS, want -60", got)
	}
	if got := measure.TiltDB(pcm); math.Abs(got) > 3 {
		t.Errorf("got a tilt of %.1f dB, want the flat noise of the pause", got)
	}
}

func BenchmarkImitate(b *testing.B) {
	c := NewComfortNoise(8000)
	pcm := hissAt(-50)
	for b.Loop() {
		c.Imitate(pcm, Background{-51, -51})
	}
}
