package playout

import "github.com/confbridge/confbridge/mixer/jitter"

// Times in milliseconds.
const (
	fadeOutMS = 60 // in which a decoder's concealment fades to silence
	joinMS    = 5  // in which sound takes over from what stood for it
)

// fill fetches until the queue has a frame of need samples.
func (s *Stream) fill(need int) {
	for len(s.queue) < need {
		s.fetch()
	}
}

// fetch appends the next packet's sound, or what stands for it, to the queue.
func (s *Stream) fetch() {
	start, sp := len(s.queue), &s.spare
	sp.blank = false
	p, outcome := s.jitter.Next(s.queued())
	switch {
	case outcome == jitter.Play && p.Noise:
		s.announced(p)
	case outcome == jitter.Play:
		s.play(p)
	case outcome == jitter.Lost:
		s.wake()
		s.conceal(p)
	default:
		s.wake()
		s.fadeOut(s.grow(p.Samples))
	}
	if s.scrubber != nil {
		s.scrubber.Process(s.queue[start:])
		sp.blank = false
	}
	if fetched := len(s.queue) - start; sp.blank {
		sp.zeros += fetched
	} else if fetched > 0 {
		sp.zeros = 0
	}
}

// grow appends samples clock units to the queue and returns them. It is at least one sample, or a tick would have no end.
func (s *Stream) grow(samples int) []int16 {
	n := samples * s.format.SampleRateHz / s.format.ClockRateHz
	start := len(s.queue)
	s.queue = s.queue[:start+min(max(n, 1), cap(s.queue)-start)]
	return s.queue[start:]
}

// play puts p's sound onto the queue, or conceals what it should have been.
func (s *Stream) play(p jitter.Packet) {
	if !s.passOver(&p) && !s.decode(&p) {
		p.Payload = nil
		s.conceal(p)
		return
	}
	if s.repair != nil {
		s.jitter.Repairs(s.ended.carries(s.repair.Carries(p.Payload)))
	}
	if s.ended.faded > 0 && s.broke(&p) {
		s.pause.breaks = true
	}
	s.ended.heard()
	s.ended.sequence, s.ended.timestamp = p.Sequence+1, p.Timestamp+uint32(p.Samples)
}

// decode decodes p onto the queue, and says whether it could.
func (s *Stream) decode(p *jitter.Packet) bool {
	s.wake()
	s.spare.out = false
	start := len(s.queue)
	n, err := s.decoder.Decode(s.queue[start:cap(s.queue)], p.Payload)
	if err != nil || n == 0 {
		return false
	}
	s.queue = s.queue[:start+n]
	s.decoded(p, s.queue[start:])
	s.pause.end(s.queue[start:])
	return true
}

// conceal puts in what was lost, out of the packet after it, or made-up sound.
func (s *Stream) conceal(p jitter.Packet) {
	dst := s.grow(p.Samples)
	d := s.duration(len(dst))
	if s.repair != nil && len(p.Payload) > 0 && s.repair.Recover(dst, p.Payload) {
		s.recovered += d
		s.pause.end(dst)
		s.ended.heard()
		return
	}
	s.concealed += d
	s.fadeOut(dst)
}

// fadeOut goes on with what was heard last, quieter and quieter, and comfort noise comes up in its place.
func (s *Stream) fadeOut(dst []int16) {
	s.spare.out = false
	if s.pause.parting(dst) {
		return
	}
	n, held := 0, false
	if s.ended.sounding {
		if s.ended.faded == 0 {
			s.overhear()
		}
		held = s.ended.faded < holdMS*s.format.SampleRateHz/1000
		n = min(len(dst), fadeOutMS*s.format.SampleRateHz/1000-s.ended.faded)
		s.decoder.Conceal(dst[:n])
		s.ended.faded += n
	}
	clear(dst[n:])
	switch {
	case held:
	case s.spare.allowed:
		s.spare.out = s.pause.withhold(len(dst))
	default:
		s.pause.add(dst, n == 0)
	}
	s.spare.blank = n == 0 && s.pause.level <= 0
}

// ended is where the sound of the decoder is.
type ended struct {
	faded     int    // samples of concealment since it has sounded
	copies    int    // packets until it is no longer believed that they carry copies of those before them
	timestamp uint32 // of what comes next, if there is no break before it
	sequence  uint16 // and its number
	sounding  bool   // it has sounded at all
}

// carriesFor is for how many packets one that carries a copy speaks: not all of them do, only those with sound.
const carriesFor = 100

func (e *ended) heard() { e.sounding, e.faded = true, 0 }

// broke says whether the sender has made a break before p: time is missing, and no packet.
func (s *Stream) broke(p *jitter.Packet) bool {
	ahead := int32(p.Timestamp - s.ended.timestamp)
	return p.Sequence == s.ended.sequence && int(ahead) > breakMS*s.format.ClockRateHz/1000
}

// carries notes whether a packet has a copy of the one before it, and says whether that can be expected of the next.
func (e *ended) carries(copied bool) bool {
	if e.copies = max(e.copies-1, 0); copied {
		e.copies = carriesFor
	}
	return e.copies > 0
}
