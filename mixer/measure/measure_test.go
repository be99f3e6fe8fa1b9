package measure

import (
	"math"
	"math/rand/v2"
	"testing"
)

func sine(hz, amplitude float64, rateHz, samples int) []int16 {
	out := make([]int16, samples)
	for i := range out {
		out[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rateHz))))
	}
	return out
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within || math.IsNaN(got) {
		t.Errorf("%s: got %.3f, want %.3f within %.3f", what, got, want, within)
	}
}

func TestLevelOfASineIsItsPeakInDBFS(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		pcm := sine(440, 32768*0.1, rate, rate/2)
		near(t, "RMS", RMSDBFS(pcm), -20, 0.02)
		near(t, "tone", ToneDBFS(pcm, rate, 440), -20, 0.02)
		if got := ToneDBFS(pcm, rate, 700); got > -90 {
			t.Errorf("tone that is not there at %d Hz: got %.1f dBFS, want below -90", rate, got)
		}
	}
}

func TestNothingIsSilence(t *testing.T) {
	for name, got := range map[string]float64{
		"no samples":         RMSDBFS(nil),
		"zeros":              RMSDBFS(make([]int16, 100)),
		"tone in nothing":    ToneDBFS(nil, 8000, 440),
		"tone in zeros":      ToneDBFS(make([]int16, 100), 8000, 440),
		"tone above Nyquist": ToneDBFS(sine(440, 1000, 8000, 800), 8000, 4000),
		"tone at no rate":    ToneDBFS(sine(440, 1000, 8000, 800), 0, 440),
	} {
		if got != Silence {
			t.Errorf("%s: got %v, want Silence", name, got)
		}
	}
}

func TestCorrelationFindsSpeechWithinOtherSpeech(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	ref := make([]int16, 80000)
	for i := range ref {
		ref[i] = int16(r.NormFloat64() * 3000)
	}
	for _, delay := range []int{0, 1, 777, -500} {
		rec := make([]int16, len(ref))
		for i := range rec {
			if j := i - delay; j >= 0 && j < len(ref) {
				rec[i] = ref[j] / 2
			}
			rec[i] += int16(r.NormFloat64() * 1500)
		}
		peak, lag := Correlation(ref, rec, 1600)
		if lag != delay {
			t.Errorf("lag: got %d, want %d", lag, delay)
		}
		near(t, "peak with as much else in it", peak, math.Sqrt(0.5), 0.02)
	}
	other := make([]int16, len(ref))
	for i := range other {
		other[i] = int16(r.NormFloat64() * 3000)
	}
	if peak, _ := Correlation(ref, other, 8000); math.Abs(peak) > 0.05 {
		t.Errorf("unrelated sounds: got %.3f, want about 0", peak)
	}
}

func TestCorrelationEqualsItsDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		a, b := make([]int16, 20+r.IntN(60)), make([]int16, 20+r.IntN(60))
		for i := range a {
			a[i] = int16(r.Uint32())
		}
		for i := range b {
			b[i] = int16(r.Uint32())
		}
		maxLag := r.IntN(70)
		wantPeak, wantLag := slowCorrelation(a, b, maxLag)
		peak, lag := Correlation(a, b, maxLag)
		near(t, "peak", peak, wantPeak, 1e-9)
		if lag != wantLag {
			t.Errorf("lag: got %d, want %d", lag, wantLag)
		}
	}
}

func slowCorrelation(a, b []int16, maxLag int) (peak float64, lag int) {
	least := (min(len(a), len(b)) + 1) / 2
	for l := -maxLag; l <= maxLag; l++ {
		var cross, ea, eb float64
		overlap := 0
		for i := range a {
			if j := i + l; j >= 0 && j < len(b) {
				x, y := float64(a[i]), float64(b[j])
				cross, ea, eb = cross+x*y, ea+x*x, eb+y*y
				overlap++
			}
		}
		if overlap < least || ea*eb == 0 {
			continue
		}
		if c := cross / math.Sqrt(ea*eb); math.Abs(c) > math.Abs(peak)+1e-12 {
			peak, lag = c, l
		}
	}
	return peak, lag
}

func TestCorrelationOfNothingIsZero(t *testing.T) {
	for _, pair := range [][2][]int16{{nil, nil}, {{1}, nil}, {nil, {1}}, {{0, 0}, {0, 0}}} {
		if peak, lag := Correlation(pair[0], pair[1], 5); peak != 0 || lag != 0 {
			t.Errorf("got %v at %d, want 0 at 0", peak, lag)
		}
	}
}

func TestTiltIsWhatIsHighOverWhatIsLow(t *testing.T) {
	// Of a sine, a+b and a-b of neighbours are as 2cos(w/2) to 2sin(w/2).
	for _, hz := range []float64{500, 2000, 3500} {
		half := math.Pi * hz / 8000
		near(t, "tilt", TiltDB(sine(hz, 10000, 8000, 8000)), 20*math.Log10(math.Tan(half)), 0.05)
	}
}
