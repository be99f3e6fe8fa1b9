package jitter

import "time"

const (
	slotCount  = 64 // packets held at most, and how far back duplicates are known
	chunkBytes = 128
	maxPayload = 1500
)

// slot is a packet in the store. Sequence and timestamp are extended to 64 bits: they do not wrap.
type slot struct {
	seq, ts int64
	arrival time.Time
	samples int32
	bytes   int16
	chunk   int16 // the first of its chunks, or -1
	marker  bool
	used    bool
}

func (s *slot) end() int64 { return s.ts + int64(s.samples) }

type chunk struct {
	data [chunkBytes]byte
	next int16 // -1: the last
}

// store holds packets by sequence number, within a window of slotCount numbers. Payloads lie in chained chunks of one
// array, so that many small packets or a few large ones fit in the same memory.
type store struct {
	slots  [slotCount]slot
	chunks []chunk
	free   int16 // the first free chunk, or -1
	freed  int   // how many are free
	count  int
	low    int64 // no packet is stored below
	high   int64 // nor above
	out    [maxPayload]byte
}

func (s *store) init(bytes int) {
	s.chunks = make([]chunk, bytes/chunkBytes)
	for i := range s.chunks {
		s.chunks[i].next = int16(i) - 1
	}
	s.freed = len(s.chunks)
	s.free = int16(s.freed) - 1
}

func chunksFor(bytes int) int { return (bytes + chunkBytes - 1) / chunkBytes }

// get returns the packet of that number, or nil.
func (s *store) get(seq int64) *slot {
	if sl := &s.slots[seq&(slotCount-1)]; sl.used && sl.seq == seq {
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

// put stores a packet. Its slot and chunksFor(len(p.Payload)) chunks must be free.
func (s *store) put(seq, ts int64, p *Packet) {
	sl := &s.slots[seq&(slotCount-1)]
	*sl = slot{
		seq: seq, ts: ts, arrival: p.Arrival, samples: int32(p.Samples), bytes: int16(len(p.Payload)),
		chunk: -1, marker: p.Marker, used: true,
	}
	if s.count == 0 {
		s.low, s.high = seq, seq
	}
	s.low, s.high = min(s.low, seq), max(s.high, seq)
	s.count++
	link := &sl.chunk
	for rest := p.Payload; len(rest) > 0; {
		c := &s.chunks[s.free]
		*link, s.free = s.free, c.next
		s.freed--
		rest = rest[copy(c.data[:], rest):]
		c.next = -1
		link = &c.next
	}
}

// take copies a packet out and forgets it. The payload is valid until the next take.
func (s *store) take(sl *slot) Packet {
	p := Packet{
		Sequence: uint16(sl.seq), Timestamp: uint32(sl.ts), Samples: int(sl.samples), Marker: sl.marker,
		Arrival: sl.arrival, Payload: s.out[:sl.bytes],
	}
	for rest, i := p.Payload, sl.chunk; i >= 0; i = s.chunks[i].next {
		rest = rest[copy(rest, s.chunks[i].data[:]):]
	}
	s.drop(sl)
	return p
}

// drop forgets a packet.
func (s *store) drop(sl *slot) {
	for i := sl.chunk; i >= 0; {
		next := s.chunks[i].next
		s.chunks[i].next, s.free = s.free, i
		s.freed++
		i = next
	}
	sl.used = false
	s.count--
}
