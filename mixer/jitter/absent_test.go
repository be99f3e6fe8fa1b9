package jitter_test

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/jitter"
)

// TestKeyPressesAreNoLoss lets a sender speak, press a key (its packets take sequence numbers and hold no audio), and
// speak on.
func TestKeyPressesAreNoLoss(t *testing.T) {
	for _, row := range []struct {
		name    string
		events  int // packets of the press
		swapped bool
		lost    int // of the press's packets, on the network
		want    uint64
	}{
		{"a short press", 11, false, 0, 0},
		{"a press of 4 s", 200, false, 0, 0},
		{"the first sound overtakes the last event", 11, true, 0, 0},
		{"two of the press's packets are lost", 11, false, 2, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := jitter.New(jitter.Config{ClockRateHz: 8000})
			now, seq, ts := epoch, uint16(65530), uint32(0)
			played := 0
			tick := func() {
				now = now.Add(20 * ms)
				if _, what := next(b, now.Add(5*ms)); what == jitter.Play {
					played++
				}
				seq, ts = seq+1, ts+160
			}
			sound := func() {
				b.Put(jitter.Packet{Sequence: seq, Timestamp: ts, Samples: 160, Arrival: now, Payload: []byte{1}})
			}
			for range 50 {
				sound()
				tick()
			}
			for i := range row.events {
				switch {
				case row.swapped && i == row.events-1: // it comes behind the next sound
				case i < row.lost:
				default:
					b.Absent(seq)
				}
				tick()
			}
			for i := range 50 {
				sound()
				if row.swapped && i == 0 {
					b.Absent(seq - 1)
				}
				tick()
			}
			st := b.Stats()
			if st.Lost != row.want {
				t.Errorf("%d lost, want %d: %+v", st.Lost, row.want, st)
			}
			if played < 97 {
				t.Errorf("%d packets of sound played, want all but a few of 100", played)
			}
		})
	}
}

func TestAbsentOfAnotherStreamIsPassedOver(t *testing.T) {
	b := jitter.New(jitter.Config{ClockRateHz: 8000})
	b.Absent(7) // before the first packet
	now := epoch
	for i := range uint16(100) {
		now = now.Add(20 * ms)
		b.Absent(i + 30000)
		if got := b.Put(jitter.Packet{Sequence: i, Timestamp: uint32(i) * 160, Samples: 160, Arrival: now, Payload: []byte{1}}); got != jitter.Stored {
			t.Fatalf("packet %d: verdict %d, want stored", i, got)
		}
		next(b, now.Add(5*ms))
	}
	if st := b.Stats(); st.Lost != 0 || st.Late != 0 {
		t.Errorf("stats %+v, want no loss", st)
	}
}

// afterAPress is a buffer that has played ten packets, and has had one without audio as the eleventh; and a twelfth with the time of
// what was played already.
func afterAPress() (*jitter.Buffer, jitter.Packet) {
	b := jitter.New(jitter.Config{ClockRateHz: 8000})
	for i := range 10 {
		b.Put(packet(uint16(i), time.Duration(i)*20*ms))
		next(b, epoch.Add(time.Duration(i)*20*ms+5*ms))
	}
	b.Absent(10)
	p := packet(11, 220*ms)
	p.Timestamp = 3 * 160
	return b, p
}

// TestSoundFromBeforeAPressIsLate: behind packets without audio the order of timestamps is not known, so sound may come
// with a new number and the time of what was played already.
func TestSoundFromBeforeAPressIsLate(t *testing.T) {
	b, p := afterAPress()
	if got := b.Put(p); got != jitter.Late {
		t.Errorf("verdict %d of a packet from before the press, want late", got)
	}
	if got := b.Put(packet(12, 240*ms)); got != jitter.Stored {
		t.Errorf("verdict %d of the packet after it, want stored", got)
	}
}
