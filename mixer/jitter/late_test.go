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

// ran is a buffer that has played packets of 20 ms up to that one, but for one that has not come.
func ran(last, missing uint16) *jitter.Buffer {
	b := jitter.New(jitter.Config{})
	for seq := range last + 1 {
		if seq != missing {
			b.Put(packet(seq, time.Duration(seq)*20*ms))
		}
		next(b, epoch.Add(time.Duration(seq)*20*ms+5*ms))
	}
	return b
}

// TestWhatIsSecondsOldIsNoNewStream: packets of 20 ms that are 64 to 99 numbers old are more than a second late, and two of them in a row are no sender
// that has begun anew.
func TestWhatIsSecondsOldIsNoNewStream(t *testing.T) {
	const last, missing = 300, 220
	for _, back := range []uint16{99, 98, 81, 80, 79, 65, 64, 63} {
		b := ran(last, missing)
		for i, want := range []jitter.Verdict{jitter.Duplicate, jitter.Duplicate, jitter.Duplicate} {
			seq := last - back + uint16(i)
			if seq == missing {
				want = jitter.Late
			}
			p := packet(seq, last*20*ms+10*ms)
			if got := b.Put(p); got != want {
				t.Errorf("packet %d again, %d back: verdict %d, want %d", seq, back-uint16(i), got, want)
			}
		}
		if got := b.Put(packet(last+1, (last+1)*20*ms)); got != jitter.Stored {
			t.Errorf("%d back: verdict %d of the packet after it", back, got)
		}
		if p, what := next(b, epoch.Add((last+1)*20*ms+5*ms)); what != jitter.Play || p.Sequence != last+1 {
			t.Errorf("%d back: then came %v of packet %d", back, what, p.Sequence)
		}
		if got := b.Stats(); got.Restarts != 0 || got.Lost+got.Late != 1 {
			t.Errorf("%d back: %+v, want no new stream", back, got)
		}
	}
}

// TestANewStreamMayHaveOldNumbers: its timestamps tell.
func TestANewStreamMayHaveOldNumbers(t *testing.T) {
	for name, by := range map[string]int32{"before": -100 * 8000, "after": 100 * 8000} {
		b := ran(300, 1000)
		for i, want := range []jitter.Verdict{jitter.Invalid, jitter.Stored, jitter.Stored} {
			p := packet(220+uint16(i), (301+time.Duration(i))*20*ms)
			p.Timestamp += uint32(by)
			if got := b.Put(p); got != want {
				t.Errorf("time is %s: packet %d of the new stream: verdict %d, want %d", name, i, got, want)
			}
		}
	}
}
