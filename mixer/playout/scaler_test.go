package playout

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/confbridge/confbridge/mixer/measure"
)

// sineAt is n samples of a sine of amplitude 8000.
func sineAt(hz float64, rateHz, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(8000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rateHz))))
	}
	return pcm
}

// steepest is the greatest step from one sample to the next.
func steepest(pcm []int16) int {
	most := 0
	for i := 1; i < len(pcm); i++ {
		most = max(most, int(pcm[i])-int(pcm[i-1]), int(pcm[i-1])-int(pcm[i]))
	}
	return most
}

func TestSplicesOfATonePassUnheard(t *testing.T) {
	for _, rateHz := range []int{8000, 16000, 48000} {
		for _, hz := range []float64{97, 150, 233, 440, 1000, 1777, 3000} {
			pcm := sineAt(hz, rateHz, 3*rateHz/50)
			before := steepest(pcm)
			s, ok := findSplice(pcm, rateHz, rateHz/50)
			if !ok || s.quiet {
				t.Fatalf("%v Hz at %d Hz: no splice", hz, rateHz)
			}
			if s.alike < 0.9 {
				t.Errorf("%v Hz at %d Hz: the best splice has a likeness of %.2f", hz, rateHz, s.alike)
			}
			longer := lengthen(append(make([]int16, 0, 4*rateHz/50), pcm...), s)
			if len(longer) != len(pcm)+s.lag {
				t.Errorf("%v Hz at %d Hz: %d samples of %d with %d put in", hz, rateHz, len(longer), len(pcm), s.lag)
			}
			shorter := shorten(append([]int16(nil), pcm...), s)
			if len(shorter) != len(pcm)-s.lag {
				t.Errorf("%v Hz at %d Hz: %d samples of %d with %d taken out", hz, rateHz, len(shorter), len(pcm), s.lag)
			}
			for what, heard := range map[string][]int16{"longer": longer, "shorter": shorter} {
				if got := steepest(heard); float64(got) > 1.3*float64(before)+2 {
					t.Errorf("%v Hz at %d Hz, %s: a step of %d, of the tone at most %d", hz, rateHz, what, got, before)
				}
				if got := measure.RMSDBFS(heard); math.Abs(got-measure.RMSDBFS(pcm)) > 1 {
					t.Errorf("%v Hz at %d Hz, %s: level %.1f dBFS of %.1f", hz, rateHz, what, got, measure.RMSDBFS(pcm))
				}
			}
		}
	}
}

func TestSilenceIsCutByAsMuchAsIsWanted(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	pcm := make([]int16, 320)
	for i := range pcm {
		pcm[i] = int16(rnd.IntN(2*quietPeak) - quietPeak)
	}
	for _, most := range []int{20, 33, 77, 120} {
		if s, ok := findSplice(pcm, 8000, most); !ok || !s.quiet || s.lag != most {
			t.Errorf("got %+v, %v of silence, want all of %d", s, ok, most)
		}
	}
	if s, ok := findSplice(pcm, 8000, 19); ok {
		t.Errorf("got %+v, want nothing shorter than 2.5 ms", s)
	}
}

func TestHissIsNotTakenForAlike(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = int16(rnd.NormFloat64() * 3000)
	}
	if s, _ := findSplice(pcm, 8000, 120); s.alike > shortAlike {
		t.Errorf("a likeness of %.2f in white noise", s.alike)
	}
}

// TestSplicesKeepWhatIsAround: whatever the sound, what lies before and behind the cross-fade stays as it was, and the fade
// stays between the two.
func TestSplicesKeepWhatIsAround(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rateHz := rapid.SampledFrom([]int{8000, 16000, 48000}).Draw(t, "rate")
		frame := rateHz / 50
		seed := rapid.Uint64().Draw(t, "seed")
		rnd := rand.New(rand.NewPCG(seed, 1))
		loud := rapid.SampledFrom([]int{1, 90, 5000, 32767}).Draw(t, "loud")
		pcm := make([]int16, frame+rapid.IntRange(0, 6*frame).Draw(t, "more"), 9*frame)
		for i := range pcm {
			pcm[i] = int16(rnd.IntN(2*loud+1) - loud)
		}
		was := append([]int16(nil), pcm...)
		most := rapid.IntRange(0, frame).Draw(t, "most")
		s, ok := findSplice(pcm, rateHz, most)
		if ok != (most >= rateHz/400) {
			t.Fatalf("ok %v of at most %d samples", ok, most)
		}
		if !ok {
			return
		}
		if s.lag > most || s.lag < rateHz/400 || s.length < 1 || s.lag+s.length > frame {
			t.Fatalf("splice %+v of at most %d samples in a frame of %d", s, most, frame)
		}
		if rapid.Bool().Draw(t, "longer") {
			pcm = lengthen(pcm, s)
			equal(t, "before the fade", pcm[:s.lag], was[:s.lag])
			within(t, pcm[s.lag:s.lag+s.length], was[s.lag:], was)
			equal(t, "behind the fade", pcm[s.lag+s.length:], was[s.length:])
			return
		}
		pcm = shorten(pcm, s)
		within(t, pcm[:s.length], was, was[s.lag:])
		equal(t, "behind the fade", pcm[s.length:], was[s.lag+s.length:])
	})
}

func equal(t *rapid.T, where string, got, want []int16) {
	if len(got) != len(want) {
		t.Fatalf("%s: %d samples, want %d", where, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: sample %d is %d, was %d", where, i, got[i], want[i])
		}
	}
}

// within checks that each sample lies between those of two sounds.
func within(t *rapid.T, got, a, b []int16) {
	for i, v := range got {
		if v < min(a[i], b[i]) || v > max(a[i], b[i]) {
			t.Fatalf("sample %d of the fade is %d, not between %d and %d", i, v, a[i], b[i])
		}
	}
}

func BenchmarkFindSplice(b *testing.B) {
	for name, rateHz := range map[string]int{"8kHz": 8000, "48kHz": 48000} {
		pcm := sineAt(150, rateHz, rateHz/50)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				findSplice(pcm, rateHz, rateHz/50)
			}
		})
	}
}
