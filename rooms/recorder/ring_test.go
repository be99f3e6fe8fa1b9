package recorder

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever is put and taken in whichever order, what is taken is what was put, in its order, and a ring that is empty takes as much as fits into it.
func TestARingGivesWhatWasPut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const samples = 64
		r := newRing(8, samples)
		type piece struct {
			tick  uint64
			value int16
			n     int
		}
		var inside []piece
		tick := uint64(0)
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			tick++
			if rapid.Bool().Draw(rt, "put") {
				n := rapid.IntRange(0, samples).Draw(rt, "samples")
				pcm := make([]int16, n)
				for i := range pcm {
					pcm[i] = int16(tick)
				}
				r.begin()
				fits := r.put(tick, "", 8000, pcm)
				if fits && rapid.Bool().Draw(rt, "commit") {
					r.commit()
					inside = append(inside, piece{tick, int16(tick), n})
				}
				if !fits && len(inside) == 0 {
					rt.Fatalf("%d samples do not fit into an empty ring of %d", n, samples)
				}
				continue
			}
			e, pcm, ok := r.take(make([]int16, samples))
			if ok != (len(inside) > 0) {
				rt.Fatalf("taken: %v, with %d pieces inside", ok, len(inside))
			}
			if !ok {
				continue
			}
			want := inside[0]
			inside = inside[1:]
			if e.tick != want.tick || len(pcm) != want.n {
				rt.Fatalf("got tick %d with %d samples, want %+v", e.tick, len(pcm), want)
			}
			for _, v := range pcm {
				if v != want.value {
					rt.Fatalf("tick %d: got sample %d, want %d", e.tick, v, want.value)
				}
			}
		}
	})
}

// A recording that its writer keeps up with touches no more memory than what comes between two turns.
func TestAnEmptyRingBeginsAnew(t *testing.T) {
	r := newRing(mixEntries, mixSamples)
	pcm := tone(8000, 440, 8000, 1)
	for turn := range 20 {
		for range 25 {
			r.begin()
			if !r.put(uint64(turn), "", 8000, pcm) {
				t.Fatal("the ring is full")
			}
			r.commit()
		}
		for _, _, ok := r.take(make([]int16, len(pcm))); ok; _, _, ok = r.take(make([]int16, len(pcm))) {
			continue
		}
	}
	if at := loud(r.samples[25*len(pcm):], 1); at >= 0 {
		t.Errorf("sample %d was used, of %d that come between two turns", 25*len(pcm)+at, 25*len(pcm))
	}
}
