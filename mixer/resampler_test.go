package mixer

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
)

var rates = []int{8000, 16000, 48000}

// resampled is the sound after a Resampler, frame by frame, without its first 40 ms.
func resampled(from, to int, pcm []int16) []int16 {
	r := MakeResampler(from, to)
	var out []int16
	frame := make([]int16, MaxFrameSamples)
	for len(pcm) >= FrameSamples(from) {
		n := r.Process(frame, pcm[:FrameSamples(from)])
		out = append(out, frame[:n]...)
		pcm = pcm[FrameSamples(from):]
	}
	return out[2*FrameSamples(to):]
}

func TestResamplerIsFlatInItsPassBand(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			edge := 0.85 * float64(min(from, to)) / 2
			for _, part := range []float64{0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 1} {
				hz := edge * part
				out := resampled(from, to, sine(hz, 16384, from, 0, from/2))
				if got := measure.ToneDBFS(out, to, hz); math.Abs(got+6.02) > 0.5 {
					t.Errorf("%d to %d Hz: tone of %.0f Hz: got %.2f dBFS, want -6.02 within 0.5", from, to, hz, got)
				}
			}
		}
	}
}

func TestResamplerRejectsImagesAndAliases(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			low := min(from, to)
			edge := 0.85 * float64(low) / 2
			if from < to { // images of what is in the pass band
				for _, part := range []float64{0.1, 0.33, 0.6, 0.8, 0.9, 1} {
					hz := edge * part
					out := resampled(from, to, sine(hz, 16384, from, 0, from/2))
					for image := float64(low) - hz; image < float64(to)/2; image += float64(low) {
						if got := measure.ToneDBFS(out, to, image) + 6.02; got > -60 {
							t.Errorf("%d to %d Hz: image of %.0f Hz at %.0f: got %.1f dB, want below -60", from, to, hz, image, got)
						}
						if got := measure.ToneDBFS(out, to, image+2*hz) + 6.02; image+2*hz < float64(to)/2 && got > -60 {
							t.Errorf("%d to %d Hz: image of %.0f Hz at %.0f: got %.1f dB, want below -60", from, to, hz, image+2*hz, got)
						}
					}
				}
			}
			if from > to { // what would be heard in the pass band
				for hz := float64(low) - edge; hz < float64(from)/2-100; hz += 137 {
					out := resampled(from, to, sine(hz, 16384, from, 0, from/2))
					alias := math.Abs(hz - float64(low)*math.Round(hz/float64(low)))
					if alias > edge {
						continue
					}
					if got := measure.ToneDBFS(out, to, alias) + 6.02; got > -60 {
						t.Errorf("%d to %d Hz: %.0f Hz heard at %.0f: got %.1f dB, want below -60", from, to, hz, alias, got)
					}
				}
			}
		}
	}
}

func TestResamplerDelayIsTwelveSamplesOfTheLowerRate(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			r := MakeResampler(from, to)
			src := make([]int16, FrameSamples(from))
			src[0] = 20000
			dst := make([]int16, MaxFrameSamples)
			dst = dst[:r.Process(dst, src)]
			at := 0
			for i, s := range dst {
				if s > dst[at] {
					at = i
				}
			}
			want := 12 * to / min(from, to)
			if from == to {
				want = 0
			}
			if at != want {
				t.Errorf("%d to %d Hz: peak of an impulse: got sample %d, want %d", from, to, at, want)
			}
			if at*1000 > to*3/2 {
				t.Errorf("%d to %d Hz: delay of %d samples is more than 1.5 ms", from, to, at)
			}
		}
	}
}

func TestResamplerKeepsTheBoundaryOfFramesUnheard(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			pcm := sine(700, 12000, from, 0, from/5)
			r, s := MakeResampler(from, to), MakeResampler(from, to)
			whole := make([]int16, len(pcm)*to/from)
			r.Process(whole, pcm)
			parts := make([]int16, 0, len(whole))
			frame := make([]int16, MaxFrameSamples)
			for i := 0; i < len(pcm); i += from / 200 {
				n := s.Process(frame, pcm[i:i+from/200])
				parts = append(parts, frame[:n]...)
			}
			for i := range whole {
				if whole[i] != parts[i] {
					t.Fatalf("%d to %d Hz: sample %d: got %d in parts of 5 ms, want %d as in one", from, to, i, parts[i], whole[i])
				}
			}
		}
	}
}

func TestRetuneDoesNotClick(t *testing.T) {
	const amplitude = 10000
	for _, hz := range []float64{200, 440, 1000, 2500, 3300} {
		for _, a := range rates {
			for _, b := range rates {
				for _, c := range rates {
					for _, d := range rates {
						before, after := retuned(hz, amplitude, [2]int{a, b}, [2]int{c, d})
						// Two sines of one frequency that are faded over 5 ms differ by at most two amplitudes.
						limit := sineSlope(hz, amplitude, d) + 2*amplitude/(d/1000*retuneMS) + 5
						if a != c { // interpolated history: not quite the sine
							limit += limit / 8
						}
						name := fmt.Sprintf("%.0f Hz, %d to %d, then %d to %d", hz, a, b, c, d)
						if got := largestStep(after); got > limit {
							t.Errorf("%s: largest step: got %d, want at most %d", name, got, limit)
						}
						// From the last sample to the first of the new frame it is one step of the old rate.
						limit = sineSlope(hz, amplitude, b) + 2*amplitude/(d/1000*retuneMS) + 5
						if a != c {
							limit += limit / 4
						}
						if got := largestStep([]int16{before[len(before)-1], after[0]}); got > limit {
							t.Errorf("%s: step at the change: got %d, want at most %d", name, got, limit)
						}
					}
				}
			}
		}
	}
}

