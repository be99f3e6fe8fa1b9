package denoise

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
)

// words has the shape of speech: syllables with harmonics, and gaps between them.
func words(amplitude float64, rateHz, samples int) []int16 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, samples)
	for at := 0; at < samples; {
		length := rateHz/10 + r.IntN(rateHz/5)
		pitch := 100 + r.Float64()*100
		for i := at; i < min(at+length, samples); i++ {
			v := 0.0
			for k := 1.0; k <= 8; k++ {
				v += math.Sin(2*math.Pi*k*pitch*float64(i)/float64(rateHz)) / k
			}
			out[i] = int16(amplitude * math.Sin(math.Pi*float64(i-at)/float64(length)) * v / 2)
		}
		at += length + rateHz/20 + r.IntN(rateHz/8)
	}
	return out
}

func noise(level float64, samples int) []int16 {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]int16, samples)
	for i := range out {
		out[i] = int16(r.NormFloat64() * 32768 / math.Sqrt2 * math.Pow(10, level/20))
	}
	return out
}

func suppressed(t *testing.T, rateHz int, pcm []int16) []int16 {
	t.Helper()
	s, err := New(rateHz)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out := append([]int16(nil), pcm...)
	n := rateHz / framesPerSecond
	for i := 0; i+n <= len(out); i += n {
		s.Process(out[i : i+n])
	}
	return out
}

func TestNoiseGoesDownAndSpeechStays(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		quiet := suppressed(t, rate, noise(-40, 5*rate))
		if got := measure.RMSDBFS(quiet[3*rate:]); got > -50 {
			t.Errorf("%d Hz: noise of -40 dBFS comes out at %.1f, want at most -50", rate, got)
		}
		clean := words(8000, rate, 5*rate)
		out := suppressed(t, rate, clean)
		if got := measure.RMSDBFS(out[2*rate:]) - measure.RMSDBFS(clean[2*rate:]); math.Abs(got) > 1.5 {
			t.Errorf("%d Hz: speech without noise changes by %.1f dB, want none", rate, got)
		}
		noisy := words(8000, rate, 8*rate)
		for i, s := range noise(-40, len(noisy)) {
			noisy[i] += s
		}
		before := measure.RMSDBFS(noisy[4*rate:])
		if got := measure.RMSDBFS(suppressed(t, rate, noisy)[4*rate:]) - before; math.Abs(got) > 2 {
			t.Errorf("%d Hz: speech in noise changes by %.1f dB, want none", rate, got)
		}
	}
}

func TestSuppressorRefusesAndForgives(t *testing.T) {
	for _, rate := range []int{0, -8000, 7999, 1 << 30} {
		if _, err := New(rate); !errors.Is(err, ErrRate) {
			t.Errorf("New(%d): %v, want ErrRate", rate, err)
		}
	}
	s, err := New(8000)
	if err != nil {
		t.Fatal(err)
	}
	short := []int16{1, 2, 3}
	s.Process(short)
	s.Process(nil)
	s.Close()
	s.Close()
	frame := noise(-20, 160)
	before := append([]int16(nil), frame...)
	s.Process(frame)
	for i := range frame {
		if frame[i] != before[i] {
			t.Fatal("a closed suppressor changes the sound")
		}
	}
	if short[2] != 3 {
		t.Error("a frame of another length was changed")
	}
}

func TestSuppressorDoesNotAllocate(t *testing.T) {
	s, err := New(8000)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	frame := noise(-40, 160)
	if got := testing.AllocsPerRun(100, func() { s.Process(frame) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func BenchmarkSuppressor(b *testing.B) {
	for name, rate := range map[string]int{"8000": 8000, "48000": 48000} {
		b.Run(name, func(b *testing.B) {
			s, err := New(rate)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			frame := noise(-40, rate/framesPerSecond)
			for b.Loop() {
				s.Process(frame)
			}
		})
	}
}
