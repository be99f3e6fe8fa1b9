package mixer

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
	"pgregory.net/rapid"
)

// limited runs ticks of a sum through one limiter.
func limited(lim *Limiter, sum []int32, n int) []int16 {
	out := make([]int16, len(sum))
	for i := 0; i < len(sum); i += n {
		var bus Bus
		bus.Reset(n)
		copy(bus.sum[:], sum[i:i+n])
		bus.MixAll(out[i:i+n], lim)
	}
	return out
}

func TestFiveFullScaleTalkersAreNotClippedAndOneIsGone(t *testing.T) {
	tones := [5]float64{437, 611, 823, 1129, 1571}
	for _, rate := range rates {
		n := FrameSamples(rate)
		var bus Bus
		var lim Limiter
		var heard []int16
		mix := make([]int16, n)
		for tick := range 150 {
			bus.Reset(n)
			var own []int16
			for i, hz := range tones {
				f := sine(hz, 32767, rate, tick*n, n)
				bus.Add(f)
				if i == 0 {
					own = f
				}
			}
			bus.MixWithout(mix, own, &lim)
			heard = append(heard, mix...)
		}
		for i := 2; i < len(heard); i++ {
			if a, b := heard[i-1], heard[i]; a == b && (a >= limiterCeiling || a <= -limiterCeiling) {
				t.Fatalf("%d Hz: flat at %d, sample %d", rate, a, i)
			}
		}
		settled := heard[rate:]
		if got := measure.ToneDBFS(settled, rate, tones[0]); got > -60 {
			t.Errorf("%d Hz: own voice: got %.1f dBFS, want below -60", rate, got)
		}
		for _, hz := range tones[1:] {
			if got := measure.ToneDBFS(settled, rate, hz); math.Abs(got+12.3) > 1 {
				t.Errorf("%d Hz: one of four others: got %.2f dBFS, want -12.3 within 1", rate, got)
			}
		}
	}
}

func TestLimiterPassesBitForBitBelowTheCeiling(t *testing.T) {
	var lim Limiter
	sum := make([]int32, 1600)
	for i, s := range noise(seeded(), 7000, 1600) {
		sum[i] = min(max(int32(s), -limiterCeiling), limiterCeiling)
	}
	for i, got := range limited(&lim, sum, 160) {
		if int32(got) != sum[i] {
			t.Fatalf("sample %d: got %d, want %d", i, got, sum[i])
		}
	}
	if lim != (Limiter{}) {
		t.Errorf("state: got %+v, want the zero value", lim)
	}
}

// peaksFit is the property that no test with tones can show: whatever comes, the output follows the sum with a gain of 0
// to 1, keeps its sign and never reaches the top by wrapping.
func TestLimiterKeepsSignAndSizeWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lim Limiter
		n := rapid.SampledFrom([]int{1, 5, 8, 160, 320}).Draw(t, "samples")
		for range 4 {
			loudness := rapid.SampledFrom([]int32{0, 100, 32256, 40000, 400000, math.MaxInt32}).Draw(t, "loudness")
			sum := rapid.SliceOfN(rapid.Int32Range(-loudness, loudness), n, n).Draw(t, "sum")
			for i, got := range limited(&lim, sum, n) {
				switch s := sum[i]; {
				case s > 0 && (got < 0 || int32(got) > s), s < 0 && (got > 0 || int32(got) < s), s == 0 && got != 0:
					t.Fatalf("sample %d: got %d of %d", i, got, s)
				case got == math.MinInt16:
					t.Fatalf("sample %d: got %d, want within the top", i, got)
				}
			}
			if lim.reduction < 0 || lim.reduction >= 1 {
				t.Fatalf("reduction: got %v, want 0 to 1", lim.reduction)
			}
		}
	})
}

func TestLimiterComesBackSlowlyAndWholly(t *testing.T) {
	const rate, n = 8000, 160
	var lim Limiter
	loud := make([]int32, rate)
	for i := range loud {
		loud[i] = int32(100000 * math.Sin(2*math.Pi*500*float64(i)/rate))
	}
	limited(&lim, loud, n)
	if got := lim.GainDown(); math.Abs(got-(1-32256.0/100000)) > 0.03 {
		t.Errorf("reduction: got %.3f, want 0.677", got)
	}
	quiet := make([]int32, 3*rate)
	for i := range quiet {
		quiet[i] = int32(math.Round(8000 * math.Sin(2*math.Pi*500*float64(i)/rate)))
	}
	out := limited(&lim, quiet, n)
	if got, limit := largestStep(out), sineSlope(500, 8000, rate); got > limit {
		t.Errorf("largest step while the gain rises: got %d, want at most %d", got, limit)
	}
	// In the first 150 ms it holds; in one second it is up within a decibel; in the end it is 1.
	level := func(fromMS, toMS int) float64 { return measure.RMSDBFS(out[fromMS*8 : toMS*8]) }
	if got := level(100, 140) - level(20, 60); math.Abs(got) > 0.1 {
		t.Errorf("rise within the hold: got %.2f dB, want 0", got)
	}
	if got := level(1100, 1200) - level(2900, 3000); got < -1 {
		t.Errorf("after 1.1 s: got %.2f dB below the end, want within 1", got)
	}
	if lim != (Limiter{}) {
		t.Errorf("after 3 s: got %+v, want the zero value", lim)
	}
	for i := len(out) - 100; i < len(out); i++ {
		if int32(out[i]) != quiet[i] {
			t.Fatalf("sample %d: got %d, want %d bit for bit", i, out[i], quiet[i])
		}
	}
}

