package media

import (
	"errors"
	"testing"
	"time"
)

func TestKeysArePressedInTheirOrderWithThePauseThatIsAskedFor(t *testing.T) {
	for _, pause := range []time.Duration{0, 100 * time.Millisecond, 2 * time.Second} {
		l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
		configure(t, l, p.stream())
		if err := l.PressKeys("1#D", 60*time.Millisecond, pause); err != nil {
			t.Fatal(err)
		}
		want := max(pause, keyPause)
		var keys []byte
		var begun, ended uint32 // timestamps of the last key
		for packets, ends := 0, 0; len(keys) < 3 || ends < endPackets; packets++ {
			if packets == 500 {
				t.Fatalf("keys %v, want three", keys)
			}
			now := l.sender.next
			l.Send(start, []byte{1}, 160)
			got := p.readRTP()
			if got.PayloadType != 96 {
				continue // sound in the pause
			}
			if got.Marker {
				keys, ends, begun = append(keys, digits[got.Payload[0]]), 0, got.Timestamp
				if silence := time.Duration(begun-ended) * time.Second / 8000; ended != 0 && (silence < want || silence > want+2*tick) {
					t.Errorf("%v between keys, want %v", silence, want)
				}
			}
			if got.Timestamp != begun {
				t.Errorf("a packet of key %c has timestamp %d, want %d", keys[len(keys)-1], got.Timestamp, begun)
			}
			if got.Payload[1]&endBit != 0 {
				ends, ended = ends+1, now+160
			}
		}
		if string(keys) != "1#D" {
			t.Errorf("got keys %q, want 1#D", keys)
		}
	}
}

func TestKeysAreQueuedAllOrNone(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	if err := l.PressKeys("12x", 0, 0); !errors.Is(err, ErrInvalid) || l.keys.n != 0 {
		t.Errorf("got %v and %d keys, want ErrInvalid and none", err, l.keys.n)
	}
	if err := l.PressKeys("0123456789", 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := l.PressKeys("01234567890123456789ABC", 0, 0); !errors.Is(err, ErrKeyQueue) || l.keys.n != 10 {
		t.Errorf("got %v and %d keys, want ErrKeyQueue and 10", err, l.keys.n)
	}
	without := l.stream
	without.Events = nil
	configure(t, l, without)
	if err := l.PressKeys("1", 0, 0); !errors.Is(err, ErrNoEvents) {
		t.Errorf("got %v, want ErrNoEvents", err)
	}
	l.closed = true
	if err := l.PressKeys("1", 0, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestSendingKeysDoesNotAllocate(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	payload := make([]byte, 160)
	if n := testing.AllocsPerRun(500, func() {
		if !l.keys.active() {
			if err := l.PressKeys("159D", 0, 0); err != nil {
				t.Fatal(err)
			}
		}
		l.Send(start, payload, 160)
	}); n != 0 {
		t.Errorf("got %v allocations a packet, want none", n)
	}
}
