package codec

import (
	"errors"
	"math"
	"testing"

	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/hraban/opus"
)

// opusPackets encodes a sine, 20 ms a packet.
func opusPackets(t testing.TB, rateHz, count int, hz, amplitude float64) [][]byte {
	t.Helper()
	e := mustEncoder(t, opusAt(rateHz))
	var packets [][]byte
	for i := range count {
		dst := make([]byte, MaxPayloadBytes)
		n, err := e.Encode(dst, sine(hz, amplitude, rateHz, i*rateHz/50, rateHz/50))
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, dst[:n])
	}
	return packets
}

func TestOpusRoundTripKeepsLevelAndTone(t *testing.T) {
	for _, from := range []int{8000, 16000, 48000} {
		packets := opusPackets(t, from, 50, 440, 8000)
		for _, to := range []int{8000, 16000, 48000} {
			d := mustDecoder(t, opusAt(to))
			var heard []int16
			pcm := make([]int16, to/50)
			for _, p := range packets {
				if n, err := d.Samples(p); n != to/50 || err != nil {
					t.Fatalf("%d to %d Hz: Samples: got %d, %v, want %d", from, to, n, err, to/50)
				}
				if n, err := d.Decode(pcm, p); n != to/50 || err != nil {
					t.Fatalf("%d to %d Hz: Decode: got %d, %v, want %d", from, to, n, err, to/50)
				}
				heard = append(heard, pcm...)
			}
			heard = heard[to/5:]
			want := 20 * math.Log10(8000.0/32768)
			tone := measure.ToneDBFS(heard, to, 440)
			if math.Abs(tone-want) > 1 {
				t.Errorf("%d to %d Hz: tone: got %.2f dBFS, want %.2f within 1", from, to, tone, want)
			}
			// What is not the tone, found by taking the aligned original out.
			ref := sine(440, 8000, to, 0, len(heard))
			peak, _ := measure.Correlation(ref, heard, to/400)
			if snr := 10 * math.Log10(peak*peak/(1-peak*peak)); snr < 15 {
				t.Errorf("%d to %d Hz: SNR: got %.1f dB, want above 15", from, to, snr)
			}
		}
	}
}

func TestOpusStaysNearItsBitrate(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		bytes := 0
		for _, p := range opusPackets(t, rate, 100, 300, 8000) {
			bytes += len(p)
		}
		if got, want := bytes*8/2, opusBitrate(rate, false); got > want*13/10 {
			t.Errorf("%d Hz: got %d bit/s, want about %d at most", rate, got, want)
		}
	}
}

func TestOpusStereoIsMixedDown(t *testing.T) {
	enc, err := opus.NewEncoder(48000, 2, opus.AppAudio)
	if err != nil {
		t.Fatal(err)
	}
	d := mustDecoder(t, opusAt(48000))
	var heard []int16
	for i := range 25 {
		left, right := sine(440, 8000, 48000, i*960, 960), sine(1000, 8000, 48000, i*960, 960)
		both := make([]int16, 1920)
		for k := range left {
			both[2*k], both[2*k+1] = left[k], right[k]
		}
		packet := make([]byte, 1500)
		n, err := enc.Encode(both, packet)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, 960)
		if got, err := d.Decode(pcm, packet[:n]); got != 960 || err != nil {
			t.Fatalf("got %d, %v, want 960 samples of one channel", got, err)
		}
		heard = append(heard, pcm...)
	}
	for _, hz := range []float64{440, 1000} {
		want := 20 * math.Log10(4000.0/32768)
		if got := measure.ToneDBFS(heard[9600:], 48000, hz); math.Abs(got-want) > 1.5 {
			t.Errorf("%.0f Hz: got %.1f dBFS, want %.1f: half of each side", hz, got, want)
		}
	}
}

func TestOpusConcealmentGoesOnThenFallsSilent(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		d := mustDecoder(t, opusAt(rate))
		packets := opusPackets(t, rate, 40, 440, 8000)
		frame := rate / 50
		var heard []int16
		for i, p := range packets {
			pcm := make([]int16, frame)
			if i >= 20 && i < 25 {
				d.Conceal(pcm)
			} else if _, err := d.Decode(pcm, p); err != nil {
				t.Fatal(err)
			}
			heard = append(heard, pcm...)
		}
		ms := rate / 1000
		loss := heard[20*frame:]
		if got := measure.RMSDBFS(loss[:10*ms]) - measure.RMSDBFS(heard[19*frame:20*frame]); math.Abs(got) > 2 {
			t.Errorf("%d Hz: first 10 ms of a loss: got %.1f dB of change, want within 2", rate, got)
		}
		if got := measure.RMSDBFS(loss[60*ms : 100*ms]); got != measure.Silence {
			t.Errorf("%d Hz: after 60 ms: got %.1f dBFS, want silence", rate, got)
		}
		if got, want := measure.RMSDBFS(heard[30*frame:]), measure.RMSDBFS(heard[10*frame:20*frame]); math.Abs(got-want) > 2 { // SILK's long-term prediction has not settled yet
			t.Errorf("%d Hz: 100 ms after the loss: got %.1f dBFS, want %.1f as before", rate, got, want)
		}
		if got, limit := largestStep(heard), slopeOf(440, 8000, rate)*2; got > limit+50 {
			t.Errorf("%d Hz: largest step: got %d, want at most %d", rate, got, limit)
		}
		// Lengths that libopus does not know are filled too.
		for _, n := range []int{1, 7, frame/8 + 1, frame + 3, 120 * ms} {
			if _, err := d.Decode(make([]int16, frame), packets[30]); err != nil {
				t.Fatal(err)
			}
			pcm := make([]int16, n)
			for i := range pcm {
				pcm[i] = 31111
			}
			d.Conceal(pcm)
			for i, s := range pcm {
				if s == 31111 {
					t.Fatalf("%d Hz: sample %d of %d was not filled", rate, i, n)
				}
			}
		}
	}
}

