package mixer

import (
	"math"
	"testing"
)

func TestSoundWithoutAnOffsetPassesBitForBit(t *testing.T) {
	var v VAD
	var o Offset
	pcm := babble(seeded(), 24000, 200, 8000*20)
	for i := 0; i+160 <= len(pcm); i += 160 {
		frame := append([]int16(nil), pcm[i:i+160]...)
		v.Observe(frame, 8000)
		o.Remove(frame, v.Offset())
		for j, s := range frame {
			if s != pcm[i+j] {
				t.Fatalf("sample %d: got %d, want %d", i+j, s, pcm[i+j])
			}
		}
	}
}

func TestOffsetGoesAwayWithoutAStep(t *testing.T) {
	for _, offset := range []float64{-3000, 150, 5000} {
		var v VAD
		var o Offset
		var out []int16
		for tick := range 1500 {
			frame := sine(300, 3000, 8000, tick*160, 160)
			for i := range frame {
				frame[i] += int16(offset)
			}
			v.Observe(frame, 8000)
			o.Remove(frame, v.Offset())
			out = append(out, frame...)
		}
		if mean, _ := moments(out[len(out)-8000:], 1); math.Abs(mean) > 8 {
			t.Errorf("offset of %v: %.1f left after 30 s", offset, mean)
		}
		if got, limit := largestStep(out), sineSlope(300, 3000, 8000)+offsetSlew+1; got > limit {
			t.Errorf("offset of %v: a step of %d, want at most %d", offset, got, limit)
		}
	}
}

func TestOffsetSaturatesAndJumps(t *testing.T) {
	var o Offset
	o.Jump(-1000)
	frame := []int16{32767, 32000, 0, -32768}
	o.Remove(frame, -1000)
	if want := [4]int16{32767, 32767, 1000, -31768}; [4]int16(frame) != want {
		t.Errorf("got %v, want %v", frame, want)
	}
	o.Jump(10)
	if o != (Offset{}) {
		t.Errorf("jumped to what is too small to matter: %+v, want nothing", o)
	}
}
