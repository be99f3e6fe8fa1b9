package codec

import (
	"errors"
	"slices"
	"testing"
)

func TestL16IsInNetworkByteOrder(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		e, d := mustEncoder(t, l16At(rate)), mustDecoder(t, l16At(rate))
		in := []int16{0, 1, -1, 0x1234, 32767, -32768}
		payload := make([]byte, 12)
		n, err := e.Encode(payload, in)
		if want := []byte{0, 0, 0, 1, 0xff, 0xff, 0x12, 0x34, 0x7f, 0xff, 0x80, 0}; err != nil || !slices.Equal(payload[:n], want) {
			t.Errorf("%d Hz: got %x, %v, want %x", rate, payload[:n], err, want)
		}
		out := make([]int16, 6)
		if n, err := d.Decode(out, payload); n != 6 || err != nil || !slices.Equal(out, in) {
			t.Errorf("%d Hz: got %v, %v, want %v", rate, out[:n], err, in)
		}
	}
}

func TestL16RefusesWhatItCannotTake(t *testing.T) {
	d, e := mustDecoder(t, l16At(8000)), mustEncoder(t, l16At(8000))
	dst := make([]int16, 2000)
	for name, payload := range map[string][]byte{
		"nothing": nil, "half a sample": {1}, "an odd length": make([]byte, 321), "more than 120 ms": make([]byte, 1922),
	} {
		if _, err := d.Decode(dst, payload); !errors.Is(err, ErrPayload) {
			t.Errorf("Decode of %s: got %v, want ErrPayload", name, err)
		}
	}
	if _, err := d.Decode(dst[:159], make([]byte, 320)); !errors.Is(err, ErrBuffer) {
		t.Errorf("Decode to a short buffer: got %v, want ErrBuffer", err)
	}
	if _, err := e.Encode(make([]byte, 319), dst[:160]); !errors.Is(err, ErrBuffer) {
		t.Errorf("Encode to a short buffer: got %v, want ErrBuffer", err)
	}
}
