package gen

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestKeysAreEventsOfOneTimestampThatEndThrice(t *testing.T) {
	d := &dialling{keys: "1#"}
	var out [headerSize + PacketSamples]byte
	type event struct {
		code, ends byte
		stamp      uint32
		longest    uint16
		marks      int
	}
	var got []event
	for n := int64(10); ; n++ {
		out[1] = 0
		size := d.press(out[:], n)
		if size == 0 {
			if d.step >= len(d.keys)*keySteps {
				break
			}
			continue
		}
		if size != headerSize+4 || out[1]&0x7f != keyPayload {
			t.Fatalf("packet %d has %d octets of payload type %d", n, size, out[1]&0x7f)
		}
		body, stamp := out[headerSize:], binary.BigEndian.Uint32(out[4:])
		if len(got) == 0 || got[len(got)-1].stamp != stamp {
			got = append(got, event{code: body[0], stamp: stamp})
		}
		e := &got[len(got)-1]
		e.ends += body[1] >> 7
		e.marks += int(out[1] >> 7)
		e.longest = max(e.longest, binary.BigEndian.Uint16(body[2:]))
	}
	second := uint32(10+keySteps) * PacketSamples
	want := []event{{1, keyEnds, 10 * PacketSamples, keyPackets * PacketSamples, 1}, {11, keyEnds, second, keyPackets * PacketSamples, 1}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if d.finished.Load() == 0 {
		t.Error("nobody was told that the keys are through")
	}
}

func TestAnAnswerIsTheFirstSoundAfterTheKeys(t *testing.T) {
	packet := func(sample byte) []byte {
		p := make([]byte, headerSize+PacketSamples)
		p[0] = 2 << 6
		for i := range p[headerSize:] {
			p[headerSize+i] = sample
		}
		return p
	}
	const loud, finished = 0x10, int64(1e18)
	d := &dialling{keys: "1"}
	dialled := Dialled{d}
	d.hear(packet(loud), finished-1) // the greeting, while keys go out
	d.finished.Store(finished)
	d.hear(packet(0xff), finished+1)
	if took, ok := dialled.Answer(); ok {
		t.Errorf("silence is an answer after %v", took)
	}
	d.hear(packet(loud), finished+int64(3*time.Second))
	d.hear(packet(loud), finished+int64(4*time.Second))
	if took, ok := dialled.Answer(); !ok || took != 3*time.Second {
		t.Errorf("got %v, %v, want 3s", took, ok)
	}
}

func TestHowLoudASampleOfPCMUIs(t *testing.T) {
	for b, want := range map[byte]int{0xff: 0, 0x7f: 0, 0x80: 32124, 0x00: 32124, 0xfe: 8} { // ITU-T G.711, table 2a
		if got := amplitude(b); got != want {
			t.Errorf("%#x: got %d, want %d", b, got, want)
		}
	}
}