func TestOpusComesBackFromALongLossGently(t *testing.T) {
	// CELT alone: where SILK takes part libopus fades in by itself.
	enc, err := opus.NewEncoder(48000, 1, opus.AppRestrictedLowdelay)
	if err != nil {
		t.Fatal(err)
	}
	d := mustDecoder(t, opusAt(48000))
	pcm, packet := make([]int16, 960), make([]byte, MaxPayloadBytes)
	for i := range 30 {
		n, err := enc.Encode(sine(440, 8000, 48000, i*960, 960), packet)
		if err != nil {
			t.Fatal(err)
		}
		if i >= 20 && i < 25 {
			d.Conceal(pcm)
			continue
		}
		if _, err := d.Decode(pcm, packet[:n]); err != nil {
			t.Fatal(err)
		}
		if i != 25 {
			continue
		}
		for k, s := range pcm[:48*opusFadeInMS] {
			if limit := 9000*float64(k+1)/(48*opusFadeInMS) + 10; math.Abs(float64(s)) > limit {
				t.Fatalf("sample %d after the loss: got %d, want within %.0f", k, s, limit)
			}
		}
		if got := measure.RMSDBFS(pcm[480:]) - measure.RMSDBFS(sine(440, 8000, 48000, 0, 960)); math.Abs(got) > 2 {
			t.Errorf("10 ms after the loss: got %.1f dB off, want within 2", got)
		}
	}
}

// voice is a buzz with harmonics and syllables: libopus repairs only what it takes for speech.
func voice(rateHz, samples int) []int16 {
	out := make([]int16, samples)
	for i := range out {
		at := float64(i) / float64(rateHz)
		v := 0.0
		for k := 1.0; k <= 20; k++ {
			v += math.Cos(2*math.Pi*k*(120*at+math.Sin(2*math.Pi*3*at))) / k
		}
		out[i] = int16(5000 * v * (0.55 - 0.45*math.Cos(2*math.Pi*4*at)))
	}
	return out
}

func TestOpusRecoversALostPacketFromTheNext(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		n := rate / 50
		speech := voice(rate, 100*n)
		e := mustEncoder(t, opusAt(rate))
		var packets [][]byte
		for i := 0; i < len(speech); i += n {
			dst := make([]byte, MaxPayloadBytes)
			size, err := e.Encode(dst, speech[i:i+n])
			if err != nil {
				t.Fatal(err)
			}
			packets = append(packets, dst[:size])
		}
		whole, repaired, concealed := mustDecoder(t, opusAt(rate)), mustDecoder(t, opusAt(rate)), mustDecoder(t, opusAt(rate))
		want, got, without := make([]int16, n), make([]int16, n), make([]int16, n)
		recovered := 0
		var errRepaired, errConcealed float64
		for i, p := range packets {
			lost := i > 10 && i%7 == 0 && i+1 < len(packets) && opusCarriesFEC(packets[i+1])
			if _, err := whole.Decode(want, p); err != nil {
				t.Fatal(err)
			}
			if !lost {
				if _, err := repaired.Decode(got, p); err != nil {
					t.Fatal(err)
				}
				if _, err := concealed.Decode(without, p); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if !repaired.(Recoverer).Recover(got, packets[i+1]) {
				t.Fatalf("%d Hz: packet %d: got not recovered, want recovered", rate, i)
			}
			concealed.Conceal(without)
			recovered++
			for k := range want {
				errRepaired += math.Pow(float64(got[k])-float64(want[k]), 2)
				errConcealed += math.Pow(float64(without[k])-float64(want[k]), 2)
			}
		}
		if recovered < 8 {
			t.Errorf("%d Hz: got %d of 12 packets with a copy of the one before, want most", rate, recovered)
		}
		if errRepaired > errConcealed/2 {
			t.Errorf("%d Hz: error of repair: got %.2f of that of concealment, want below 0.5", rate, errRepaired/errConcealed)
		}
		t.Logf("%d Hz: %d recovered, error %.3f of concealment's", rate, recovered, errRepaired/errConcealed)
		for name, next := range map[string][]byte{"nothing": nil, "garbage": {3}, "CELT": {0xf8, 0xff, 0xff}, "an empty frame": {0x0b, 0x82, 0, 0xff}, "no frames": {0x0b}} {
			if repaired.(Recoverer).Recover(got, next) {
				t.Errorf("%d Hz: %s: got recovered, want not", rate, name)
			}
		}
		if repaired.(Recoverer).Recover(got[:7], packets[20]) {
			t.Errorf("%d Hz: 7 samples: got recovered, want not", rate)
		}
	}
}

