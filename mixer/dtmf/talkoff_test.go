package dtmf

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/confbridge/confbridge/bench/sound/voices"
)

// hour is more than an hour of speech, made of the 40 s that the five speakers of bench/sound/voices say: no piece is twice the
// same to a detector. Each speaker is heard at 61 speeds from 0.70 to 1.42, which shift pitch and formants by the same factor, no two nearer than 1.2 %, at levels from
// −30 to −6 dBm0; every second time another speaker at another speed and level talks at the same time.
func hour(t *testing.T, piece func(pcm []int16)) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 46))
	var said [voices.Speakers][]float64
	for i := range said {
		var err error
		if said[i], err = voices.Speech(i, 16000); err != nil {
			t.Fatal(err)
		}
	}
	for speed := range 122 {
		for speaker := range said {
			factor := 0.70 * math.Pow(1.42/0.70, (float64(speed/2)+r.Float64()*0.1)/60)
			pcm := spoken(said[speaker], factor, -30+24*r.Float64())
			if speed%2 == 1 {
				other := spoken(said[(speaker+1+r.IntN(voices.Speakers-1))%voices.Speakers], 0.70+0.72*r.Float64(), -30+24*r.Float64())
				from := r.IntN(len(other))
				for i := range pcm {
					pcm[i] += other[(from+i)%len(other)]
				}
			}
			piece(integers(pcm))
		}
	}
}

// integers is sound of full scale 1 as PCM.
func integers(pcm []float64) []int16 {
	out := make([]int16, len(pcm))
	for i, v := range pcm {
		out[i] = int16(min(max(v*32768, -32768), 32767))
	}
	return out
}

// spoken is a voice at 8 kHz that is factor times as fast and as high, at a level.
func spoken(pcm []float64, factor, dbm0 float64) []float64 {
	low := make([]float64, len(pcm)) // less of what 8 kHz cannot hold
	for i := 1; i+1 < len(pcm); i++ {
		low[i] = 0.25*pcm[i-1] + 0.5*pcm[i] + 0.25*pcm[i+1]
	}
	step := factor * 16000 / rateHz
	gain := math.Pow(10, (dbm0-fullDBm0-voices.ActiveDBFS)/20)
	out := make([]float64, int(float64(len(low)-2)/step))
	for i := range out {
		at := float64(i) * step
		n := int(at)
		out[i] = gain * (low[n] + (at-float64(n))*(low[n+1]-low[n]))
	}
	return out
}

// most is how many keys an hour of speech may be taken for.
const most = 2

func TestAnHourOfSpeechIsHardlyEverAKey(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("an hour of speech, and one goroutine")
	}
	d := New(rateHz)
	var heardSamples, coveredSamples, wrong int
	hour(t, func(pcm []int16) {
		heardSamples += len(pcm)
		for len(pcm) > 0 {
			n := min(160, len(pcm))
			d.Process(pcm[:n])
			if d.covered {
				coveredSamples += n
			}
			for k, ok := d.Next(); ok; k, ok = d.Next() {
				wrong++
				t.Logf("%c for %v", k.Digit, k.Held)
			}
			pcm = pcm[n:]
		}
	})
	if heardSamples < 3600*rateHz {
		t.Fatalf("only %d s of speech", heardSamples/rateHz)
	}
	t.Logf("%d s of speech, %d false keys, %d ms taken out", heardSamples/rateHz, wrong, coveredSamples*1000/rateHz)
	if wrong > most {
		t.Errorf("%d false keys, want at most %d", wrong, most)
	}
}