func TestLimiterFallsBeforeAPeakInsideTheFrame(t *testing.T) {
	const rate, n = 8000, 160
	sum := make([]int32, 2*n)
	for i := range sum {
		a := 20000.0
		if i >= n+n/2 {
			a = 80000
		}
		sum[i] = int32(a * math.Sin(2*math.Pi*250*float64(i)/rate))
	}
	var lim Limiter
	out := limited(&lim, sum, n)
	for i, s := range out {
		if s > limiterCeiling || s < -limiterCeiling {
			t.Fatalf("sample %d: got %d, want within the ceiling", i, s)
		}
	}
	for i := range n {
		if int32(out[i]) != sum[i] {
			t.Fatalf("sample %d of the frame before: got %d, want %d", i, out[i], sum[i])
		}
	}
	// The gain has gone down before the peak, and not at once.
	gain := func(i int) float64 { return float64(out[i]) / float64(sum[i]) }
	for i := n + 1; i < n+n/2; i++ {
		if sum[i] < 4000 && sum[i] > -4000 || sum[i-1] < 4000 && sum[i-1] > -4000 {
			continue
		}
		if d := gain(i) - gain(i-1); math.Abs(d) > 0.02 {
			t.Errorf("gain from sample %d to the next: got a step of %.3f, want a slope", i-1, d)
		}
	}
	if g := gain(n + n/2 - 3); g > 0.5 {
		t.Errorf("gain shortly before the peak: got %.2f, want below 0.5", g)
	}
}

func TestLegThatTurnsTalkerGoesOnAtTheSharedLevel(t *testing.T) {
	const rate, n = 8000, 160
	var shared, own Limiter
	sum := make([]int32, 2*n)
	for i := range sum {
		sum[i] = int32(90000 * math.Sin(2*math.Pi*200*float64(i)/rate))
	}
	before := limited(&shared, sum[:n], n)
	own = shared
	after := limited(&own, sum[n:], n)
	if got, limit := largestStep(append(before[n-1:], after...)), sineSlope(200, 33000, rate); got > limit {
		t.Errorf("largest step: got %d, want at most %d", got, limit)
	}
}

// unlike is what of out is not sum with a gain that stays the same for 50 ms, in dB below it.
func unlike(out []int16, sum []int32, rateHz int) float64 {
	var left, all float64
	for n := rateHz / 20; len(out) >= n; out, sum = out[n:], sum[n:] {
		var cross, energy, own float64
		for i := range n {
			x, y := float64(sum[i]), float64(out[i])
			cross, energy, own = cross+x*y, energy+x*x, own+y*y
		}
		if energy == 0 {
			continue
		}
		left += own - cross*cross/energy
		all += own
	}
	return 10 * math.Log10(max(left, 1e-9)/all)
}

func TestLoudTalkersAreNotDistorted(t *testing.T) {
	for _, rate := range rates {
		n := FrameSamples(rate)
		tones, voices := make([]int32, 4*rate), make([]int32, 400*n)
		for i, hz := range []float64{611, 823, 1129, 1571} {
			for k, s := range sine(hz, 16384, rate, 0, len(tones)) {
				tones[k] += int32(s)
			}
			if rate != 8000 {
				continue // babble is made for telephones
			}
			pcm := babble(rand.New(rand.NewPCG(uint64(i), 3)), 8000, 0, len(voices))
			peak := 1
			for _, s := range pcm {
				peak = max(peak, int(s), -int(s))
			}
			for k, s := range pcm {
				voices[k] += int32(s) * 16384 / int32(peak)
			}
		}
		for name, sum := range map[string][]int32{"tones": tones, "voices": voices} {
			if peakOf(sum) < limiterCeiling {
				continue
			}
			var lim Limiter
			out := limited(&lim, sum, n)
			got := unlike(out, sum, rate)
			t.Logf("four %s at -6 dBFS peaks, %d Hz: distortion of %.1f dB", name, rate, got)
			if got > -30 {
				t.Errorf("four %s at -6 dBFS peaks, %d Hz: distortion of %.1f dB, want at most -30", name, rate, got)
			}
		}
	}
}