func TestOpusRefusesWhatItCannotTake(t *testing.T) {
	d, e := mustDecoder(t, opusAt(48000)), mustEncoder(t, opusAt(48000))
	packet := opusPackets(t, 48000, 1, 440, 8000)[0]
	pcm := make([]int16, 960)
	if _, err := d.Decode(pcm[:959], packet); !errors.Is(err, ErrBuffer) {
		t.Errorf("short buffer with room behind it: got %v, want ErrBuffer", err)
	}
	if _, err := e.Encode(nil, pcm); !errors.Is(err, ErrBuffer) {
		t.Errorf("Encode to nothing: got %v, want ErrBuffer", err)
	}
	if _, err := e.Encode(make([]byte, 1500), pcm[:479]); err == nil {
		t.Error("Encode of half a packet: got no error, want one")
	}
	room := make([]byte, 1500)
	if n, err := e.Encode(room[:8], pcm); err == nil && n > 8 {
		t.Errorf("Encode to 8 bytes: got %d", n)
	}
	for i, b := range room[8:] {
		if b != 0 {
			t.Fatalf("Encode to 8 bytes wrote byte %d", 8+i)
		}
	}
}

func TestTOC(t *testing.T) {
	long := make([]byte, 1+1276)
	for _, row := range []struct {
		name   string
		packet []byte
		want   int // samples at 48 kHz; 0: refused
	}{
		{"SILK NB 10 ms, DTX", []byte{0 << 3}, 480},
		{"SILK NB 20 ms", []byte{1 << 3, 1, 2}, 960},
		{"SILK WB 60 ms", []byte{11 << 3, 1, 2}, 2880},
		{"hybrid FB 20 ms", []byte{15 << 3, 1, 2}, 960},
		{"CELT NB 2.5 ms", []byte{16 << 3, 1, 2}, 120},
		{"CELT FB 20 ms", []byte{31 << 3, 1, 2}, 960},
		{"two equal frames", []byte{1<<3 | 1, 1, 2}, 1920},
		{"two equal frames in an odd number of bytes", []byte{1<<3 | 1, 1, 2, 3}, 0},
		{"two frames", []byte{1<<3 | 2, 1, 9, 8, 7}, 1920},
		{"two frames, the first too long", []byte{1<<3 | 2, 4, 9, 8, 7}, 0},
		{"two frames, no length", []byte{1<<3 | 2}, 0},
		{"two frames, half a length", []byte{1<<3 | 2, 252}, 0},
		{"many frames, no count", []byte{1<<3 | 3}, 0},
		{"no frames", []byte{1<<3 | 3, 0}, 0},
		{"three CBR frames", []byte{1<<3 | 3, 3, 1, 2, 3}, 2880},
		{"three CBR frames in four bytes", []byte{1<<3 | 3, 3, 1, 2, 3, 4}, 0},
		{"120 ms", []byte{1<<3 | 3, 6}, 5760},
		{"140 ms", []byte{1<<3 | 3, 7}, 0},
		{"48 frames of 2.5 ms", []byte{16<<3 | 3, 48}, 5760},
		{"49 frames of 2.5 ms", []byte{16<<3 | 3, 49}, 0},
		{"two VBR frames", []byte{1<<3 | 3, 0x80 | 2, 1, 9, 9}, 1920},
		{"VBR frames longer than the packet", []byte{1<<3 | 3, 0x80 | 2, 3, 9, 9}, 0},
		{"padding", []byte{1<<3 | 3, 0x40 | 1, 2, 9, 0, 0}, 960},
		{"more padding than packet", []byte{1<<3 | 3, 0x40 | 1, 4, 9, 0, 0}, 0},
		{"padding without end", []byte{1<<3 | 3, 0x40 | 1, 255, 255}, 0},
		{"nothing", nil, 0},
		{"frame of 1276 bytes", long, 0},
		{"frame of 1275 bytes", long[:1276], 480},
	} {
		for _, rate := range []int{8000, 16000, 48000} {
			got, err := mustDecoder(t, opusAt(rate)).Samples(row.packet)
			switch {
			case row.want == 0 && !errors.Is(err, ErrPayload):
				t.Errorf("%s: got %d, %v, want ErrPayload", row.name, got, err)
			case row.want != 0 && (err != nil || got != row.want/(48000/rate)):
				t.Errorf("%s at %d Hz: got %d, %v, want %d", row.name, rate, got, err, row.want/(48000/rate))
			}
		}
	}
}
