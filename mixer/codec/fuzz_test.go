package codec

import (
	"errors"
	"testing"
)

// checkDecode holds Samples and Decode to their word for one payload, whatever it is.
func checkDecode(t *testing.T, d Decoder, f Format, payload []byte) {
	t.Helper()
	limit := f.SampleRateHz / 1000 * MaxPacketMilliseconds
	const guard = 12345
	room := make([]int16, limit+64)
	for i := range room {
		room[i] = guard
	}
	want, err := d.Samples(payload)
	if err != nil && !errors.Is(err, ErrPayload) {
		t.Fatalf("Samples: got %v, want ErrPayload", err)
	}
	if err == nil && (want <= 0 || want > limit) {
		t.Fatalf("Samples: got %d, want 1 to %d", want, limit)
	}
	if err == nil && want > 1 {
		if _, err := d.Decode(room[:want-1], payload); !errors.Is(err, ErrBuffer) {
			t.Fatalf("Decode to %d samples of %d: got %v, want ErrBuffer", want-1, want, err)
		}
	}
	got, decodeErr := d.Decode(room[:limit], payload)
	switch {
	case decodeErr != nil && !errors.Is(decodeErr, ErrPayload):
		t.Fatalf("Decode: got %v, want ErrPayload", decodeErr)
	case err != nil && decodeErr == nil:
		t.Fatalf("Decode: got %d samples of what Samples refused", got)
	case decodeErr == nil && got != want:
		t.Fatalf("Decode: got %d samples, want %d as Samples said", got, want)
	}
	for i := limit; i < len(room); i++ {
		if room[i] != guard {
			t.Fatalf("Decode wrote behind its slice, at %d", i)
		}
	}
	d.Conceal(room[:f.SampleRateHz/50])
	if r, ok := d.(Recoverer); ok {
		r.Recover(room[:f.SampleRateHz/50], payload)
	}
}

func FuzzG711(f *testing.F) {
	f.Add([]byte{}, []byte{0xff})
	f.Add(make([]byte, 160), []byte{1, 2, 3})
	f.Add(make([]byte, 961), make([]byte, 960))
	ulaw, alaw := mustDecoder(f, pcmu), mustDecoder(f, pcma)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		checkDecode(t, ulaw, pcmu, a)
		checkDecode(t, ulaw, pcmu, b)
		checkDecode(t, alaw, pcma, a)
		checkDecode(t, alaw, pcma, b)
	})
}

func FuzzG722(f *testing.F) {
	f.Add([]byte{}, []byte{0xff})
	f.Add(make([]byte, 160), []byte{1, 2, 3})
	f.Add(make([]byte, 961), make([]byte, 959))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d := mustDecoder(t, g722)
		checkDecode(t, d, g722, a)
		checkDecode(t, d, g722, b)
	})
}

func FuzzL16(f *testing.F) {
	f.Add([]byte{}, []byte{0xff})
	f.Add(make([]byte, 320), []byte{1, 2, 3})
	f.Add(make([]byte, 1400), make([]byte, 1922))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, rate := range []int{8000, 16000, 48000} {
			d := mustDecoder(t, l16At(rate))
			checkDecode(t, d, l16At(rate), a)
			checkDecode(t, d, l16At(rate), b)
		}
	})
}

func FuzzOpus(f *testing.F) {
	f.Add([]byte{}, []byte{3})
	f.Add([]byte{8}, []byte{1<<3 | 3, 0x80 | 2, 1, 9, 9})
	f.Add([]byte{0xfc, 0xff, 0xfe}, []byte{1<<3 | 3, 0x40 | 1, 2, 9, 0, 0})
	for _, rate := range []int{8000, 16000, 48000} {
		p := opusPackets(f, rate, 3, 440, 8000)
		f.Add(p[1], p[2])
	}
	formats := []Format{opusAt(8000), opusAt(16000), opusAt(48000)}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, format := range formats {
			d := mustDecoder(t, format)
			checkDecode(t, d, format, a)
			checkDecode(t, d, format, b)
		}
	})
}
