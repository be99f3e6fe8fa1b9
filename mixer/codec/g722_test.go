package codec

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	reference "github.com/gotranspile/g722"

	"github.com/confbridge/confbridge/mixer/measure"
)

// throughG722 is pcm encoded and decoded, 20 ms a packet.
func throughG722(t testing.TB, pcm []int16) []int16 {
	t.Helper()
	e, d := mustEncoder(t, g722), mustDecoder(t, g722)
	payload := make([]byte, 160)
	var out []int16
	for frame := range slices.Chunk(pcm, 320) {
		heard := make([]int16, len(frame))
		n, err := e.Encode(payload, frame)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Decode(heard, payload[:n]); got != len(frame) || err != nil {
			t.Fatalf("got %d, %v, want %d samples", got, err, len(frame))
		}
		out = append(out, heard...)
	}
	return out
}

func whiteNoise(amplitude float64, samples int) []int16 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, samples)
	for i := range out {
		out[i] = int16(amplitude * (2*r.Float64() - 1))
	}
	return out
}

func TestG722IsBitForBitThatOfTheLibrary(t *testing.T) {
	for name, pcm := range map[string][]int16{
		"voice": voice(16000, 48000), "tone": sine(1020, 20000, 16000, 0, 16000), "high tone": sine(6100, 9000, 16000, 0, 16000),
		"noise": whiteNoise(9000, 16000), "whisper": whiteNoise(20, 16000), "silence": make([]int16, 3200),
	} {
		want := make([]byte, len(pcm)/2)
		reference.NewEncoder(reference.Rate64000, 0).Encode(want, pcm)
		got := make([]byte, len(want))
		e := mustEncoder(t, g722)
		for at := 0; at < len(pcm); at += 320 {
			if _, err := e.Encode(got[at/2:], pcm[at:at+320]); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: encoded differently", name)
		}
		heard := make([]int16, len(pcm))
		reference.NewDecoder(reference.Rate64000, 0).Decode(heard, want)
		if !slices.Equal(throughG722(t, pcm), heard) {
			t.Errorf("%s: decoded differently", name)
		}
	}
}

func TestG722DecodesWhateverComesAsTheLibraryButForWraps(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	payload := make([]byte, 8000)
	for i := range payload {
		payload[i] = byte(r.Uint32())
	}
	want := make([]int16, 2*len(payload))
	reference.NewDecoder(reference.Rate64000, 0).Decode(want, payload)
	d := mustDecoder(t, g722)
	got, clipped := make([]int16, 0, len(want)), 0
	for at, n := 0, 1; at < len(payload); at, n = at+n, n%211+2 { // in packets of any length, odd ones too
		packet := payload[at:min(at+n, len(payload))]
		pcm := make([]int16, 2*len(packet))
		if _, err := d.Decode(pcm, packet); err != nil {
			t.Fatal(err)
		}
		got = append(got, pcm...)
	}
	for i := range want {
		if got[i] == math.MaxInt16 || got[i] == math.MinInt16 {
			clipped++
		} else if got[i] != want[i] {
			t.Fatalf("sample %d: got %d, want %d", i, got[i], want[i])
		}
	}
	if clipped > len(want)/10 {
		t.Errorf("got %d clipped samples of %d", clipped, len(want))
	}
}

func TestG722IsFlatTo7kHz(t *testing.T) {
	for hz, least := range map[float64]float64{50: 25, 100: 25, 300: 25, 1000: 25, 2000: 25, 3000: 25, 3600: 20, 4400: 12, 5000: 12, 6000: 12, 7000: 10} {
		in := sine(hz, 6000, 16000, 0, 32000)
		out := throughG722(t, in)[8000:]
		want := measure.ToneDBFS(in[8000:], 16000, hz)
		got := measure.ToneDBFS(out, 16000, hz)
		if math.Abs(got-want) > 0.5 {
			t.Errorf("%.0f Hz: got %.2f dBFS, want %.2f within 0.5", hz, got, want)
		}
		all := math.Pow(10, measure.RMSDBFS(out)/10)
		tone := math.Pow(10, got/10)
		if snr := 10 * math.Log10(tone/max(all-tone, 1e-12)); snr < least {
			t.Errorf("%.0f Hz: SNR: got %.1f dB, want above %.0f", hz, snr, least)
		}
	}
}

func TestG722KeepsSpeechAbove20dB(t *testing.T) {
	in := voice(16000, 48000)
	out := throughG722(t, in)
	const delay = 22 // of both filters, in samples
	if got := snr(in[:len(in)-delay], out[delay:]); got < 20 {
		t.Errorf("got %.1f dB, want above 20", got)
	}
}

