package codec

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/zaf/g711"
)

var (
	pcmu = Format{Name: PCMU, ClockRateHz: 8000, SampleRateHz: 8000}
	pcma = Format{Name: PCMA, ClockRateHz: 8000, SampleRateHz: 8000}
	g722 = Format{Name: G722, ClockRateHz: 8000, SampleRateHz: 16000}
)

func mustDecoder(t testing.TB, f Format) Decoder {
	t.Helper()
	d, err := NewDecoder(f)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustEncoder(t testing.TB, f Format) Encoder {
	t.Helper()
	return mustEncoderOf(t, usualProfile(f))
}

// usualProfile is f in packets of 20 ms, or of 10 where those would be too long.
func usualProfile(f Format) Profile {
	p := Profile{Format: f}
	if p.Valid() != nil {
		p.Packet = 10 * time.Millisecond
	}
	return p
}

func mustEncoderOf(t testing.TB, p Profile) Encoder {
	t.Helper()
	e, err := NewEncoder(p)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func sine(hz, amplitude float64, rateHz, from, samples int) []int16 {
	out := make([]int16, samples)
	for i := range out {
		out[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(from+i)/float64(rateHz))))
	}
	return out
}

func TestG711IsBitForBitThatOfTheLibrary(t *testing.T) {
	for _, row := range []struct {
		format Format
		encode func(int16) uint8
		decode func(uint8) int16
	}{
		{pcmu, g711.EncodeUlawFrame, g711.DecodeUlawFrame},
		{pcma, g711.EncodeAlawFrame, g711.DecodeAlawFrame},
	} {
		e, d := mustEncoder(t, row.format), mustDecoder(t, row.format)
		var octet [1]byte
		for s := math.MinInt16; s <= math.MaxInt16; s++ {
			if n, err := e.Encode(octet[:], []int16{int16(s)}); n != 1 || err != nil || octet[0] != row.encode(int16(s)) {
				t.Fatalf("%s: Encode(%d): got %d, %d, %v, want %d", row.format.Name, s, octet[0], n, err, row.encode(int16(s)))
			}
		}
		var sample [1]int16
		for b := range 256 {
			if n, err := d.Decode(sample[:], []byte{byte(b)}); n != 1 || err != nil || sample[0] != row.decode(uint8(b)) {
				t.Fatalf("%s: Decode(%d): got %d, %d, %v, want %d", row.format.Name, b, sample[0], n, err, row.decode(uint8(b)))
			}
		}
	}
}

func TestG711RoundTripKeepsSpeechAbove35dB(t *testing.T) {
	for _, f := range []Format{pcmu, pcma} {
		e, d := mustEncoder(t, f), mustDecoder(t, f)
		in := sine(1020, 8000, 8000, 0, 160)
		payload, out := make([]byte, 160), make([]int16, 160)
		if _, err := e.Encode(payload, in); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Decode(out, payload); err != nil {
			t.Fatal(err)
		}
		if got := snr(in, out); got < 35 {
			t.Errorf("%s: got %.1f dB, want above 35", f.Name, got)
		}
	}
}

func TestG711RefusesWhatItCannotTake(t *testing.T) {
	for _, f := range []Format{pcmu, pcma} {
		d, e := mustDecoder(t, f), mustEncoder(t, f)
		dst := make([]int16, 2000)
		for name, payload := range map[string][]byte{"nothing": nil, "more than 120 ms": make([]byte, 961)} {
			if _, err := d.Decode(dst, payload); !errors.Is(err, ErrPayload) {
				t.Errorf("%s: Decode of %s: got %v, want ErrPayload", f.Name, name, err)
			}
			if _, err := d.Samples(payload); !errors.Is(err, ErrPayload) {
				t.Errorf("%s: Samples of %s: got %v, want ErrPayload", f.Name, name, err)
			}
		}
		if _, err := d.Decode(dst[:159], make([]byte, 160)); !errors.Is(err, ErrBuffer) {
			t.Errorf("%s: Decode to a short buffer: got %v, want ErrBuffer", f.Name, err)
		}
		if _, err := e.Encode(make([]byte, 159), dst[:160]); !errors.Is(err, ErrBuffer) {
			t.Errorf("%s: Encode to a short buffer: got %v, want ErrBuffer", f.Name, err)
		}
		if n, err := d.Samples(make([]byte, 960)); n != 960 || err != nil {
			t.Errorf("%s: Samples of 120 ms: got %d, %v, want 960", f.Name, n, err)
		}
	}
}

// snr is the level of in above its difference from out, in dB.
func snr(in, out []int16) float64 {
	var signal, noise float64
	for i := range in {
		d := float64(in[i]) - float64(out[i])
		signal += float64(in[i]) * float64(in[i])
		noise += d * d
	}
	return 10 * math.Log10(signal/(noise+1e-9))
}

func TestG711InTandemChangesNothingMore(t *testing.T) {
	for _, f := range []Format{pcmu, pcma} {
		e, d := mustEncoder(t, f), mustDecoder(t, f)
		var once, twice [1]int16
		var octet [1]byte
		for b := range 256 {
			if _, err := d.Decode(once[:], []byte{byte(b)}); err != nil {
				t.Fatal(err)
			}
			if _, err := e.Encode(octet[:], once[:]); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Decode(twice[:], octet[:]); err != nil {
				t.Fatal(err)
			}
			if once != twice {
				t.Errorf("%s: octet %d: got %d after the second coder, want %d as after the first", f.Name, b, twice[0], once[0])
			}
		}
	}
}
