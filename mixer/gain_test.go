package mixer

import (
	"math"
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
)

func TestGainOfOneIsBitExact(t *testing.T) {
	pcm := noise(seeded(), 12000, 960)
	want := append([]int16(nil), pcm...)
	var g Gain
	g.Apply(pcm, 48000)
	g.Set(1)
	g.SetDB(0)
	g.Apply(pcm, 48000)
	for i := range pcm {
		if pcm[i] != want[i] {
			t.Fatalf("sample %d: got %d, want %d", i, pcm[i], want[i])
		}
	}
}

func TestGainChangesWithoutAClickWithinTenMilliseconds(t *testing.T) {
	for _, rate := range rates {
		for _, linear := range []float64{0, 0.25, 2} {
			var g Gain
			n := FrameSamples(rate)
			frame := sine(300, 8000, rate, 0, n)
			g.Set(linear)
			g.Apply(frame, rate)
			limit := sineSlope(300, 8000*max(linear, 1), rate) + int(8000*math.Abs(1-linear))/(rate*5/1000)
			if got := largestStep(frame); got > limit {
				t.Errorf("%d Hz to %v: largest step: got %d, want at most %d", rate, linear, got, limit)
			}
			half := sine(300, 8000, rate, 0, n)
			for i := n / 2; i < n; i++ {
				if want := math.Round(linear * float64(half[i])); math.Abs(float64(frame[i])-want) > 1 {
					t.Fatalf("%d Hz to %v: sample %d, after 10 ms: got %d, want %v", rate, linear, i, frame[i], want)
				}
			}
		}
	}
}

func TestGainIsSilentOnlyWhenTheRampHasEnded(t *testing.T) {
	var g Gain
	if g.Silent() {
		t.Error("zero value: got silent, want not")
	}
	g.Set(0)
	if g.Silent() {
		t.Error("before the ramp: got silent, want not")
	}
	short := make([]int16, 40) // 5 ms
	g.Apply(short, 8000)
	if g.Silent() {
		t.Error("in the ramp: got silent, want not")
	}
	g.Apply(short, 8000)
	if !g.Silent() {
		t.Error("after 10 ms: got not silent, want silent")
	}
	frame := sine(440, 9000, 8000, 0, 160)
	g.Apply(frame, 8000)
	if got := measure.RMSDBFS(frame); got != measure.Silence {
		t.Errorf("muted: got %.1f dBFS, want silence", got)
	}
	g.Set(1)
	if g.Silent() {
		t.Error("unmuted: got silent, want not")
	}
	var j Gain
	j.Jump(0)
	if !j.Silent() {
		t.Error("jumped to 0: got not silent, want silent")
	}
}

func TestGainSaturatesAndIsBounded(t *testing.T) {
	var g Gain
	g.Jump(20)
	frame := []int16{32767, -32768, 3000, -3000, 1, -1, 0}
	g.Apply(frame, 8000)
	want := []int16{32767, -32768, 32767, -32768, 20, -20, 0}
	for i := range want {
		if frame[i] != want[i] {
			t.Errorf("sample %d: got %d, want %d", i, frame[i], want[i])
		}
	}
	for _, row := range []struct{ set, want float64 }{
		{math.Inf(1), gainLargest}, {-1, 0}, {1e9, gainLargest}, {0.5, 0.5},
	} {
		g.Set(row.set)
		if got := g.Linear(); math.Abs(got-row.want) > 1e-5 {
			t.Errorf("Set(%v): got %v, want %v", row.set, got, row.want)
		}
	}
	g.Set(math.NaN())
	if got := g.Linear(); got != 0.5 {
		t.Errorf("Set(NaN): got %v, want 0.5 as before", got)
	}
	g.SetDB(math.Inf(-1))
	if got := g.Linear(); got != 0 {
		t.Errorf("SetDB(-Inf): got %v, want 0", got)
	}
	g.SetDB(6.0206)
	if got := g.Linear(); math.Abs(got-2) > 1e-4 {
		t.Errorf("SetDB(6.02): got %v, want 2", got)
	}
}

func TestGainDoesNotAllocate(t *testing.T) {
	var g Gain
	frame := make([]int16, 160)
	level := 0.5
	if got := testing.AllocsPerRun(100, func() {
		level = 1.5 - level
		g.Set(level)
		g.Apply(frame, 8000)
	}); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
