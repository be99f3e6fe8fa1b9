package sap

import "time"

// The rule for the pace of announcements (RFC 2974 §3.1).
const (
	// limitBitsPerSecond is what all announcements of a scope together take.
	limitBitsPerSecond = 4000
	// LeastInterval is the least time between two announcements of one session, where nobody has set another.
	LeastInterval = 300 * time.Second
)

// interval is the time from one announcement to the next, before chance has its say: as many of that size as there are in the scope must fit
// into the limit.
func interval(announcements, size int, least time.Duration) time.Duration {
	return max(least, time.Duration(announcements)*airtime(size))
}

// airtime is what one packet takes of the scope's limit.
func airtime(size int) time.Duration {
	return time.Duration(8*size) * time.Second / limitBitsPerSecond
}

// spread takes an interval to anything between two thirds and four thirds of it, by a number from 0 to 1, so that announcers do not fall into
// step.
func spread(d time.Duration, chance float64) time.Duration {
	return d - d/3 + time.Duration(chance*float64(2*d/3))
}
