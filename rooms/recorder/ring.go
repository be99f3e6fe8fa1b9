package recorder

import "sync/atomic"

// entry is one piece of sound in the ring: 20 ms of the mix, or of one voice. All pieces of a tick follow each other, the mix first.
type entry struct {
	tick   uint64 // place in the recording, in frames from its start
	id     string // of the participant; empty: the mix
	rateHz int
	from   uint64 // its first sample; the ring has it at from modulo its length
	length int    // samples; 0: silence
}

// ring is a bounded queue between one goroutine that puts and one that takes. Neither waits, locks or allocates. A tick goes in as a whole
// or not at all.
type ring struct {
	entries []entry // lengths are powers of two
	samples []int16

	head, tail  atomic.Uint64 // of entries: put up to head, taken up to tail
	samplesTail atomic.Uint64

	next, nextSample uint64 // the putter's: what commit makes head; of samples
	heldSample       uint64 // nextSample at the last commit
	freeTo           uint64 // what is before this sample is taken
}

func newRing(entries, samples int) *ring {
	return &ring{entries: make([]entry, entries), samples: make([]int16, samples)}
}

// begin starts a tick; one that was not committed is forgotten. Where all is taken the sound goes to the beginning again, so that no more memory is used than what comes
// between two turns of the writer: the rest is never touched.
func (r *ring) begin() {
	r.next = r.head.Load()
	length := uint64(len(r.samples))
	if r.tail.Load() == r.next && r.heldSample%length != 0 {
		r.heldSample += length - r.heldSample%length
		r.freeTo = r.heldSample
	}
	r.nextSample = r.heldSample
}

// put adds a piece to the tick; false says that it does not fit.
func (r *ring) put(tick uint64, id string, rateHz int, pcm []int16) bool {
	if r.next-r.tail.Load() >= uint64(len(r.entries)) ||
		r.nextSample+uint64(len(pcm))-max(r.samplesTail.Load(), r.freeTo) > uint64(len(r.samples)) {
		return false
	}
	at := int(r.nextSample % uint64(len(r.samples)))
	n := copy(r.samples[at:], pcm)
	copy(r.samples, pcm[n:])
	r.entries[r.next%uint64(len(r.entries))] = entry{tick: tick, id: id, rateHz: rateHz, from: r.nextSample, length: len(pcm)}
	r.next++
	r.nextSample += uint64(len(pcm))
	return true
}

// commit hands the tick over.
func (r *ring) commit() {
	r.heldSample = r.nextSample
	r.head.Store(r.next)
}

// take takes the oldest piece out; its sound is copied to pcm. False: there is none.
func (r *ring) take(pcm []int16) (entry, []int16, bool) {
	tail := r.tail.Load()
	if tail == r.head.Load() {
		return entry{}, nil, false
	}
	e := r.entries[tail%uint64(len(r.entries))]
	pcm = pcm[:e.length]
	at := int(e.from % uint64(len(r.samples)))
	n := copy(pcm, r.samples[at:])
	copy(pcm[n:], r.samples)
	r.samplesTail.Store(e.from + uint64(e.length))
	r.tail.Store(tail + 1)
	return e, pcm, true
}
