package jitter

import (
	"math/bits"
	"time"
)

const (
	slotCount  = 64 // packets held at most
	chunkCount = 43 // pieces of payload memory, at most 64: 430 ms in pieces of 10, and 3440 bytes of G.711 are a size that the allocator has
	maxPayload = 1500

	// What a store begins with. Most paths never need more: packets of 20 ms wait for one or two others. Both double as they are needed.
	firstSlots  = 16
	firstChunks = 12
)

// slot is a packet in the store. Sequence and timestamp are extended to 64 bits: they do not wrap. It is kept small, 32
// bytes: there are many for each leg.
type slot struct {
	seq, ts int64
	arrival time.Duration // since store.epoch
	samples uint16
	bytes   uint16
	chunk   uint8 // the first of its chunks
	is      uint8 // what holds of it
	below   uint8 // Level.Below
}

// What may hold of a slot.
const (
	isUsed = 1 << iota
	isMarker
	isNoise
	isLevelKnown
	isVoice
)

// that is bit where it holds.
func that(bit uint8, holds bool) uint8 {
	if holds {
		return bit
	}
	return 0
}

func (s *slot) has(bit uint8) bool { return s.is&bit != 0 }

func (s *slot) end() int64 { return s.ts + int64(s.samples) }

// store holds packets by sequence number, within a window of slotCount numbers. A payload lies in neighboring chunks of
// one memory, so that many small packets or a few large ones fit in it, and that it can be lent out as it is.
type store struct {
	slots  []slot // firstSlots to slotCount, a power of two
	memory []byte // firstChunks to chunkCount chunks
	size   int    // of a chunk
	taken  uint64 // bit n: chunk n is in use
	count  int
	low    int64 // no packet is stored below
	high   int64 // nor above
	epoch  time.Time
}

func (s *store) init(chunkBytes int) {
	s.size = chunkBytes
	s.slots, s.memory = make([]slot, firstSlots), make([]byte, firstChunks*chunkBytes)
}

// at is where the packet of that number is, if it is stored.
func (s *store) at(seq int64) *slot { return &s.slots[seq&int64(len(s.slots)-1)] }

// grow makes room for a packet of that number and size, if there is not enough. What payload has returned stays as it is.
func (s *store) grow(seq int64, chunk, bytes int) {
	if s.count > 0 {
		for span := max(seq, s.back().seq) - min(seq, s.front().seq); span >= int64(len(s.slots)); {
			old := s.slots
			s.slots = make([]slot, 2*len(old))
			for _, sl := range old {
				if sl.has(isUsed) {
					*s.at(sl.seq) = sl
				}
			}
		}
	}
	if need := chunk*s.size + bytes; need > len(s.memory) {
		memory := make([]byte, min(max(2*len(s.memory), need), chunkCount*s.size))
		copy(memory, s.memory)
		s.memory = memory
	}
}

// run is the bits of the chunks from the first on that a payload needs.
func (s *store) run(bytes int) uint64 { return 1<<((bytes+s.size-1)/s.size) - 1 }

// room finds chunks for a payload of that size.
func (s *store) room(bytes int) (first int, ok bool) {
	need := s.run(bytes)
	for first <= chunkCount-bits.Len64(need) {
		clash := s.taken >> first & need
		if clash == 0 {
			return first, true
		}
		first += bits.Len64(clash)
	}
	return 0, false
}

// get returns the packet of that number, or nil.
func (s *store) get(seq int64) *slot {
	if sl := s.at(seq); sl.has(isUsed) && sl.seq == seq {
		return sl
	}
	return nil
}

// front returns the packet with the lowest number, or nil.
func (s *store) front() *slot {
	if s.count == 0 {
		return nil
	}
	for ; ; s.low++ {
		if sl := s.get(s.low); sl != nil {
			return sl
		}
	}
}

// back returns the packet with the highest number, or nil.
func (s *store) back() *slot {
	if s.count == 0 {
		return nil
	}
	for ; ; s.high-- {
		if sl := s.get(s.high); sl != nil {
			return sl
		}
	}
}

// put stores a packet in chunks that room has found. Its slot must be free.
func (s *store) put(seq, ts int64, p *Packet, chunk int) {
	s.grow(seq, chunk, len(p.Payload))
	*s.at(seq) = slot{
		seq: seq, ts: ts, arrival: p.Arrival.Sub(s.epoch), samples: uint16(p.Samples), bytes: uint16(len(p.Payload)),
		chunk: uint8(chunk), below: p.Level.Below,
		is: isUsed | that(isMarker, p.Marker) | that(isNoise, p.Noise) | that(isLevelKnown, p.Level.Known) | that(isVoice, p.Level.Voice),
	}
	if s.count == 0 {
		s.low, s.high = seq, seq
	}
	s.low, s.high = min(s.low, seq), max(s.high, seq)
	s.count++
	s.taken |= s.run(len(p.Payload)) << chunk
	copy(s.memory[chunk*s.size:], p.Payload)
}

// take hands a packet out and forgets it. The payload is valid until the next put.
func (s *store) take(sl *slot) Packet {
	p := Packet{
		Sequence: uint16(sl.seq), Timestamp: uint32(sl.ts), Samples: int(sl.samples), Marker: sl.has(isMarker),
		Arrival: s.epoch.Add(sl.arrival), Payload: s.payload(sl), Noise: sl.has(isNoise),
		Level: Level{Known: sl.has(isLevelKnown), Voice: sl.has(isVoice), Below: sl.below},
	}
	s.drop(sl)
	return p
}

// payload is a packet's, valid until the next put.
func (s *store) payload(sl *slot) []byte {
	from := int(sl.chunk) * s.size
	return s.memory[from : from+int(sl.bytes) : from+int(sl.bytes)]
}

// drop forgets a packet.
func (s *store) drop(sl *slot) {
	s.taken &^= s.run(int(sl.bytes)) << sl.chunk
	sl.is = 0
	s.count--
}
