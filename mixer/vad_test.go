package mixer

import (
	"math"
	"math/rand/v2"
	"testing"
)

// observe runs frames of 20 ms at 8000 Hz through v and hands back what it said for each.
func observe(v *VAD, pcm []int16) []bool {
	var said []bool
	for ; len(pcm) >= 160; pcm = pcm[160:] {
		said = append(said, v.Observe(pcm[:160], 8000))
	}
	return said
}

func changes(said []bool) int {
	n := 0
	for i := 1; i < len(said); i++ {
		if said[i] != said[i-1] {
			n++
		}
	}
	return n
}

func share(said []bool) float64 {
	n := 0
	for _, s := range said {
		if s {
			n++
		}
	}
	return float64(n) / float64(len(said))
}

// babble has the shape of speech: syllables of 80 to 250 ms with gaps of 30 to 150 ms, over a background noise.
func babble(r *rand.Rand, amplitude, background float64, samples int) []int16 {
	out := noise(r, background, samples)
	for at := 0; at < samples; {
		length := 640 + r.IntN(1400)
		pitch := 100 + r.Float64()*100
		for i := at; i < min(at+length, samples); i++ {
			shape := math.Sin(math.Pi * float64(i-at) / float64(length))
			v := 0.0
			for k := 1.0; k <= 8; k++ {
				v += math.Sin(2*math.Pi*k*pitch*float64(i)/8000) / k
			}
			out[i] = int16(float64(out[i]) + amplitude*shape*v/2)
		}
		at += length + 240 + r.IntN(960)
	}
	return out
}

func TestSpeechIsTalkWithoutFlicker(t *testing.T) {
	for _, background := range []float64{0, 3, 30, 200} {
		var v VAD
		said := observe(&v, babble(seeded(), 8000, background, 8000*10))
		if got := share(said[5:]); got < 0.97 {
			t.Errorf("background %v: talking for %.2f of the time, want all of it", background, got)
		}
		if got := changes(said[5:]); got > 1 {
			t.Errorf("background %v: got %d changes, want none", background, got)
		}
	}
}

func TestTheQuietestIsOfTheLastSeconds(t *testing.T) {
	var v VAD
	for _, row := range []struct {
		name        string
		pcm         []int16
		least, most float64
	}{
		{"nothing is known at first", nil, -55, -55},
		{"noise of -50 dBFS", noise(seeded(), 73, 8000*3), -52, -49},
		{"quieter noise", noise(seeded(), 23, 8000*3), -62, -59},
		{"what is next to silence", noise(seeded(), 1, 8000*3), -66, -66},
	} {
		observe(&v, row.pcm)
		if got := v.QuietestDBFS(); got < row.least-0.1 || got > row.most+0.1 {
			t.Errorf("%s: %.1f dBFS, want %.0f to %.0f", row.name, got, row.least, row.most)
		}
	}
}

func TestOnsetAndHangOver(t *testing.T) {
	var v VAD
	quiet := noise(seeded(), 5, 8000)
	if said := observe(&v, quiet); share(said) != 0 {
		t.Errorf("quiet line: talking for %.2f of the time, want never", share(said))
	}
	said := observe(&v, babble(seeded(), 8000, 5, 1600))
	if said[0] || said[1] || !said[4] {
		t.Errorf("onset: got %v, want talk after 60 to 100 ms", said)
	}
	said = observe(&v, quiet)
	last := 0
	for i, s := range said {
		if s {
			last = i
		}
	}
	if ms := (last + 1) * 20; ms < 300 || ms > 500 {
		t.Errorf("hang-over: got %d ms, want 300 to 500", ms)
	}
	if changes(said) != 1 {
		t.Errorf("after the last word: got %d changes, want 1", changes(said))
	}
}

