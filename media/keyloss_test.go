package media

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"
)

// dialled is a telephone that presses keys of 50 ms, 50 ms apart, and sends a packet every step: where it has none of a key
// left, sound.
type dialled struct {
	step time.Duration
	// together has all three end packets sent at once, as some telephones do.
	together bool
}

// timed is a packet and when it is sent.
type timed struct {
	at  time.Duration
	b   []byte
	key int // the number of the key that it is of, from 1 on; 0: sound
	end bool
}

// dial makes the packets of n keys, behind some of sound, from sequence number 2 on.
func (d dialled) dial(n int) (all []timed, want []byte) {
	const tone, gap = 50 * time.Millisecond, 50 * time.Millisecond
	seq := uint16(2)
	units := func(t time.Duration) uint32 { return uint32(t * 8 / time.Millisecond) }
	send := func(p timed) {
		all = append(all, p)
		seq++
	}
	sound := func(at time.Duration) {
		send(timed{at: at, b: marshal(rtp.Packet{
			Header:  rtp.Header{Version: 2, SSRC: 7, SequenceNumber: seq, Timestamp: units(at)},
			Payload: make([]byte, units(d.step)),
		})})
	}
	at := time.Duration(0)
	for ; at < 100*time.Millisecond; at += d.step {
		sound(at)
	}
	for i := range n {
		key, start := byte(i*7%16), at
		want = append(want, digits[key])
		for ends := 0; at < start+tone+gap || ends < 3; {
			at += d.step
			held := min(at-start, tone)
			if ends == 3 {
				sound(at - d.step)
				continue
			}
			for range 3 {
				if held == tone {
					ends++
				}
				first := at == start+d.step && ends <= 1
				b := dtmf{seq, units(start), key, held == tone, uint16(units(held)), first}.bytes()
				send(timed{at, b, 1 + i, held == tone})
				if !d.together || ends == 0 || ends == 3 {
					break
				}
			}
		}
	}
	for range 20 {
		sound(at)
		at += d.step
	}
	return all, want
}

// impair loses 5 % of the packets, sends 5 % twice, and has 5 % overtaken by one or two others.
func impair(all []timed, r *rand.Rand) []timed {
	out := make([]timed, 0, len(all))
	for _, p := range all {
		if r.Float64() < .05 {
			continue
		}
		out = append(out, p)
		if r.Float64() < .05 {
			out = append(out, p)
		}
	}
	for i := range out {
		if r.Float64() < .05 {
			for j := i; j < min(i+1+r.IntN(2), len(out)-1); j++ {
				out[j], out[j+1] = out[j+1], out[j]
				out[j].at, out[j+1].at = out[j+1].at, out[j].at
			}
		}
	}
	return out
}

// tellable leaves out the keys of which nothing came before the end of a later one: they could be told out of order alone.
func tellable(all []timed, pressed []byte) (want []byte) {
	came, ended := make([]bool, 1+len(pressed)), 0
	for _, p := range all {
		came[p.key] = came[p.key] || p.key > ended
		if p.end {
			ended = max(ended, p.key)
		}
	}
	for i, key := range pressed {
		if came[1+i] {
			want = append(want, key)
		}
	}
	return want
}

// TestTwoHundredKeysThroughLoss has short keys come in over a bad network: each is to be told once, and in order. Of the three
// packets that a key of 50 ms has at 60 ms a packet, all can be lost.
func TestTwoHundredKeysThroughLoss(t *testing.T) {
	for _, d := range []dialled{
		{10 * time.Millisecond, false},
		{20 * time.Millisecond, false},
		{20 * time.Millisecond, true},
		{30 * time.Millisecond, false},
		{40 * time.Millisecond, false},
		{60 * time.Millisecond, false},
	} {
		t.Run(fmt.Sprintf("%v, ends together %v", d.step, d.together), func(t *testing.T) {
			all, pressed := d.dial(200)
			for seed := range uint64(20) {
				s := newScene(t)
				s.rtp(signalledAddr, 7, 0, 2)
				begin := s.now
				sent := impair(all, rand.New(rand.NewPCG(seed, 1)))
				want := tellable(sent, pressed)
				if len(want) < 200 && (d.step <= 20*time.Millisecond || len(want) < 198) {
					t.Fatalf("seed %d: only %d keys came", seed, len(want))
				}
				for _, p := range sent {
					for s.now.Before(begin.Add(p.at)) {
						s.wait(tick)
					}
					s.l.inject(p.b, signalledAddr, s.now, &s.ear)
				}
				s.wait(eventLost)
				var got []byte
				for _, k := range s.ear.keys {
					got = append(got, k.Digit)
					if k.Held <= 0 || k.Held > 50*time.Millisecond {
						t.Errorf("seed %d: a key was held for %v, none longer than 50ms", seed, k.Held)
					}
				}
				if string(got) != string(want) {
					t.Errorf("seed %d: %d keys of %d\n%s", seed, len(got), len(want), cmp.Diff(string(want), string(got)))
				}
			}
		})
	}
}
