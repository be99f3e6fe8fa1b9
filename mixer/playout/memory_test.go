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

// The queue is made for packets of 20 ms, and grows when longer ones come.
func TestLongerPacketsInMidCallHaveRoom(t *testing.T) {
	s := newStream(t, pcmu, 8000)
	now := time.Unix(1000, 0)
	sequence, timestamp, heard := 0, 0, 0
	for _, ms := range []int{20, 20, 20, 60, 60, 20, 120, 120, 40, 20, 20} {
		payload := make([]byte, 8*ms) // 0 of PCMU is as loud as it can be
		s.Put(jitter.Packet{
			Sequence: uint16(sequence), Timestamp: uint32(timestamp), Samples: len(payload), Arrival: now.Add(-2 * time.Millisecond), Payload: payload,
		})
		sequence, timestamp = sequence+1, timestamp+len(payload)
		for range ms / 20 {
			frame, _ := s.Pull(now)
			for _, v := range frame {
				if v < -32000 {
					heard++
				}
			}
			now = now.Add(20 * time.Millisecond)
		}
	}
	if got := s.Stats(); got.PacketsLost != 0 || got.Concealed != 0 || heard < timestamp-160 { // the first frame is filtered
		t.Errorf("%d of %d samples heard, %+v", heard, timestamp, got)
	}
}
