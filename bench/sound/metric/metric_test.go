package metric_test

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/voices"
)

const rate = 8000

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within || math.IsNaN(got) {
		t.Errorf("%s: got %.4f, want %.4f within %.4f", what, got, want, within)
	}
}

// words are eight seconds of speech.
func words(t *testing.T, speaker int) []float64 {
	t.Helper()
	pcm, err := voices.Speech(speaker, rate)
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

// even is a clock that starts at a time.
func even(start float64) metric.Clock {
	return func(i int) float64 { return start + float64(i)/rate }
}

// noisy adds noise with the spectrum of pcm itself, so that all of it is masked alike.
func noisy(pcm []float64, snr float64) []float64 {
	fft := fourier.NewFFT(len(pcm))
	rnd := rand.New(rand.NewPCG(3, 3))
	bins := fft.Coefficients(nil, pcm)
	for i := range bins {
		bins[i] *= cmplx.Rect(1, 2*math.Pi*rnd.Float64())
	}
	noise := fft.Sequence(nil, bins)
	return voices.Add(slices.Clone(pcm), voices.Scale(noise, metric.RMSDBFS(pcm)-snr-metric.RMSDBFS(noise)), 0)
}

func TestESTOIIsOneForTheSameAndFallsWithNoise(t *testing.T) {
	for speaker := range voices.Speakers {
		pcm := words(t, speaker)
		near(t, "of itself", metric.ESTOI(pcm, pcm, rate), 1, 1e-6)
		near(t, "of itself, softer", metric.ESTOI(pcm, voices.Scale(slices.Clone(pcm), -12), rate), 1, 1e-6)
		last := 1.0
		for _, snr := range []float64{30, 20, 10, 5, 0, -5, -10} {
			got := metric.ESTOI(pcm, noisy(pcm, snr), rate)
			if got >= last {
				t.Errorf("speaker %d: %.3f at %.0f dB, not less than %.3f above", speaker, got, snr, last)
			}
			last = got
			t.Logf("speaker %d: %.3f at %.0f dB", speaker, got, snr)
		}
		// What is known of it in noise of the speech's own spectrum: most is left at 15 dB, about half at 0.
		if got := metric.ESTOI(pcm, noisy(pcm, 15), rate); got < 0.75 || got > 0.97 {
			t.Errorf("speaker %d: %.3f at 15 dB of noise", speaker, got)
		}
		if got := metric.ESTOI(pcm, noisy(pcm, 0), rate); got < 0.25 || got > 0.75 {
			t.Errorf("speaker %d: %.3f at 0 dB of noise", speaker, got)
		}
	}
	pcm := words(t, 0)
	near(t, "of noise alone", metric.ESTOI(pcm, voices.Pink(-20, rate, len(pcm), 3), rate), 0, 0.1)
	near(t, "of another speaker", metric.ESTOI(pcm, words(t, 1), rate), 0, 0.2)
	near(t, "of silence", metric.ESTOI(pcm, make([]float64, len(pcm)), rate), 0, 0.01)
	near(t, "of nothing", metric.ESTOI(nil, nil, rate), 0, 0)
}

func TestDelaysAreFoundToTheSampleAndFollowed(t *testing.T) {
	pcm := words(t, 2)
	// The first half comes 37 ms later, the rest 287 ms.
	half := len(pcm) / 2
	heard := make([]float64, len(pcm)+rate)
	copy(heard[37*8:], pcm[:half])
	copy(heard[287*8+half:], pcm[half:])
	delays := metric.Delays(pcm, noisy(heard, 15), even(5), even(5), 0.9)
	if len(delays) < 40 {
		t.Fatalf("found %d windows", len(delays))
	}
	wrong := 0
	for _, d := range delays {
		want := 37.0
		if d.Seconds-5 > float64(half)/rate {
			want = 287
		}
		if math.Abs(d.Millis-want) > 0.2 {
			wrong++
		}
	}
	if wrong > 2 { // those that have both in them
		t.Errorf("%d of %d windows are found elsewhere: %v", wrong, len(delays), metric.Between(delays, 0, 100))
	}
	aligned := metric.Align(pcm, heard, delays, rate)
	different := 0
	for i := range pcm {
		if aligned[i] != pcm[i] {
			different++
		}
	}
	if different > rate/4 {
		t.Errorf("aligned, %d of %d samples differ", different, len(pcm))
	}
	if got := metric.Delays(pcm, words(t, 3), even(0), even(0), 0.9); len(got) > 5 {
		t.Errorf("%d windows are found in what another says", len(got))
	}
}

func TestClicksAreCountedAndSpeechHasNone(t *testing.T) {
	for speaker := range voices.Speakers {
		pcm := words(t, speaker)
		if got := metric.NewClicks(pcm, pcm, rate); len(got) != 0 {
			t.Errorf("speaker %d has %d clicks more than itself", speaker, len(got))
		}
		if got := metric.Clicks(pcm, rate); len(got) > 3 {
			t.Errorf("speaker %d has %d clicks of its own", speaker, len(got))
		}
	}
	hum := make([]float64, 2*rate)
	for i := range hum {
		hum[i] = 0.25 * math.Sin(2*math.Pi*100*float64(i)/rate)
	}
	if got := metric.Clicks(hum, rate); len(got) != 0 {
		t.Errorf("a hum has %d clicks", len(got))
	}
	cut := slices.Clone(hum)
	clear(cut[rate+20 : rate+400]) // from its crest to nothing, and back
	if got := metric.NewClicks(hum, cut, rate); len(got) == 0 || got[0] != rate+20 {
		t.Errorf("cut off, a hum has clicks at %v", got)
	}
	// What was said is a step a little too small to count; heard a little louder, it is still the same one.
	pop := make([]float64, rate)
	pop[rate/2] = 0.0095
	louder := slices.Clone(pop)
	louder[rate/2] = 0.0105
	if got := metric.Clicks(louder, rate); len(got) != 1 {
		t.Errorf("a pop has clicks at %v", got)
	}
	if got := metric.NewClicks(pop, louder, rate); len(got) != 0 {
		t.Errorf("louder, a pop has new clicks at %v", got)
	}
	faded := slices.Clone(hum)
	for i := range faded[:400] {
		faded[rate+20+i] *= max(0, 1-float64(i)/40) // over 5 ms
	}
	if got := metric.Clicks(faded[:rate+400], rate); len(got) != 0 {
		t.Errorf("faded out, a hum has clicks at %v", got)
	}
	if got := metric.Clicks(make([]float64, rate), rate); len(got) != 0 {
		t.Error("silence clicks")
	}
}

func TestGapsAreSilenceWhereThereIsSpeech(t *testing.T) {
	pcm := words(t, 1)
	if got := metric.Gaps(pcm, pcm, rate); len(got) != 0 {
		t.Errorf("speech has %d gaps: %v", len(got), got)
	}
	loud := 0 // the middle of 200 ms of loud speech
	for from := 0; from+1600 <= len(pcm); from += 100 {
		quiet := false
		for i := from; i+40 <= from+1600; i += 40 {
			quiet = quiet || metric.RMSDBFS(pcm[i:i+40]) < -38
		}
		if !quiet {
			loud = from + 800
			break
		}
	}
	if loud == 0 {
		t.Fatal("nobody speaks")
	}
	loud = loud / 40 * 40
	torn := slices.Clone(pcm)
	clear(torn[loud-240 : loud+240]) // 60 ms
	gaps := metric.Gaps(pcm, torn, rate)
	if len(gaps) != 1 {
		t.Fatalf("got %d gaps, want 1", len(gaps))
	}
	near(t, "its length", metric.Longest(gaps), 60, 5)
	near(t, "its place", float64(gaps[0].At), float64(loud-240), 40)
}

func TestLevels(t *testing.T) {
	near(t, "a sine", metric.RMSDBFS(voices.Tone(440, -12, rate, rate)), -12, 0.01)
	near(t, "a tone of it", metric.ToneDBFS(voices.Tone(440, -12, rate, rate), 440, rate), -12, 0.05)
	near(t, "a band with it", metric.BandDBFS(voices.Tone(1000, -12, rate, rate), 800, 1200, rate), -12, 0.3)
	if got := metric.BandDBFS(voices.Tone(1000, -12, rate, rate), 2000, 3000, rate); got > -70 {
		t.Errorf("a band without it: got %.1f", got)
	}
	pcm := words(t, 0)
	near(t, "speech", metric.ActiveDBFS(pcm, rate), voices.ActiveDBFS, 0.7)
	near(t, "speech, louder", metric.Gain(pcm, voices.Scale(slices.Clone(pcm), 6), rate), 6, 0.01)
	near(t, "its spectrum", metric.SpectralDistance(pcm, voices.Scale(slices.Clone(pcm), 6), rate), 0, 0.01)
	if got := metric.SpectralDistance(pcm, noisy(pcm, 5), rate); got < 1 {
		t.Errorf("the spectrum of noisy speech is %.2f dB from that of clean", got)
	}
	near(t, "of nothing", metric.RMSDBFS(nil), metric.Silence, 0)
}

func TestResampleKeepsTimeAndLevel(t *testing.T) {
	for _, to := range []int{8000, 10000, 16000, 48000} {
		for _, from := range []int{8000, 16000, 48000} {
			got := metric.Resample(voices.Tone(1000, -6, from, from), from, to)
			want := voices.Tone(1000, -6, to, to)
			if len(got) != len(want) {
				t.Fatalf("%d to %d: %d samples", from, to, len(got))
			}
			for i := to / 10; i < to*9/10; i++ {
				if math.Abs(got[i]-want[i]) > 0.003 {
					t.Fatalf("%d to %d: sample %d is %.4f, want %.4f", from, to, i, got[i], want[i])
				}
			}
		}
	}
	if got := metric.RMSDBFS(metric.Resample(voices.Tone(6000, -6, 16000, 16000), 16000, 8000)); got > -50 {
		t.Errorf("6 kHz at 8 kHz: %.1f dB", got)
	}
}

func TestWhatIsNotExplained(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	a, b, heard := make([]float64, 320), make([]float64, 320), make([]float64, 320)
	for i := range a {
		a[i], b[i] = rnd.NormFloat64(), rnd.NormFloat64()
		heard[i] = 0.3*a[i] - 2*b[i]
	}
	rest, all := metric.Unexplained([][]float64{a, b, a}, heard)
	near(t, "of a sum", rest/all, 0, 1e-12)
	for i := range heard {
		heard[i] += 0.2 * rnd.NormFloat64()
	}
	rest, all = metric.Unexplained([][]float64{a, b}, heard)
	near(t, "with noise, dB", 10*math.Log10(rest/all), 10*math.Log10(0.04/(0.09+4+0.04)), 1)
	near(t, "share", metric.Share(a, voices.Scale(slices.Clone(a), -6)), math.Pow(10, -0.3), 1e-9)
	near(t, "likeness", metric.Likeness(a[100:200], a, 96, 8), 1, 1e-9)
}
