package codec

import "fmt"

// Bounds of Effort. No bitrate within them makes another way of encoding the better one (decision 0017), so that it can change in the middle of a stream.
const (
	MinEffortBitrateBps = 24000
	MaxEffortBitrateBps = 256000
	MaxComplexity       = 10
	// DefaultComplexity is what Effort.Complexity 0 means, where OpusSettings does not say Thrifty.
	DefaultComplexity = 5
)

// Effort is what an encoder of Opus spends: the time of the processor and bits. The zero value is the usual.
type Effort struct {
	Complexity int // 1 to MaxComplexity; 0 means DefaultComplexity, or what OpusSettings.Thrifty says
	// BitrateBps is what is sent, MinEffortBitrateBps to MaxEffortBitrateBps, as far as the receiver takes it; 0 means the usual of the band (decision 0005). Packets
	// with copies for repair keep the usual at least, below which libopus makes none, and frames of 10 ms get 16,000 more.
	BitrateBps int
}

// Valid says whether an encoder can be set so: nil, or ErrFormat and what is wrong with it.
func (e Effort) Valid() error {
	if e.Complexity < 0 || e.Complexity > MaxComplexity {
		return fmt.Errorf("%w: Opus with complexity %d", ErrFormat, e.Complexity)
	}
	if e.BitrateBps != 0 && (e.BitrateBps < MinEffortBitrateBps || e.BitrateBps > MaxEffortBitrateBps) {
		return fmt.Errorf("%w: Opus at %d bit/s for a room", ErrFormat, e.BitrateBps)
	}
	return nil
}

// ComplexityOr is Complexity, or another one where that is 0.
func (e Effort) ComplexityOr(otherwise int) int {
	if e.Complexity == 0 {
		return otherwise
	}
	return e.Complexity
}

// Or is e, with what it does not say taken from another one.
func (e Effort) Or(o Effort) Effort {
	if e.BitrateBps == 0 {
		e.BitrateBps = o.BitrateBps
	}
	e.Complexity = e.ComplexityOr(o.Complexity)
	return e
}