func TestLoudG722ClipsAndDoesNotWrap(t *testing.T) {
	for _, hz := range []float64{200, 1000, 3000} {
		in := sine(hz, 1e6, 16000, 0, 16000) // nearly a square wave
		for i, v := range sineValues(hz, 16000, len(in)) {
			in[i] = int16(min(max(v*1e6, -32767), 32767))
		}
		out := throughG722(t, in)
		wrapped := 0
		for i := 400; i < len(in)-22; i++ {
			if d := int(out[i+22]) - int(in[i]); d > 52000 || d < -52000 {
				wrapped++
			}
		}
		if wrapped > 0 {
			t.Errorf("%.0f Hz: got %d samples at the other end of the scale, want none", hz, wrapped)
		}
	}
}

func sineValues(hz float64, rateHz, samples int) []float64 {
	out := make([]float64, samples)
	for i := range out {
		out[i] = math.Sin(2 * math.Pi * hz * float64(i) / float64(rateHz))
	}
	return out
}

func TestG722RefusesWhatItCannotTake(t *testing.T) {
	d, e := mustDecoder(t, g722), mustEncoder(t, g722)
	dst := make([]int16, 2000)
	for name, payload := range map[string][]byte{"nothing": nil, "more than 120 ms": make([]byte, 961)} {
		if _, err := d.Decode(dst, payload); !errors.Is(err, ErrPayload) {
			t.Errorf("Decode of %s: got %v, want ErrPayload", name, err)
		}
	}
	if _, err := d.Decode(dst[:319], make([]byte, 160)); !errors.Is(err, ErrBuffer) {
		t.Errorf("Decode to a short buffer: got %v, want ErrBuffer", err)
	}
	if n, err := d.Decode(dst, make([]byte, 161)); n != 322 || err != nil {
		t.Errorf("Decode of an odd length: got %d, %v, want 322", n, err)
	}
	if _, err := e.Encode(make([]byte, 159), dst[:320]); !errors.Is(err, ErrBuffer) {
		t.Errorf("Encode to a short buffer: got %v, want ErrBuffer", err)
	}
}

// lossy is in encoded, and decoded without the packets of 20 ms that lost names.
func lossy(t testing.TB, f Format, in []int16, lost func(int) bool) []int16 {
	t.Helper()
	p := usualProfile(f)
	e, d := mustEncoderOf(t, p), mustDecoder(t, f)
	payload := make([]byte, MaxPayloadBytes)
	var out []int16
	for at, n := 0, p.PacketSamples(); at+n <= len(in); at += n {
		size, err := e.Encode(payload, in[at:at+n])
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, n)
		if lost(at * 50 / f.SampleRateHz) {
			d.Conceal(pcm)
		} else if _, err := d.Decode(pcm, payload[:size]); err != nil {
			t.Fatal(err)
		}
		out = append(out, pcm...)
	}
	return out
}

func TestLostPacketsOfG722AndL16AreConcealed(t *testing.T) {
	for _, f := range []Format{g722, l16At(8000), l16At(16000), l16At(48000)} {
		for _, hz := range []float64{120, 440, 1000} {
			ms := f.SampleRateHz / 1000
			in := sine(hz, 8000, f.SampleRateHz, 0, 1000*ms)
			out := lossy(t, f, in, func(i int) bool { return i == 10 || i == 20 || i == 21 || i >= 30 && i < 35 })
			// G.722 itself overshoots where a tone begins.
			if got, limit := largestStep(out[40*ms:]), slopeOf(hz, 8000, f.SampleRateHz)*13/10+60; got > limit {
				t.Errorf("%v, %.0f Hz: largest step: got %d, want at most %d", f, hz, got, limit)
			}
			during := measure.RMSDBFS(out[200*ms:210*ms]) - measure.RMSDBFS(in[200*ms:210*ms])
			if math.Abs(during) > 1.5 {
				t.Errorf("%v, %.0f Hz: level in the first 10 ms: got %.2f dB of change, want within 1.5", f, hz, during)
			}
			if got := measure.RMSDBFS(out[660*ms : 700*ms]); got != measure.Silence {
				t.Errorf("%v, %.0f Hz: after 60 ms: got %.1f dBFS, want silence", f, hz, got)
			}
			after := measure.RMSDBFS(out[750*ms:800*ms]) - measure.RMSDBFS(in[750*ms:800*ms])
			if math.Abs(after) > 0.5 {
				t.Errorf("%v, %.0f Hz: 50 ms after the loss: got %.2f dB of change, want within 0.5", f, hz, after)
			}
		}
	}
}
