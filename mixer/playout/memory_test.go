package playout

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// What comes at once behind a stall of 200 ms has room, whatever the codec.
func TestAStallOfLinearSoundHasRoom(t *testing.T) {
	for _, rateHz := range []int{8000, 16000, 48000} {
		f := codec.Format{Name: codec.L16, ClockRateHz: rateHz, SampleRateHz: rateHz}
		s := newStream(t, f, rateHz)
		now := time.Unix(1000, 0)
		samples := rateHz / 100 // packets of 10 ms
		for i := range 20 {
			s.Put(jitter.Packet{
				Sequence: uint16(i), Timestamp: uint32(i * samples), Samples: samples, Arrival: now, Payload: make([]byte, 2*samples),
			})
		}
		if got := s.Stats().PacketsDiscarded; got != 0 {
			t.Errorf("L16 at %d Hz: %d of 20 packets thrown out", rateHz, got)
		}
	}
}
