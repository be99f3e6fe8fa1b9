package sound_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/confbridge/confbridge/bench/sound"
)

func TestATalkerHoldsItsToneAndNoOther(t *testing.T) {
	speech, source, err := sound.Speech(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("speech by %s, %d samples", source, len(speech))
	said := sound.Say(speech, 2)
	if len(said)%sound.Rate != 0 || len(said) < 3*sound.Rate {
		t.Fatalf("got %d samples", len(said))
	}
	for from := 0; from+2*sound.Rate <= len(said); from += sound.Rate {
		heard := sound.Decode(said[from : from+2*sound.Rate])
		own := sound.Level(heard, sound.Tone(2))
		if math.Abs(own-sound.ToneDB) > 1 {
			t.Errorf("second %d: own tone at %.1f dB, want %.1f", from/sound.Rate, own, sound.ToneDB)
		}
		for i := range sound.Tones {
			if got := sound.Level(heard, sound.Tone(i)); i != 2 && got > own-60 {
				t.Errorf("second %d: tone %d is at %.1f dB below the one that is there", from/sound.Rate, i, own-got)
			}
		}
	}
}

func TestAChirpIsFoundToTheSampleBelowSpeech(t *testing.T) {
	speech, _, err := sound.Speech(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	chirp := sound.Chirp(160)
	for range 50 {
		from := rnd.IntN(len(speech) - 1600)
		heard := slices.Clone(speech[from : from+1600])
		want := rnd.IntN(1400)
		for i, x := range chirp {
			heard[want+i] += x
		}
		got, sure := sound.Find(sound.Decode(sound.Encode(heard)), chirp)
		if got != want || sure < 0.5 {
			t.Errorf("got %d, want %d; sure %.2f", got, want, sure)
		}
	}
	if _, sure := sound.Find(speech, chirp); sure > 0.45 {
		t.Errorf("found in mere speech: sure %.2f", sure)
	}
}