// retuned runs a sine through one ratio for 120 ms and then through another, and hands back what was heard with each.
func retuned(hz, amplitude float64, first, then [2]int) (before, after []int16) {
	r := MakeResampler(first[0], first[1])
	frame := make([]int16, MaxFrameSamples)
	for tick := range 6 {
		n := FrameSamples(first[0])
		before = append(before, frame[:r.Process(frame, sine(hz, amplitude, first[0], tick*n, n))]...)
	}
	// Rates that no frame was made with leave no trace.
	r.Retune(48000, 8000)
	r.Retune(then[0], then[1])
	for tick := range 6 {
		n := FrameSamples(then[0])
		after = append(after, frame[:r.Process(frame, sine(hz, amplitude, then[0], (6+tick)*n, n))]...)
	}
	return before, after
}

func TestRetuneOfTheOutputAloneLeavesNoTrace(t *testing.T) {
	// 8000 to 16000 and 8000 to 48000 Hz have the same delay: after the change all is as if it had always been so.
	_, got := retuned(440, 9000, [2]int{8000, 16000}, [2]int{8000, 48000})
	_, want := retuned(440, 9000, [2]int{8000, 48000}, [2]int{8000, 48000})
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("sample %d: got %d, want %d", i, got[i], want[i])
		}
	}
}

func TestRetuneIsOverAfterTenMilliseconds(t *testing.T) {
	for _, first := range rates {
		_, got := retuned(440, 9000, [2]int{first, first}, [2]int{8000, 48000})
		_, want := retuned(440, 9000, [2]int{8000, 48000}, [2]int{8000, 48000})
		for i := 480; i < len(want); i++ {
			if got[i] != want[i] {
				t.Fatalf("from %d Hz: sample %d: got %d, want %d", first, i, got[i], want[i])
			}
		}
	}
}

func TestResamplerSaturates(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			pcm := make([]int16, from/10)
			for i := range pcm {
				pcm[i] = 32767
				if i/(from/400)%2 == 1 {
					pcm[i] = -32768
				}
			}
			out := resampled(from, to, pcm)
			// A wrapped overshoot would stand in the middle of a half wave with the wrong sign.
			for i := 1; i < len(out)-1; i++ {
				if neighbours := min(out[i-1], out[i+1]); neighbours > 25000 && out[i] < 0 {
					t.Fatalf("%d to %d Hz: %d, %d, %d: an overshoot has wrapped", from, to, out[i-1], out[i], out[i+1])
				}
			}
		}
	}
}

func TestResamplerZeroValuePasses(t *testing.T) {
	var r Resampler
	src := sine(440, 10000, 8000, 0, 160)
	dst := make([]int16, 160)
	if n := r.Process(dst, src); n != 160 || dst[7] != src[7] {
		t.Errorf("got %d samples, want the 160 as they were", n)
	}
}

func TestRetuneToAnotherRatePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("got no panic for 44100 Hz, want one")
		}
	}()
	MakeResampler(44100, 8000)
}

func TestResamplerDoesNotAllocate(t *testing.T) {
	r := MakeResampler(8000, 48000)
	src, dst := make([]int16, 160), make([]int16, 960)
	if got := testing.AllocsPerRun(100, func() { r.Process(dst, src) }); got != 0 {
		t.Errorf("Process: got %v allocations, want 0", got)
	}
	long := make([]int16, 960)
	if got := testing.AllocsPerRun(100, func() {
		r.Retune(48000, 16000)
		r.Process(dst, long)
		r.Retune(8000, 48000)
		r.Process(dst, src)
	}); got != 0 {
		t.Errorf("Retune: got %v allocations, want 0", got)
	}
}

func TestSilenceIsWhatZerosAreResampledTo(t *testing.T) {
	rates := []int{8000, 16000, 48000}
	for _, from := range rates {
		for _, to := range rates {
			silence, zeros := MakeResampler(from, to), MakeResampler(from, to)
			got, want := make([]int16, FrameSamples(to)), make([]int16, FrameSamples(to))
			nothing := make([]int16, FrameSamples(from))
			for i := range 40 {
				if i == 30 { // in the middle of a silence
					silence.Retune(from, 16000)
					zeros.Retune(from, 16000)
					got, want = make([]int16, FrameSamples(16000)), make([]int16, FrameSamples(16000))
				}
				if i%10 < 3 {
					said := sine(300, 9000, from, i*len(nothing), len(nothing))
					silence.Process(got, said)
					zeros.Process(want, said)
				} else {
					silent := silence.Silence(got)
					zeros.Process(want, nothing)
					if silent && largestStep(append([]int16{0}, got...)) > 0 {
						t.Errorf("%d to %d Hz: frame %d is told to be silent and is not", from, to, i)
					}
					if i%10 > 7 && !silent {
						t.Errorf("%d to %d Hz: frame %d is not told to be silent", from, to, i)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%d to %d Hz: frame %d differs from that of zeros", from, to, i)
				}
			}
		}
	}
}
