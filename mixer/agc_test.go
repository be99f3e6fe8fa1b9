package mixer

import (
	"math"
	"testing"
)

// leveled runs frames of 20 ms at 8000 Hz through VAD, AGC and Gain as a room does, and hands back the gain in dB after each.
func leveled(v *VAD, a *AGC, g *Gain, pcm []int16) []float64 {
	var gains []float64
	for ; len(pcm) >= 160; pcm = pcm[160:] {
		v.Observe(pcm[:160], 8000)
		a.Observe(v)
		g.SetDB(a.GainDB())
		g.Apply(pcm[:160], 8000)
		gains = append(gains, a.GainDB())
	}
	return gains
}

func TestSpeechComesToTheCommonLevel(t *testing.T) {
	for _, row := range []struct{ level, want float64 }{
		{-20, 0}, {-30, 10}, {-36, 16}, {-45, 18}, {-10, -10}, {-4, -16},
	} {
		var v VAD
		var a AGC
		var g Gain
		pcm := babble(seeded(), 8000, 0, 8000*40)
		scaleTo(pcm, row.level)
		gains := leveled(&v, &a, &g, pcm)
		if got := gains[len(gains)-1]; math.Abs(got-row.want) > 2 {
			t.Errorf("speech of %v dBFS: gain of %.1f dB, want %v", row.level, got, row.want)
		}
		if got := a.SpeechDBFS(); math.Abs(got-row.level) > 1.5 {
			t.Errorf("speech of %v dBFS is measured as %.1f", row.level, got)
		}
		if got := gains[500]; math.Abs(got-row.want) > 4 {
			t.Errorf("speech of %v dBFS: gain of %.1f dB after 10 s, want about %v", row.level, got, row.want)
		}
		// No pumping: once it is there, it stays.
		low, high := gains[1000], gains[1000]
		for _, x := range gains[1000:] {
			low, high = min(low, x), max(high, x)
		}
		if high-low > 2 {
			t.Errorf("speech of %v dBFS: the gain goes from %.1f to %.1f dB once it has settled", row.level, low, high)
		}
	}
}

// scaleTo brings pcm to a level of its loud parts.
func scaleTo(pcm []int16, level float64) {
	var a AGC
	var v VAD
	for i := 0; i+160 <= len(pcm); i += 160 {
		v.Observe(pcm[i:i+160], 8000)
		a.Observe(&v)
	}
	by := math.Pow(10, (level-a.SpeechDBFS())/20)
	for i, s := range pcm {
		pcm[i] = int16(min(max(math.Round(by*float64(s)), -32768), 32767))
	}
}

func TestNoiseIsNotLifted(t *testing.T) {
	for _, level := range []float64{-55, -40, -30} {
		var v VAD
		var a AGC
		var g Gain
		gains := leveled(&v, &a, &g, pink(seeded(), dbfs(level), 8000*20))
		if got := gains[len(gains)-1]; got != 0 {
			t.Errorf("noise of %v dBFS: gain of %.1f dB, want 0", level, got)
		}
		// Faint speech over it is lifted only as far as its noise stays low.
		pcm := pink(seeded(), dbfs(level), 8000*40)
		words := babble(seeded(), 8000, 0, 8000*40)
		scaleTo(words, max(level+14, -38))
		add(pcm, words, 0)
		gains = leveled(&v, &a, &g, pcm)
		if got, most := gains[len(gains)-1], max(agcNoiseDBFS-level, 0)+4; got > most || got < -2-max(level+14+20, 0) {
			t.Errorf("faint speech over noise of %v dBFS: gain of %.1f dB, want 0 to %.1f", level, got, most)
		}
	}
}

func TestGainStandsStillInPauses(t *testing.T) {
	var v VAD
	var a AGC
	var g Gain
	words := babble(seeded(), 2000, 5, 8000*5)
	before := leveled(&v, &a, &g, words)
	after := leveled(&v, &a, &g, pink(seeded(), 5, 8000*10))
	if got, was := after[len(after)-1], before[len(before)-1]; got != was {
		t.Errorf("gain of %.2f dB before the pause and %.2f after it", was, got)
	}
	for i := 1; i < len(before); i++ {
		if d := before[i] - before[i-1]; d > agcRiseDB*agcFirstMul+1e-9 || d < -agcFallDB*agcFirstMul-1e-9 {
			t.Fatalf("frame %d: the gain moves by %.2f dB", i, d)
		}
	}
}
