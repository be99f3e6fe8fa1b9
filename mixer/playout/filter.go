package playout

// Filter changes sound in place.
type Filter interface{ Process(frame []int16) }

// filtering is a filter that a stream may have, and the rate that it is for.
type filtering struct {
	Filter
	rateHz int
}

// Filter puts f behind the decoder, for frames of 20 ms at rateHz: sound at another rate does not go through it. nil takes it
// away. The filter stays its maker's to close.
func (s *Stream) Filter(f Filter, rateHz int) { s.filter = filtering{f, rateHz} }

// process lets the filter have a frame at rateHz.
func (f filtering) process(frame []int16, rateHz int) {
	if f.takes(rateHz) {
		f.Process(frame)
	}
}

// takes says whether there is a filter for sound at rateHz.
func (f filtering) takes(rateHz int) bool { return f.Filter != nil && f.rateHz == rateHz }
