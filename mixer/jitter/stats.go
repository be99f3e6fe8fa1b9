package jitter

import "time"

// Stats is how it went so far. Counts are in packets and survive Reset.
type Stats struct {
	Lost      uint64 // never came
	Late      uint64 // came after their turn
	Duplicate uint64 // came again
	Overflow  uint64 // thrown out because more than Config.Max was held, or the stream jumped
	Restarts  uint64 // jumps of the stream that a second packet confirmed: the sender began anew
	Inserted  uint64 // concealed to stretch time: the delay grew by them
	Cut       uint64 // merged away: the delay shrank by them

	Delay  time.Duration // from arrival to playing, of the packets played lately
	Margin time.Duration // what the least of them waited within the window that decides about shrinking
}
