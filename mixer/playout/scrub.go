package playout

// Scrubber takes out of the decoded sound, in place, what is not to be heard. It gets all that a stream plays, pauses and concealment too,
// in pieces of any length, before time is stretched or cut.
type Scrubber interface {
	// Retune says that what follows is at another rate.
	Retune(rateHz int)
	Process(pcm []int16)
}

// Scrub puts c behind the decoder; nil takes it away.
func (s *Stream) Scrub(c Scrubber) {
	s.scrubber = c
	s.retuneScrubber()
}

func (s *Stream) retuneScrubber() {
	if s.scrubber != nil && s.format.SampleRateHz != 0 {
		s.scrubber.Retune(s.format.SampleRateHz)
	}
}
