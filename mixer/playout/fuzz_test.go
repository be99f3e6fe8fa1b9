package playout

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// FuzzStream feeds any packets of each codec at any time: nothing may panic, each tick must have its frame, and the
// queue must not grow beyond what it holds.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 160, 3, 1, 2, 3, 1, 1, 0, 160, 160, 2, 9, 9})
	f.Add([]byte{2, 1, 0, 0, 160, 1, 0x78, 1, 1, 0, 20, 160, 2, 0x0b, 0xe4, 1, 3, 0, 60, 160, 1, 0x78})
	f.Add([]byte{1, 1, 0, 0, 160, 1, 0xd5, 3, 1, 0, 20, 0, 1, 60, 1, 2, 0, 20, 160, 0})
	f.Add([]byte{2, 5, 0, 255, 160, 4, 0x7b, 0x06, 1, 2, 41, 5, 0, 255, 200, 4, 0x7b, 0x06, 1, 2})
	f.Add([]byte{2, 3, 0, 0, 160, 3, 0x78, 0xff, 0xfe, 3, 1, 0, 160, 1, 0x78, 7, 2, 0, 160, 2, 0x7b, 2, 7, 3, 1, 90, 1, 0x78, 2, 4, 2, 160, 4, 0x78, 1, 2, 3})
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 {
			return
		}
		formats := []codec.Format{pcmu, pcma, opus, {Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 8000}}
		s := &Stream{}
		if err := s.Prepare(formats[int(in[0])%len(formats)]); err != nil {
			t.Fatal(err)
		}
		s.Tune(16000)
		var vad mixer.VAD
		s.Background(&vad)
		in = in[1:]
		now := time.Unix(1000, 0)
		for len(in) >= 5 {
			op, n := in[0], min(int(in[4]), len(in)-5)
			p := jitter.Packet{
				Sequence: uint16(in[1]), Timestamp: uint32(in[2])<<8 + uint32(in[3])*uint32(s.format.ClockRateHz/8000),
				Samples: int(in[3]) * s.format.ClockRateHz / 8000, Arrival: now, Payload: in[5 : 5+n],
			}
			p.Noise = p.Samples == 0
			s.Put(p)
			in = in[5+n:]
			if op&0x40 != 0 {
				s.Absent(p.Sequence + 1)
			}
			if op&0x80 != 0 {
				if err := s.Restart(formats[int(op)%len(formats)]); err != nil {
					t.Fatal(err)
				}
				s.Tune(16000)
			}
			for range op % 8 {
				now = now.Add(mixer.FrameDuration)
				frame, _ := s.Pull(now)
				if len(frame) != 320 {
					t.Fatalf("a frame of %d samples", len(frame))
				}
				vad.Observe(frame, 16000)
				if got := s.queued(); got > 140*time.Millisecond {
					t.Fatalf("%v in the queue after a tick", got)
				}
			}
		}
		s.Stats()
	})
}
