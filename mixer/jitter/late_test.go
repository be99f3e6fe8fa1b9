package jitter_test

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/jitter"
)

// short is packet seq of a stream of 10 ms packets, each of which comes when it is sent.
func short(seq uint16) jitter.Packet {
	return jitter.Packet{
		Sequence: seq, Timestamp: uint32(seq) * 80, Samples: 80, Arrival: epoch.Add(time.Duration(seq) * 10 * ms), Payload: make([]byte, 80),
	}
}

// TestALatePacketCountsOnce sends what was lost again and again, from near and from so far back that the buffer holds no packets
// of that age any more.
func TestALatePacketCountsOnce(t *testing.T) {
	for _, back := range []uint16{10, 63, 64, 80, 99} {
		const last = 300
		b := jitter.New(jitter.Config{})
		late := last - back
		for seq := range uint16(last + 1) {
			if seq != late && seq != late-1 && seq != late-5 {
				b.Put(short(seq))
			}
			if seq%2 == 1 {
				b.Tick(epoch.Add(time.Duration(seq)*10*ms + 5*ms))
				for got := 0; got < 160; {
					p, _ := b.Next(time.Duration(got) * ms / 8)
					got += p.Samples
				}
			}
		}
		if got := b.Stats().Lost; got != 3 {
			t.Fatalf("%d back: %d lost, want 3", back, got)
		}
		p := short(late)
		p.Arrival = short(last).Arrival
		for i, want := range []jitter.Verdict{jitter.Late, jitter.Duplicate, jitter.Duplicate, jitter.Duplicate} {
			if got := b.Put(p); got != want {
				t.Errorf("%d back, sent %d times: verdict %d, want %d", back, i+1, got, want)
			}
		}
		if got := b.Stats(); got.Lost != 2 || got.Late != 1 || got.Duplicate != 3 {
			t.Errorf("%d back: %+v, want 2 lost and 1 late", back, got)
		}
	}
}

// TestSoundFromBeforeAPressCountsOnce: it has a new number and an old time.
func TestSoundFromBeforeAPressCountsOnce(t *testing.T) {
	b, p := afterAPress()
	for i, want := range []jitter.Verdict{jitter.Late, jitter.Duplicate, jitter.Duplicate} {
		if got := b.Put(p); got != want {
			t.Errorf("sent %d times: verdict %d, want %d", i+1, got, want)
		}
	}
	for i := range 5 {
		b.Put(packet(uint16(12+i), time.Duration(12+i)*20*ms))
		next(b, epoch.Add(time.Duration(12+i)*20*ms+5*ms))
	}
	if got := b.Stats(); got.Late != 1 || got.Lost != 0 {
		t.Errorf("%+v, want 1 late and none lost: all have come", got)
	}
}
