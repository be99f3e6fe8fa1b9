package playout

import "time"

// Stats is what became of a stream's packets since it was made.
type Stats struct {
	PacketsReceived  uint64
	PacketsLost      uint64        // never came
	PacketsLate      uint64        // came after their turn
	PacketsDiscarded uint64        // came, and were thrown out because too many waited
	PacketsPassed    uint64        // came in time, and were not decoded: they are silent, or nobody would have heard them
	Concealed        time.Duration // sound made up in place of what was missing, but for what was recovered
	Recovered        time.Duration // sound that was lost and came a second time in another packet (in-band FEC)
	Stretched        time.Duration // put in so that what is late comes in time
	Cut              time.Duration // taken out so that the delay comes down
	BufferDelay      time.Duration // from a packet's arrival to its being heard, now
	BufferMax        time.Duration // the most that it was in the last five to ten seconds of sound
	BufferLimit      time.Duration // the most that it can be
}

// Stats sums what all buffers since the join have seen.
func (s *Stream) Stats() Stats {
	now := s.jitter.Stats()
	return Stats{
		PacketsReceived: s.received, PacketsLost: s.past.Lost + now.Lost, PacketsLate: s.past.Late + now.Late,
		PacketsDiscarded: s.past.Overflow + now.Overflow, PacketsPassed: s.spare.count,
		Concealed: s.concealed, Recovered: s.recovered, Stretched: s.stretched, Cut: s.cut,
		BufferDelay: now.Delay, BufferMax: now.MaxDelay, BufferLimit: bufferLimit,
	}
}