func TestShortClicksAreNotTalk(t *testing.T) {
	var v VAD
	pcm := noise(seeded(), 5, 8000*5)
	for i := 4000; i < len(pcm); i += 8000 {
		copy(pcm[i:], sine(900, 15000, 8000, 0, 150))
	}
	if got := share(observe(&v, pcm)); got != 0 {
		t.Errorf("clicks of 19 ms: talking for %.2f of the time, want never", got)
	}
}

func TestSteadyNoiseIsLearntHoweverLoud(t *testing.T) {
	for _, rms := range []float64{20, 100, 1000, 6000} {
		var v VAD
		said := observe(&v, noise(seeded(), rms, 8000*10))
		if got := share(said[130:]); got != 0 {
			t.Errorf("noise of RMS %v: talking for %.2f of the time after 2.6 s, want never", rms, got)
		}
		// Somebody who speaks above it is heard, and it is still noise afterwards.
		said = observe(&v, babble(seeded(), min(max(rms*12, 1500), 24000), rms, 8000*4))
		if got := share(said[10:]); rms <= 1000 && got < 0.9 {
			t.Errorf("speech above noise of RMS %v: talking for %.2f of the time, want all of it", rms, got)
		}
		said = observe(&v, noise(seeded(), rms, 8000*4))
		if got := share(said[130:]); got != 0 {
			t.Errorf("noise of RMS %v after speech: talking for %.2f of the time, want never", rms, got)
		}
	}
}

func TestDigitalSilenceIsNeverTalkAndABackgroundOutlivesIt(t *testing.T) {
	var v VAD
	if said := observe(&v, make([]int16, 8000)); share(said) != 0 {
		t.Errorf("zeros: talking for %.2f of the time, want never", share(said))
	}
	if got := v.LevelDBFS(); got != -127 {
		t.Errorf("level of zeros: got %v, want -127", got)
	}
	loud := noise(seeded(), 1000, 8000*4)
	observe(&v, loud)
	observe(&v, make([]int16, 8000*3)) // muted at the telephone
	if said := observe(&v, loud); share(said) != 0 {
		t.Errorf("the known noise after silence: talking for %.2f of the time, want never", share(said))
	}
	for range 30 {
		if v.Silence() {
			t.Error("nothing sent: got talking, want not")
		}
	}
}

func TestLevelIsInDBFS(t *testing.T) {
	var v VAD
	if got := v.LevelDBFS(); got != -127 {
		t.Errorf("before the first frame: got %v, want -127", got)
	}
	for _, rate := range rates {
		v.Observe(sine(500, 3276.8, rate, 0, FrameSamples(rate)), rate)
		if got := v.LevelDBFS(); math.Abs(got+20) > 0.1 {
			t.Errorf("sine of a tenth of full scale at %d Hz: got %.2f dBFS, want -20", rate, got)
		}
	}
}

