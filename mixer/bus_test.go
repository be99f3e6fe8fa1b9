package mixer

import (
	"math"
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
	"pgregory.net/rapid"
)

func TestMixWithoutTakesOneOfEightTonesOutAltogether(t *testing.T) {
	tones := [8]float64{310, 470, 620, 830, 1040, 1370, 1790, 2330}
	for _, rate := range rates {
		heard := make([][]int16, len(tones))
		var bus Bus
		lims := make([]Limiter, len(tones))
		n := FrameSamples(rate)
		mix := make([]int16, n)
		for tick := range 50 {
			bus.Reset(n)
			frames := make([][]int16, len(tones))
			for i, hz := range tones {
				frames[i] = sine(hz, 3000, rate, tick*n, n)
				bus.Add(frames[i])
			}
			for i := range tones {
				bus.MixWithout(mix, frames[i], &lims[i])
				heard[i] = append(heard[i], mix...)
			}
		}
		for i, own := range tones {
			if got := measure.ToneDBFS(heard[i], rate, own); got > -90 {
				t.Errorf("%d Hz: own tone of %.0f Hz: got %.1f dBFS, want below -90", rate, own, got)
			}
			for _, hz := range tones {
				want := 20 * math.Log10(3000.0/32768)
				if got := measure.ToneDBFS(heard[i], rate, hz); hz != own && math.Abs(got-want) > 0.05 {
					t.Errorf("%d Hz: %.0f Hz heard by %.0f: got %.2f dBFS, want %.2f", rate, hz, own, got, want)
				}
			}
		}
	}
}

func TestSumWithoutOwnIsTheSumOfTheOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 7, 160, 320}).Draw(t, "samples")
		frames := rapid.SliceOfN(rapid.SliceOfN(rapid.Int16(), n, n), 1, 6).Draw(t, "frames")
		own := rapid.IntRange(0, len(frames)-1).Draw(t, "own")
		var all, others Bus
		all.Reset(n)
		others.Reset(n)
		for i, f := range frames {
			all.Add(f)
			if i != own {
				others.Add(f)
			}
		}
		// The state before is the same for both, limiting or not.
		reduction := rapid.SampledFrom([]float32{0, 0, 0.3, 0.8}).Draw(t, "reduction")
		a, b := Limiter{reduction: reduction, hold: 3}, Limiter{reduction: reduction, hold: 3}
		if reduction == 0 {
			a.hold, b.hold = 0, 0
		}
		got, want := make([]int16, n), make([]int16, n)
		all.MixWithout(got, frames[own], &a)
		others.MixAll(want, &b)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("sample %d: got %d, want %d", i, got[i], want[i])
			}
		}
		if a != b {
			t.Fatalf("limiters: got %+v, want %+v", a, b)
		}
		// In place it is the same.
		c := Limiter{reduction: reduction, hold: a.hold}
		if reduction == 0 {
			inPlace := append([]int16(nil), frames[own]...)
			c.hold = 0
			all.MixWithout(inPlace, inPlace, &c)
			for i := range want {
				if inPlace[i] != want[i] {
					t.Fatalf("in place, sample %d: got %d, want %d", i, inPlace[i], want[i])
				}
			}
		}
	})
}

func TestBusDoesNotOverflow(t *testing.T) {
	var bus Bus
	loud := make([]int16, 160)
	for i := range loud {
		loud[i] = math.MinInt16
	}
	bus.Reset(160)
	for range 65000 {
		bus.Add(loud)
	}
	var lim Limiter
	out := make([]int16, 160)
	bus.MixAll(out, &lim)
	for i, s := range out {
		if s > -20000 {
			t.Fatalf("sample %d of 65000 loud frames: got %d, want loud and of the same sign", i, s)
		}
	}
	if bus.Frames() != 65000 {
		t.Errorf("frames: got %d, want 65000", bus.Frames())
	}
	bus.Reset(160)
	bus.MixAll(out, new(Limiter))
	if out[0] != 0 || bus.Frames() != 0 {
		t.Errorf("after Reset: got %d and %d frames, want silence", out[0], bus.Frames())
	}
}

func TestBusDoesNotAllocate(t *testing.T) {
	var bus Bus
	var lim Limiter
	frame, dst := sine(440, 32000, 48000, 0, 960), make([]int16, 960)
	if got := testing.AllocsPerRun(100, func() {
		bus.Reset(960)
		bus.Add(frame)
		bus.Add(frame)
		bus.Add(frame)
		bus.MixWithout(dst, frame, &lim)
		bus.MixAll(dst, &lim)
	}); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
