// Package playout turns one leg's packets into frames of sound: jitter buffer, decoder with concealment, resampler. A
// room pulls each of its members through one, and so does a telephone that wants to hear. It is pure, as package mixer
// is: the caller says what time it is.
package playout

import (
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// Stream is the way of the sound from packets to frames. One goroutine owns it. After Prepare and Tune, Put and Pull
// allocate nothing.
//
//	packets -> jitter -> decode or conceal -> queue (codec's rate) -> resample -> frame (the rate wanted)
type Stream struct {
	format  codec.Format
	decoder codec.Decoder
	jitter  *jitter.Buffer

	queue []int16 // decoded and not yet played, at format.SampleRateHz; cap is the longest packet and a frame

	filter    filtering
	resampler mixer.Resampler
	rateHz    int     // of frame
	frame     []int16 // this tick's 20 ms

	received           uint64
	pastLost, pastLate uint64 // in the buffers before this one
	concealed          time.Duration
}

// Stats is what became of a stream's packets since it was made.
type Stats struct {
	PacketsReceived uint64
	PacketsLost     uint64        // never came
	PacketsLate     uint64        // came after their turn
	Concealed       time.Duration // sound made up in place of what was missing
	BufferDelay     time.Duration // what the jitter buffer adds now
}

// Prepare makes what is needed to receive f, outside the tick.
func (s *Stream) Prepare(f codec.Format) error {
	if s.decoder != nil && s.format == f {
		return nil
	}
	decoder, err := codec.NewDecoder(f)
	if err != nil {
		return err
	}
	if s.jitter != nil {
		past := s.jitter.Stats()
		s.pastLost += past.Lost
		s.pastLate += past.Late
	}
	s.format, s.decoder = f, decoder
	s.jitter = jitter.New(jitter.Config{ClockRateHz: f.ClockRateHz})
	longest := f.SampleRateHz * codec.MaxPacketMilliseconds / 1000
	s.queue = make([]int16, 0, longest+mixer.FrameSamples(f.SampleRateHz))
	return nil
}

// Restart forgets what was buffered: another stream begins. The decoder goes on where the format is the same; its
// first frames then fade in from the old sound instead of from nothing.
func (s *Stream) Restart(f codec.Format) error {
	if f != s.format {
		return s.Prepare(f)
	}
	s.jitter.Reset()
	return nil
}

// Tune sets the rate that frames come out at.
func (s *Stream) Tune(rateHz int) {
	s.resampler.Retune(s.format.SampleRateHz, rateHz)
	s.rateHz = rateHz
	s.frame = resize(s.frame, mixer.FrameSamples(rateHz))
}

// resize returns a slice of n samples, with the memory of s where that is enough.
func resize(s []int16, n int) []int16 {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]int16, n)
}

// Pull takes the next 20 ms, at the rate given to Tune, and says whether there is any sound in them; a silent
// frame's samples are zero or next to it. The frame may be written to and is valid until the next call.
func (s *Stream) Pull(now time.Time) (frame []int16, sounding bool) {
	need := mixer.FrameSamples(s.format.SampleRateHz)
	for len(s.queue) < need {
		s.fetch(now, need)
	}
	sounding = !isSilent(s.queue[:need])
	if !sounding {
		clear(s.queue[:need])
	} else {
		s.filter.process(s.queue[:need], s.format.SampleRateHz)
	}
	s.resampler.Process(s.frame, s.queue[:need])
	s.queue = s.queue[:copy(s.queue, s.queue[need:])]
	return s.frame, sounding || !isSilent(s.frame) // the filter's tail
}

// fetch appends the next packet's sound, or what stands for it, to the queue.
func (s *Stream) fetch(now time.Time, need int) {
	p, outcome := s.jitter.Next(now)
	switch outcome {
	case jitter.Play:
		s.play(p)
	case jitter.Lost:
		s.conceal(p.Samples)
	case jitter.Merge:
		s.playMerged(now, p)
	default:
		s.silence(need - len(s.queue))
	}
}

// play decodes p onto the queue, or conceals what it should have been.
func (s *Stream) play(p jitter.Packet) {
	n, err := s.decoder.Decode(s.queue[len(s.queue):cap(s.queue)], p.Payload)
	if err != nil || n == 0 {
		s.conceal(p.Samples)
		return
	}
	s.queue = s.queue[:len(s.queue)+n]
}

// playMerged plays p and the packet behind it in the time of one: how the buffer takes delay out without a click. Both
// are decoded onto the queue, which has room for two of the longest that are merged, and laid over each other there.
func (s *Stream) playMerged(now time.Time, p jitter.Packet) {
	start := len(s.queue)
	s.play(p)
	middle := len(s.queue)
	next, outcome := s.jitter.Next(now)
	if outcome != jitter.Play {
		return
	}
	s.play(next)
	first, second := s.queue[start:middle], s.queue[middle:]
	n := min(len(first), len(second))
	mixer.Crossfade(second[:n], first[:n], second[:n])
	s.queue = s.queue[:start+copy(s.queue[start:], second)]
}

// conceal puts made-up sound in place of samples clock units.
func (s *Stream) conceal(samples int) {
	n := samples * s.format.SampleRateHz / s.format.ClockRateHz
	n = min(max(n, 1), cap(s.queue)-len(s.queue))
	start := len(s.queue)
	s.queue = s.queue[:start+n]
	s.decoder.Conceal(s.queue[start:])
	s.concealed += time.Duration(n) * time.Second / time.Duration(s.format.SampleRateHz)
}

func (s *Stream) silence(n int) {
	start := len(s.queue)
	s.queue = s.queue[:start+n]
	clear(s.queue[start:])
}

// inaudiblePeak is what counts as silence: 8 of 32768, −72 dBFS. A silent PCMA payload is a constant 8, and a decoder
// with memory dithers by one or two.
const inaudiblePeak = 8

// isSilent says whether nobody can hear pcm.
func isSilent(pcm []int16) bool {
	for _, v := range pcm {
		if v > inaudiblePeak || v < -inaudiblePeak {
			return false
		}
	}
	return true
}

// Put takes a packet in.
func (s *Stream) Put(p jitter.Packet) {
	s.received++
	s.jitter.Put(p)
}

// Absent says that the packet of that sequence number has come and holds no audio.
func (s *Stream) Absent(sequence uint16) { s.jitter.Absent(sequence) }

// Stats sums what all buffers since the join have seen.
func (s *Stream) Stats() Stats {
	now := s.jitter.Stats()
	return Stats{
		PacketsReceived: s.received, PacketsLost: s.pastLost + now.Lost, PacketsLate: s.pastLate + now.Late,
		Concealed: s.concealed, BufferDelay: now.Delay,
	}
}
