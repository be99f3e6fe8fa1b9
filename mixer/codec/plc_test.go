package codec

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
	"pgregory.net/rapid"
)

func largestStep(pcm []int16) int {
	largest := 0
	for i := 1; i < len(pcm); i++ {
		d := int(pcm[i]) - int(pcm[i-1])
		largest = max(largest, d, -d)
	}
	return largest
}

func slopeOf(hz, amplitude float64, rateHz int) int {
	return int(math.Ceil(2 * amplitude * math.Sin(math.Pi*hz/float64(rateHz))))
}

// withLoss is a sine of which the frames of 20 ms that lost names did not come.
func withLoss(rateHz int, hz, amplitude float64, frames int, lost func(int) bool) []int16 {
	c := newConcealer(rateHz)
	n := rateHz / 50
	var out []int16
	for i := range frames {
		pcm := sine(hz, amplitude, rateHz, i*n, n)
		if lost(i) {
			c.conceal(pcm)
		} else {
			c.good(pcm)
		}
		out = append(out, pcm...)
	}
	return out
}

func TestToneGoesOnThroughALossWithoutAStep(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for _, hz := range []float64{67, 120, 201, 333, 440, 1000, 1873} {
			out := withLoss(rate, hz, 10000, 20, func(i int) bool { return i == 8 || i == 14 || i == 15 })
			if got, limit := largestStep(out), slopeOf(hz, 10000, rate)*13/10; got > limit+20 {
				t.Errorf("%.0f Hz at %d: largest step: got %d, want at most %d", hz, rate, got, limit)
			}
			at := 8 * rate / 50
			before, during := out[at-rate/100:at], out[at:at+rate/100]
			if hz >= 200 { // 10 ms hold two periods or more
				if got := measure.RMSDBFS(during) - measure.RMSDBFS(before); math.Abs(got) > 1 {
					t.Errorf("%.0f Hz at %d: level in the first 10 ms: got %.2f dB of change, want within 1", hz, rate, got)
				}
			}
		}
	}
}

func TestSoundWithoutPitchGoesOnWithoutAStepToo(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, rate := range []int{8000, 16000} {
		for range 20 {
			// Noise below some 300 Hz: it repeats nowhere, so every seam would be a step if it were not overlapped.
			pcm := make([]int16, rate/2)
			var a, b, c float64
			k := 2 * math.Pi * 300 / float64(rate)
			for i := range pcm {
				a += (r.NormFloat64()*20000 - a) * k
				b += (a - b) * k
				c += (b - c) * k
				pcm[i] = int16(min(max(c, -30000), 30000))
			}
			largest := largestStep(pcm[rate/100:])
			conceal := newConcealer(rate)
			n := rate / 50
			for at, i := 0, 0; at < len(pcm); at, i = at+n, i+1 {
				if i == 10 || i == 11 || i == 12 {
					conceal.conceal(pcm[at : at+n])
				} else {
					conceal.good(pcm[at : at+n])
				}
			}
			if got := largestStep(pcm[rate/100:]); got > largest*13/10 {
				t.Fatalf("%d Hz: largest step: got %d, want at most 1.3 times that of the sound, %d", rate, got, largest)
			}
		}
	}
}

func TestConcealmentIsSilentAfterSixtyMilliseconds(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		out := withLoss(rate, 440, 10000, 20, func(i int) bool { return i >= 8 && i < 14 })
		ms := rate / 1000
		loss := out[8*20*ms:]
		if got := measure.RMSDBFS(loss[60*ms : 120*ms]); got != measure.Silence {
			t.Errorf("%d Hz: after 60 ms: got %.1f dBFS, want silence", rate, got)
		}
		levels := []float64{}
		for from := 0; from < 60; from += 10 {
			levels = append(levels, measure.RMSDBFS(loss[from*ms:(from+10)*ms]))
		}
		for i := 1; i < len(levels); i++ {
			if levels[i] >= levels[i-1]+0.2 {
				t.Errorf("%d Hz: levels of each 10 ms: got %.1f, want them to fall", rate, levels)
			}
		}
		// Sound comes back over at most 10 ms and is the sound that came.
		back := loss[120*ms:]
		want := sine(440, 10000, rate, 14*20*ms, 20*ms)
		for i := 10 * ms; i < 20*ms; i++ {
			if back[i] != want[i] {
				t.Fatalf("%d Hz: sample %d after the loss: got %d, want %d", rate, i, back[i], want[i])
			}
		}
		if got, limit := largestStep(out), slopeOf(440, 10000, rate)*13/10; got > limit+20 {
			t.Errorf("%d Hz: largest step: got %d, want at most %d", rate, got, limit)
		}
	}
}

func TestConcealmentDoesNotDependOnHowItIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := newConcealer(8000), newConcealer(8000)
		seed := rapid.SliceOfN(rapid.Int16(), 500, 500).Draw(t, "heard")
		again := rapid.SliceOfN(rapid.Int16(), 200, 200).Draw(t, "again")
		a.good(append([]int16(nil), seed...))
		b.good(append([]int16(nil), seed...))
		whole, parts := make([]int16, 480), make([]int16, 480)
		a.conceal(whole)
		for rest := parts; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "part")
			b.conceal(rest[:n])
			rest = rest[n:]
		}
		whole, parts = append(whole, again...), append(parts, again...)
		a.good(whole[480:])
		for rest := parts[480:]; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "good part")
			b.good(rest[:n])
			rest = rest[n:]
		}
		for i := range whole {
			if whole[i] != parts[i] {
				t.Fatalf("sample %d: got %d in parts, want %d as in one", i, parts[i], whole[i])
			}
		}
		for i := range a.history {
			if a.history[i] != b.history[i] {
				t.Fatalf("history %d: got %d, want %d", i, b.history[i], a.history[i])
			}
		}
	})
}

func TestConcealmentBeforeAnySoundIsSilence(t *testing.T) {
	for _, f := range everyFormat {
		d := mustDecoder(t, f)
		pcm := sine(440, 9000, f.SampleRateHz, 0, f.SampleRateHz/1000*MaxPacketMilliseconds)
		d.Conceal(pcm)
		if got := measure.RMSDBFS(pcm); got != measure.Silence {
			t.Errorf("%v: got %.1f dBFS, want silence", f, got)
		}
		d.Conceal(nil)
	}
}

func TestPitchIsFoundInAVoice(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for _, hz := range []float64{80, 100, 125, 160} {
			c := newConcealer(rate)
			pcm := make([]int16, rate/10)
			for i := range pcm {
				v := 0.0
				for k := 1.0; k <= 10; k++ {
					v += math.Cos(2*math.Pi*k*hz*float64(i)/float64(rate)) / k
				}
				pcm[i] = int16(4000 * v)
			}
			c.good(pcm)
			c.begin()
			if want := float64(rate) / hz; math.Abs(float64(c.period)-want) > 1 && math.Abs(float64(c.period)-2*want) > 2 {
				t.Errorf("%.0f Hz at %d: got a period of %d samples, want %.1f", hz, rate, c.period, want)
			}
		}
	}
}
