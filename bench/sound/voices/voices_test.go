package voices

import (
	"math"
	"testing"

	talk "github.com/confbridge/confbridge/bench/load/speech"
	"github.com/confbridge/confbridge/bench/sound/metric"
)

func TestSpeakersDifferAndAreAsLoudAsTheyShould(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for i := range Speakers {
			pcm, err := Speech(i, rate)
			if err != nil {
				t.Fatal(err)
			}
			if len(pcm) != 8*rate {
				t.Errorf("speaker %d at %d Hz: %d samples", i, rate, len(pcm))
			}
			if got := metric.ActiveDBFS(pcm, rate); math.Abs(got-ActiveDBFS) > 1 {
				t.Errorf("speaker %d at %d Hz: %.1f dBFS", i, rate, got)
			}
			for _, x := range pcm {
				if math.Abs(x) >= 1 {
					t.Fatalf("speaker %d clips", i)
				}
			}
			if other, _ := Speech(i+1, rate); rate == 8000 && metric.ESTOI(pcm, other, rate) > 0.3 {
				t.Errorf("speakers %d and %d say the same", i, i+1)
			}
		}
	}
}

func TestPinkHasAsMuchInEachOctave(t *testing.T) {
	pink := Pink(-30, 16000, 1<<17, 5)
	if got := metric.RMSDBFS(pink); math.Abs(got+30) > 0.01 {
		t.Errorf("got %.2f dBFS", got)
	}
	first := metric.BandDBFS(pink, 250, 500, 16000)
	for hz := 500.0; hz < 4000; hz *= 2 {
		if got := metric.BandDBFS(pink, hz, 2*hz, 16000); math.Abs(got-first) > 0.7 {
			t.Errorf("from %.0f Hz: %.1f dB, want %.1f", hz, got, first)
		}
	}
}

func TestNotchAndSweep(t *testing.T) {
	if got := metric.ToneDBFS(talk.Notch(Tone(1000, -10, 8000, 16000), 1000, 20, 8000)[8000:], 1000, 8000); got > -60 {
		t.Errorf("a tone is notched to %.1f dB", got)
	}
	if got := metric.RMSDBFS(talk.Notch(Tone(1300, -10, 8000, 16000), 1000, 20, 8000)); math.Abs(got+10) > 0.1 {
		t.Errorf("another is left at %.1f dB", got)
	}
	sweep := Sweep(300, 3000, -10, 8000, 80000)
	for _, part := range []struct {
		at int
		hz float64
	}{{8000, 570}, {72000, 2730}} {
		if got := metric.BandDBFS(sweep[part.at:part.at+800], part.hz-80, part.hz+120, 8000); got < -12 {
			t.Errorf("near %.0f Hz there are %.1f dB", part.hz, got)
		}
	}
}
