package main

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/page"
	"github.com/confbridge/confbridge/bench/sound/phone"
	"github.com/confbridge/confbridge/bench/sound/voices"
)

func TestEachSceneHasATitleOfItsOwnAndASound(t *testing.T) {
	seen := map[string]int{}
	for _, s := range append(pairs(), parties()...) {
		seen[s.title()]++
	}
	for title, n := range seen {
		if n > 1 && n != cleanPhases {
			t.Errorf("%d scenes are called %q", n, title)
		}
	}
	for _, d := range delayPlots {
		if !slices.ContainsFunc(codecs, func(c string) bool { return seen[d.title+" "+c] > 0 }) {
			t.Errorf("nothing is called %q, which is to be drawn", d.title)
		}
	}
	for _, d := range spectrograms {
		if seen[d.name+" "+d.codec] == 0 {
			t.Errorf("nothing is called %q, which is to be drawn", d.name)
		}
	}
}

// tone is a pair in which a tone was heard, changed by the test.
func tone(t *testing.T, change func([]float64)) *pair {
	t.Helper()
	p := &pair{name: "tone", codec: "PCMU", length: 4 * time.Second, toneHz: 1000}
	if err := p.prepare(); err != nil {
		t.Fatal(err)
	}
	pcm := append(make([]float64, rate8), p.track.PCM...)
	change(pcm)
	p.heard = &phone.Recording{RateHz: rate8, PCM: pcm}
	return p
}

func TestBreaksOfATone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func([]float64)
		want   int
	}{
		{"none", func([]float64) {}, 0},
		{"a sample that jumps", func(pcm []float64) { pcm[20000] += 0.3 }, 1},
		{"20 ms of silence", func(pcm []float64) { clear(pcm[20000:20160]) }, 1},
		{"a phase that jumps", func(pcm []float64) { copy(pcm[20000:], pcm[20004:]) }, 1},
		{"a whole period less", func(pcm []float64) { copy(pcm[20000:], pcm[20008:]) }, 0},
		{"half of it silent", func(pcm []float64) { clear(pcm[16000:]) }, 0},
	} {
		got, most := tone(t, tt.change).breaksOfTone()
		if got != tt.want {
			t.Errorf("%s: got %d breaks, want %d", tt.name, got, tt.want)
		}
		if silent := most == 0; silent != (tt.name == "half of it silent") {
			t.Errorf("%s: steps to %.2f", tt.name, most)
		}
	}
}

func TestEachWordHasItsTone(t *testing.T) {
	talker := &guest{codec: "PCMU", pcm: marked(0, 8*time.Second, 0.5, -26)}
	if err := talker.prepare(); err != nil {
		t.Fatal(err)
	}
	all := spans(talker.track.PCM, rate8)
	if len(all) < 3 {
		t.Fatalf("%d words", len(all))
	}
	hear := func(change func([]float64)) *guest {
		pcm := slices.Clone(talker.track.PCM)
		change(pcm)
		return &guest{heard: &phone.Recording{RateHz: rate8, PCM: pcm}}
	}
	level := toneOverTime(hear(func([]float64) {}).heard.PCM, marker(0))
	in, before := level[(all[0][0]+all[0][1])/2/toneHop], level[max(all[0][0]/toneHop-20, 0)]
	if before > in-20 {
		t.Errorf("the tone is at %.1f dB before a word, and at %.1f in it", before, in)
	}
}

func TestALagIsFoundAmongOthersWhoTalk(t *testing.T) {
	own, err := speech(0, 4*time.Second, -20)(rate8)
	if err != nil {
		t.Fatal(err)
	}
	heard := voices.Add(make([]float64, 5*rate8), own, 300)
	for i := 1; i < voices.Speakers; i++ {
		other, err := speech(i, 4*time.Second, -20)(rate8)
		if err != nil {
			t.Fatal(err)
		}
		voices.Add(heard, other, 50*i)
	}
	if lag, sure := lagOf(own, heard, rate8-200, rate8, rate8); lag != 300 || sure < 0.1 {
		t.Errorf("got a lag of %d (%.2f), want 300", lag, sure)
	}
}

func TestOnsetsThatAreMissing(t *testing.T) {
	said, err := speech(0, 8*time.Second, -20)(rate8)
	if err != nil {
		t.Fatal(err)
	}
	h := hearing{said: said, aligned: slices.Clone(said), rateHz: rate8}
	gated, all := h.onsets(0)
	if gated != 0 || all < 3 {
		t.Fatalf("of itself: %d of %d are gated", gated, all)
	}
	words := spans(said, rate8)
	for _, w := range words {
		clear(h.aligned[w[0] : w[0]+samplesOf(onsetTime, rate8)])
	}
	if gated, again := h.onsets(0); gated != again || again != all {
		t.Errorf("without any: %d of %d are gated", gated, again)
	}
}

func TestWhatFailedIsMissed(t *testing.T) {
	f := &page.File{}
	scenes := append(pairs(), parties()...)
	for _, s := range scenes {
		fail(s, errors.New("no bridge"))
	}
	if err := judgeAll(scenes, f); err != nil {
		t.Fatal(err)
	}
	if len(f.Rows) < 20 || len(f.Missed()) != len(f.Rows) || len(f.Calls) != 0 {
		t.Errorf("%d rows, %d missed, %d calls", len(f.Rows), len(f.Missed()), len(f.Calls))
	}
	for _, r := range f.Rows {
		if r.Got != "no bridge" {
			t.Errorf("%s: %s", r.Case, r.Got)
		}
	}
}

func TestPauseLevelIsThatOfPausesAlone(t *testing.T) {
	said, err := speech(0, 8*time.Second, -20)(rate8)
	if err != nil {
		t.Fatal(err)
	}
	said = append(said, make([]float64, 2*rate8)...)
	noisy := voices.Add(slices.Clone(said), voices.Pink(-50, rate8, len(said), 1), 0)
	if got := pauseLevel(said, noisy, rate8); math.Abs(got+50) > 1.5 {
		t.Errorf("got %.1f, want -50", got)
	}
	if got := pauseLevel(said, said, rate8); got > -70 {
		t.Errorf("without noise: %.1f", got)
	}
}

func TestWhatALimiterMakesOfTheMarkersIsNoMarker(t *testing.T) {
	for _, a := range markers {
		for _, b := range markers {
			for _, c := range markers {
				for _, other := range markers {
					if other != a && other != b && math.Abs(a+b-c-other) < 30 && other != c {
						t.Errorf("%v + %v - %v Hz is next to %v", a, b, c, other)
					}
				}
			}
		}
	}
}

func TestDelayIsBackWhenItStaysBack(t *testing.T) {
	p := &pair{name: "tone", codec: "PCMU", length: time.Second, toneHz: 1000}
	if err := p.prepare(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 { // late for 3 s, back for 1 s, late for half a second more
		ms := 10.0
		if i < 30 || i >= 40 && i < 45 {
			ms = 100
		}
		p.delays = append(p.delays, metric.Delay{Seconds: float64(i) / 10, Millis: ms})
	}
	if got := backAfter(p, 30, 1); math.Abs(got-3.5) > 1e-9 {
		t.Errorf("back after %v s, want 3.5", got)
	}
	if got := backAfter(p, 5, 1); !math.IsInf(got, 1) {
		t.Errorf("back after %v s from what never comes back", got)
	}
}
