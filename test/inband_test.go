package test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// inBand is how keys come that are tones in the sound, and nothing else.
const inBand = "in-band"

// toneFile is keys as ITU-T Q.23 has them, 60 ms of their two tones and 60 ms of silence each, in a file of PCMU without a header, and how long it takes to
// play. A comma is a second of silence.
func toneFile(t *testing.T, keys string) (name string, length time.Duration) {
	t.Helper()
	const (
		rateHz    = 8000
		held      = rateHz * 3 / 50
		amplitude = 32768 * 0.35 // of each tone: -12 dBFS
	)
	rowsHz, columnsHz := [...]float64{697, 770, 852, 941}, [...]float64{1209, 1336, 1477}
	var pcm []int16
	for _, k := range keys {
		if k == ',' {
			pcm = append(pcm, make([]int16, rateHz)...)
			continue
		}
		at := strings.IndexRune("123456789*0#", k)
		if at < 0 {
			t.Fatalf("%q is no key", k)
		}
		for i := range held {
			phase := 2 * math.Pi * float64(i) / rateHz
			pcm = append(pcm, int16(amplitude*(math.Sin(rowsHz[at/3]*phase)+math.Sin(columnsHz[at%3]*phase))))
		}
		pcm = append(pcm, make([]int16, held)...)
	}
	e, err := codec.NewEncoder(codec.Profile{Format: codec.Format{Name: codec.PCMU, ClockRateHz: rateHz, SampleRateHz: rateHz}})
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, len(pcm))
	for i := 0; i < len(pcm); i += rateHz / 50 {
		if _, err := e.Encode(payload[i:], pcm[i:i+rateHz/50]); err != nil {
			t.Fatal(err)
		}
	}
	name = filepath.Join(t.TempDir(), "keys.ulaw")
	if err := os.WriteFile(name, payload, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, time.Duration(len(pcm)) * time.Second / rateHz
}
