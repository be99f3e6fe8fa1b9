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
	p, outcome := s.jitter.Next(s.queued())
	switch {
	case outcome == jitter.Play && p.Noise:
		s.pause.describe(p.Payload)
	case outcome == jitter.Play:
		s.play(p)
	case outcome == jitter.Lost:
		s.conceal(p)
	default:
		s.silence(s.grow(p.Samples))
	}
}

// grow appends samples clock units to the queue and returns them. It is at least one sample, or a tick would have no end.
func (s *Stream) grow(samples int) []int16 {
	n := samples * s.format.SampleRateHz / s.format.ClockRateHz
	start := len(s.queue)
	s.queue = s.queue[:start+min(max(n, 1), cap(s.queue)-start)]
	return s.queue[start:]
}

// play decodes p onto the queue, or conceals what it should have been.
func (s *Stream) play(p jitter.Packet) {
	start := len(s.queue)
	n, err := s.decoder.Decode(s.queue[start:cap(s.queue)], p.Payload)
	if err != nil || n == 0 {
		p.Payload = nil
		s.conceal(p)
		return
	}
	s.queue = s.queue[:start+n]
	if s.repair != nil {
		s.jitter.Repairs(s.ended.carries(s.repair.Carries(p.Payload)))
	}
	s.pause.end(s.queue[start:])
	s.ended.heard()
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

// silence fills dst where nobody is sending: what was heard last fades out, and comfort noise comes up in its place.
func (s *Stream) silence(dst []int16) {
	s.fadeOut(dst)
	s.pause.add(dst)
}

// fadeOut goes on with what was heard last, quieter and quieter.
func (s *Stream) fadeOut(dst []int16) {
	if s.pause.parting(dst) {
		return
	}
	n := 0
	if s.ended.sounding {
		n = min(len(dst), fadeOutMS*s.format.SampleRateHz/1000-s.ended.faded)
		s.decoder.Conceal(dst[:n])
		s.ended.faded += n
	}
	clear(dst[n:])
}

// ended is where the sound of the decoder is.
type ended struct {
	sounding bool // it has sounded at all
	faded    int  // samples of concealment since then
	copies   int  // packets until it is no longer believed that they carry copies of those before them
}

// carriesFor is for how many packets one that carries a copy speaks: not all of them do, only those with sound.
const carriesFor = 100

func (e *ended) heard() { e.sounding, e.faded = true, 0 }

// carries notes whether a packet has a copy of the one before it, and says whether that can be expected of the next.
func (e *ended) carries(copied bool) bool {
	if e.copies = max(e.copies-1, 0); copied {
		e.copies = carriesFor
	}
	return e.copies > 0
}
