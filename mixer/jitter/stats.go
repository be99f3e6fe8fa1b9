package jitter

import "time"

// Stats is how it went so far. Counts are in packets and survive Reset.
type Stats struct {
	Lost      uint64 // never came
	Late      uint64 // came after their turn
	Duplicate uint64 // came again
	Overflow  uint64 // thrown out because more than Config.Max was held, or the stream jumped
	Restarts  uint64 // jumps of the stream that a second packet confirmed: the sender began anew

	Delay    time.Duration // from arrival to being heard, of the packets played lately
	MaxDelay time.Duration // the greatest of the last five to ten seconds of sound
}