func TestVADDoesNotAllocate(t *testing.T) {
	var v VAD
	frame := sine(440, 9000, 8000, 0, 160)
	if got := testing.AllocsPerRun(100, func() { v.Observe(frame, 8000); v.LevelDBFS() }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func TestNoiseThatBeginsIsLearntWithinASecond(t *testing.T) {
	for _, level := range []float64{-55, -40, -25, -10} {
		for name, make := range map[string]func(*rand.Rand, float64, int) []int16{"white": noise, "pink": pink} {
			var v VAD
			said := observe(&v, make(seeded(), dbfs(level), 8000*10))
			if got := share(said[50:]); got != 0 {
				t.Errorf("%s noise of %v dBFS: talking for %.2f of the time after 1 s, want never", name, level, got)
			}
			// Of pink noise what is below 100 Hz does not count, half of it.
			if got := v.NoiseDBFS(); got > level+1 || got < level-5 {
				t.Errorf("%s noise of %v dBFS: background of %.1f, want it", name, level, got)
			}
			if v.Tonal() {
				t.Errorf("%s noise of %v dBFS is taken for a tone", name, level)
			}
		}
	}
}

func TestLoudComesWithTheFirstFrameOfAWordAndSeldomOtherwise(t *testing.T) {
	r := seeded()
	for _, level := range []float64{-70, -55, -40} {
		pcm := pink(r, dbfs(level), 8000*60)
		var begins []int
		for at := 16000; at+8000 < len(pcm); at += 16000 {
			add(pcm, babble(r, 6000, 0, 2400), at)
			begins = append(begins, at/160)
		}
		var v VAD
		var loud []bool
		for i := 0; i+160 <= len(pcm); i += 160 {
			v.Observe(pcm[i:i+160], 8000)
			loud = append(loud, v.Loud())
		}
		for _, at := range begins {
			if !loud[at] && !loud[at+1] {
				t.Errorf("noise of %v dBFS: the word at frame %d is not loud within 40 ms", level, at)
			}
			if got := share(loud[at+40 : at+95]); got > 0.05 {
				t.Errorf("noise of %v dBFS: %.2f of the frames between words are loud, want next to none", level, got)
			}
		}
	}
}

func TestToneIsNoNoiseAndNoTalkForEver(t *testing.T) {
	for _, rate := range rates {
		for _, hz := range []float64{401, 1000, 2963} {
			var v VAD
			n := FrameSamples(rate)
			for tick := range 250 {
				v.Observe(sine(hz, 3000, rate, tick*n, n), rate)
				if tick > 30 && !v.Tonal() {
					t.Fatalf("%v Hz at %d: frame %d is not tonal", hz, rate, tick)
				}
			}
			if v.Talking() {
				t.Errorf("%v Hz at %d: talking after 5 s", hz, rate)
			}
		}
	}
}

func TestOffsetIsNoSound(t *testing.T) {
	var v VAD
	pcm := noise(seeded(), dbfs(-60), 8000*20)
	for i := range pcm {
		pcm[i] += 2000
	}
	observe(&v, pcm)
	if got := v.LevelDBFS(); math.Abs(got+60) > 3 {
		t.Errorf("level of noise of -60 dBFS with an offset of 2000: got %.1f dBFS", got)
	}
	if got := v.Offset(); math.Abs(got-2000) > 10 {
		t.Errorf("offset: got %.1f, want 2000", got)
	}
	if v.Talking() || v.Loud() {
		t.Error("an offset is taken for talk")
	}
}

// TestWhatIsNotHeardTeachesNothing has a leg with noise be listened to once in a while only.
func TestWhatIsNotHeardTeachesNothing(t *testing.T) {
	r := seeded()
	var v VAD
	for range 150 {
		v.Observe(noise(r, dbfs(-45), FrameSamples(8000)), 8000)
	}
	background, level := v.QuietestDBFS(), v.LevelDBFS()
	for range 500 {
		if v.Unheard() || v.Loud() {
			t.Fatal("what is not heard is talk, or loud")
		}
	}
	if got := v.QuietestDBFS(); got != background || v.LevelDBFS() != level {
		t.Errorf("background %.1f dBFS and level %.1f, want those of before: %.1f and %.1f", got, v.LevelDBFS(), background, level)
	}
	for i := range 50 {
		v.Observe(noise(r, dbfs(-45), FrameSamples(8000)), 8000)
		if v.Loud() || v.Talking() {
			t.Fatalf("the noise that it knows is loud the %dth time that it is heard again", i)
		}
		for range 15 {
			v.Unheard()
		}
	}
}

func TestTalkEndsWhereNobodyListens(t *testing.T) {
	r := seeded()
	var v VAD
	for range 10 {
		v.Observe(noise(r, dbfs(-20), FrameSamples(8000)), 8000)
	}
	if !v.Talking() {
		t.Fatal("no talk to begin with")
	}
	ticks := 0
	for v.Unheard() {
		ticks++
	}
	if ticks != vadHangFrames-1 {
		t.Errorf("talk ends after %d ticks, want %d", ticks, vadHangFrames-1)
	}
}
