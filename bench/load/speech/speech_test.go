package speech_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/confbridge/confbridge/bench/load/speech"
)

func TestATalkerHoldsItsToneAndNoOther(t *testing.T) {
	words, source, err := speech.Speech(t.Context(), 1, speech.Rate)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("speech by %s, %d samples", source, len(words))
	said := speech.Say(words, 2, speech.Rate)
	if len(said)%speech.Rate != 0 || len(said) < 3*speech.Rate {
		t.Fatalf("got %d samples", len(said))
	}
	for from := 0; from+2*speech.Rate <= len(said); from += speech.Rate {
		heard := said[from : from+2*speech.Rate]
		own := speech.Level(heard, speech.Tone(2))
		if math.Abs(own-speech.ToneDB) > 1 {
			t.Errorf("second %d: own tone at %.1f dB, want %.1f", from/speech.Rate, own, speech.ToneDB)
		}
		for i := range speech.Tones {
			if got := speech.Level(heard, speech.Tone(i)); i != 2 && got > own-60 {
				t.Errorf("second %d: tone %d is at %.1f dB below the one that is there", from/speech.Rate, i, own-got)
			}
		}
	}
}

func TestAChirpIsFoundToTheSampleBelowSpeech(t *testing.T) {
	words, _, err := speech.Speech(t.Context(), 1, speech.Rate)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	chirp := speech.Chirp(160)
	for range 50 {
		from := rnd.IntN(len(words) - 1600)
		heard := slices.Clone(words[from : from+1600])
		want := rnd.IntN(1400)
		for i, x := range chirp {
			heard[want+i] += x
		}
		got, sure := speech.Find(heard, chirp)
		if got != want || sure < 0.5 {
			t.Errorf("got %d, want %d; sure %.2f", got, want, sure)
		}
	}
	if _, sure := speech.Find(words, chirp); sure > 0.45 {
		t.Errorf("found in mere speech: sure %.2f", sure)
	}
}

func TestToneAndTimeOutliveAnotherRate(t *testing.T) {
	for _, rate := range []int{16000, 48000, 22050} {
		up := speech.Resample(speech.SayTone(3, speech.Rate), speech.Rate, rate)
		if len(up) != rate {
			t.Fatalf("%d Hz: a second has %d samples", rate, len(up))
		}
		back := speech.Resample(up, rate, speech.Rate)
		if got := speech.Level(back, speech.Tone(3)); math.Abs(got-speech.ToneDB) > 0.2 {
			t.Errorf("there and back from %d Hz: got %.2f dB, want %.2f", rate, got, speech.ToneDB)
		}
		pcm := make([]float64, 4000)
		copy(pcm[1234:], speech.Chirp(160))
		at, sure := speech.Find(speech.Resample(speech.Resample(pcm, speech.Rate, rate), rate, speech.Rate), speech.Chirp(160))
		if at != 1234 || sure < 0.8 {
			t.Errorf("there and back from %d Hz: a chirp is at %d, sure %.2f, want 1234", rate, at, sure)
		}
	}
}
