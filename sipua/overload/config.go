package overload

import (
	"cmp"
	"net/netip"
	"time"
)

// Config is how a Gate behaves. The zero value works, and lets one address, which may be that of a whole carrier, place 500 calls a
// second.
type Config struct {
	// Rate is how many requests outside of dialogs a source may send a second (1000); negative: any number.
	Rate int
	// Burst is how many of them may come at once (twice Rate).
	Burst int
	// AnswerRate is how many refusals a source is told of a second (5000); those beyond are dropped without an answer.
	AnswerRate int
	// MaxHalfOpen bounds the INVITEs that have had no ACK, of all sources (4096); MaxHalfOpenPerSource those of one (1024).
	// Negative: any number.
	MaxHalfOpen, MaxHalfOpenPerSource int
	// Sources is how many sources are told apart at once (4096).
	Sources int
	// RetryAfter is when a refused source should try again at the earliest (10 s).
	RetryAfter time.Duration
	// Setups is how many calls are set up at once (two a processor); the others wait for their turn.
	Setups int
	// Late returns how often the mixer has been late until now; it is asked at most every 100 ms, must be quick and safe
	// for concurrent use. As long as it grows, or setups wait for their turn, and not for a moment only, fewer and fewer INVITEs are taken, but always 50 a
	// second, also at once, unless as many wait for their turn.
	// nil: the mixer is never late.
	Late func() uint64
	// Exempt says whether a source has limits elsewhere, as a trunk has: its rate and its half-open calls are not looked at here. It
	// must be quick and safe for concurrent use; nil: nobody is.
	Exempt func(netip.Addr) bool
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Rate = cmp.Or(c.Rate, 1000)
	c.Burst = cmp.Or(c.Burst, 2*max(c.Rate, 1))
	c.AnswerRate = cmp.Or(c.AnswerRate, 5000)
	c.MaxHalfOpen = cmp.Or(c.MaxHalfOpen, 4096)
	c.MaxHalfOpenPerSource = cmp.Or(c.MaxHalfOpenPerSource, 1024)
	c.Sources = cmp.Or(c.Sources, 4096)
	c.RetryAfter = cmp.Or(c.RetryAfter, 10*time.Second)
	return c
}
