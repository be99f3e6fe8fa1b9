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
	// Empty: nobody is sending. Play silence to the end of this tick and ask again in the next; Packet is zero.
	Empty Outcome = iota
	// Play the packet.
	Play
	// Lost: conceal Packet.Samples clock units, at most 20 ms. The packet has not come, or time is being stretched;
	// the other fields of Packet are zero.
	Lost
	// Merge: cross-fade this packet into the one that the next call of Next, made at once, returns as Play. Both are
	// of the same length and together last as long as one: that is how time is cut out without a click.
	Merge
)
