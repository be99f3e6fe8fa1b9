package playout

// settled is how many frames in a row must have been nothing but zeros before a stream rests: one more than the resampler remembers.
const settled = 2

// rest is Pull for a stream of which nothing has come for a while: telephones on hold send nothing for minutes, and there may be hundreds of them. What it returns, and
// what it leaves behind, is what the whole way of the sound would, and ok is false where there is anything to do.
func (s *Stream) rest() (frame []int16, ok bool) {
	if s.still < settled || !s.jitter.Idle() || !s.silent() {
		return nil, false
	}
	s.pace.since++
	s.pace.patience = 0
	clear(s.frame)
	return s.frame, true
}

// silent says that nothing goes on by itself: no sound that fades, no noise, nobody who looks for keys.
func (s *Stream) silent() bool {
	faded := !s.ended.sounding || s.ended.faded >= fadeOutMS*s.format.SampleRateHz/1000
	p := &s.pause
	return faded && len(s.queue) == 0 && s.scrubber == nil && !p.on && p.level <= 0 && len(p.left) == 0
}

// settle notes whether a frame that was pulled was nothing but zeros.
func (s *Stream) settle(sounding bool) {
	if sounding || !isBelow(s.frame, 0) {
		s.still = 0
		return
	}
	s.still = min(s.still+1, settled)
}
