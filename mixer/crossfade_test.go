package mixer

import (
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
)

func TestCrossfadeLeadsFromOneFrameIntoTheOther(t *testing.T) {
	for _, rate := range rates {
		n := FrameSamples(rate)
		// 437 Hz: 20 ms later the phase is another one.
		pcm := sine(437, 9000, rate, 0, 4*n)
		dst := make([]int16, n)
		Crossfade(dst, pcm[n:2*n], pcm[2*n:3*n])
		joined := append(append(append([]int16(nil), pcm[:n]...), dst...), pcm[3*n:]...)
		limit := sineSlope(437, 9000, rate) + 2*9000/(n/2)
		if got := largestStep(joined); got > limit {
			t.Errorf("%d Hz: largest step: got %d, want at most %d", rate, got, limit)
		}
		if dst[0] != pcm[n] && dst[0] < pcm[n]-2000 {
			t.Errorf("%d Hz: begins with %d, want about %d", rate, dst[0], pcm[n])
		}
	}
}

func TestCrossfadeOfEqualFramesIsTheFrame(t *testing.T) {
	a := sine(437, 9000, 8000, 0, 160)
	dst := make([]int16, 160)
	Crossfade(dst, a, a)
	for i := range a {
		if dst[i] != a[i] {
			t.Fatalf("sample %d: got %d, want %d", i, dst[i], a[i])
		}
	}
}

func TestCrossfadeStandsWhereTheFramesAreAlike(t *testing.T) {
	// Alike in the second half only: a fade anywhere else would cancel.
	a := sine(500, 9000, 8000, 0, 160)
	b := sine(500, -9000, 8000, 0, 160)
	copy(b[80:], a[80:])
	dst := make([]int16, 160)
	Crossfade(dst, a, b)
	for _, part := range [][]int16{dst[:80], dst[80:]} {
		if got := measure.RMSDBFS(part) - measure.RMSDBFS(a); got < -1 {
			t.Errorf("level: got %.1f dB, want no loss", got)
		}
	}
}

func TestCrossfadeInPlaceAndShort(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 159, 960} {
		a, b := noise(seeded(), 5000, n), noise(seeded(), 3000, n)
		want := make([]int16, n)
		Crossfade(want, a, b)
		inA, inB := append([]int16(nil), a...), append([]int16(nil), b...)
		Crossfade(inA, inA, b)
		Crossfade(inB, a, inB)
		for i := range want {
			if inA[i] != want[i] || inB[i] != want[i] {
				t.Fatalf("%d samples, sample %d: got %d and %d, want %d", n, i, inA[i], inB[i], want[i])
			}
		}
	}
}

func TestCrossfadeDoesNotAllocate(t *testing.T) {
	a, b, dst := make([]int16, 160), make([]int16, 160), make([]int16, 160)
	if got := testing.AllocsPerRun(100, func() { Crossfade(dst, a, b) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
