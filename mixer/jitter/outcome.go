package jitter

// Verdict is what became of a packet that was put in.
type Verdict uint8

// The verdicts.
const (
	// Stored packets will come out of Next, unless an Overflow or a jump of the stream throws them out first.
	Stored Verdict = iota
	// Duplicate packets have been put in before.
	Duplicate
	// Late packets came after their turn.
	Late
	// Overflow says that more than Config.Max was held: the oldest were thrown out to make room, this one among them
	// if it was the oldest.
	Overflow
	// Invalid packets do not fit: too large, too long, or so far from the rest of the stream that they are believed
	// only when a second one follows (RFC 3550 §A.1); that second one is stored.
	Invalid
)

// Outcome is what to do in the next stretch of time.
type Outcome uint8

// The outcomes.
const (
	// Empty: nobody is sending. Play silence, or comfort noise, for Packet.Samples clock units.
	Empty Outcome = iota
	// Play the packet. One of comfort noise lasts for no time; it says what the Empty ones that follow sound like.
	Play
	// Lost: conceal Packet.Samples clock units. The packet has not come, or time is being stretched. Where Payload is not
	// empty it is that of the packet that follows at once, out of which what was lost can perhaps be recovered; it stays
	// in the buffer. The other fields of Packet are zero.
	Lost
)
