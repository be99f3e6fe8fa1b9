// Package playout turns one leg's packets into frames of sound: jitter buffer, decoder with concealment, time-scaling,
// comfort noise, resampler. A room pulls each of its members through one, and so does a telephone that wants to hear. It
// is pure, as package mixer is: the caller says what time it is.
//
// The jitter buffer (package jitter) decides by the packet what is heard when, and how far that is from what it should
// be. The difference is made up here, in the sound itself: pieces of a period of the voice are taken out or put in where
// they are heard the least.
package playout

import (
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// Stream is the way of the sound from packets to frames. One goroutine owns it. After Prepare and Tune, Put and Pull
// allocate nothing, but for the first packet of more than 20 ms.
//
//	packets -> jitter -> decode, recover or conceal -> scrub -> queue (codec's rate) -> time-scale -> resample -> frame (the rate wanted)
type Stream struct {
	format  codec.Format
	decoder codec.Decoder
	repair  codec.Recoverer // the decoder, where it is one
	jitter  *jitter.Buffer

	queue []int16 // decoded and not yet played, at format.SampleRateHz
	pace  pace
	ended ended
	pause pause
	spare sparing

	scrubber  Scrubber // nil: none
	filter    filtering
	resampler mixer.Resampler
	rateHz    int     // of frame
	frame     []int16 // this tick's 20 ms
	still     int     // frames in a row that were nothing but zeros, up to settled

	received uint64
	past     jitter.Stats // counts of the buffers before this one

	concealed, recovered, stretched, cut time.Duration
}

// bufferLimit is the most that a packet waits.
const bufferLimit = 400 * time.Millisecond

// Prepare makes what is needed to receive f, outside the tick. What was heard in another format until now is concealed
// until the first sound in the new one comes.
func (s *Stream) Prepare(f codec.Format) error {
	if s.decoder != nil && s.format == f {
		return nil
	}
	decoder, err := codec.NewDecoder(f)
	if err != nil {
		return err
	}
	if s.jitter != nil {
		now := s.jitter.Stats()
		s.past.Lost += now.Lost
		s.past.Late += now.Late
		s.past.Overflow += now.Overflow
		s.part(f.SampleRateHz)
	}
	s.format, s.decoder = f, decoder
	s.repair, _ = decoder.(codec.Recoverer)
	s.spare.silence, _ = decoder.(codec.Passer)
	s.spare.kept, s.spare.zeros = make([]byte, 0, mostKeptBytes), 0
	s.spare.begin()
	s.jitter = jitter.New(jitter.Config{ClockRateHz: f.ClockRateHz, Max: bufferLimit, BytesPerSecond: bytesPerSecond(f)})
	s.queue = make([]int16, 0, s.queueFor(frameMS))
	s.pause.rateHz, s.pause.noise = f.SampleRateHz, codec.NewComfortNoise(f.SampleRateHz)
	s.ended, s.pace = ended{}, pace{}
	s.retuneScrubber()
	return nil
}

// queueFor is how long the queue is for packets of that length: one of them, the frame that it was fetched for, and what is put in
// to stretch time.
func (s *Stream) queueFor(packetMS int) int {
	return s.format.SampleRateHz * (packetMS + frameMS + longestMS) / 1000
}

// bytesPerSecond is for the jitter buffer; 0 leaves it to the clock rate.
func bytesPerSecond(f codec.Format) int {
	if f.Name == codec.L16 {
		return 2 * f.SampleRateHz
	}
	return 0
}

// Restart forgets what was buffered: another stream begins. The decoder goes on where the format is the same; its
// first frames then fade in from the old sound instead of from nothing.
func (s *Stream) Restart(f codec.Format) error {
	if f != s.format {
		return s.Prepare(f)
	}
	s.spare.begin()
	s.jitter.Reset()
	s.pause.on, s.pause.breaks = false, false
	return nil
}

// Tune sets the rate that frames come out at.
func (s *Stream) Tune(rateHz int) {
	s.still = 0
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

// Put takes a packet in and says what became of it. The first one that is longer than 20 ms costs an allocation: few senders make such packets, and the others
// need not have the memory for it.
func (s *Stream) Put(p jitter.Packet) jitter.Verdict {
	s.received++
	if s.format.Pauses(p.Payload) { // it announces silence, as comfort noise does, which nothing is concealed behind
		p.Noise, p.Samples = true, 0
	}
	if long := p.Samples*1000 > s.format.ClockRateHz*frameMS; long && cap(s.queue) < s.queueFor(codec.MaxPacketMilliseconds) {
		s.queue = append(make([]int16, 0, s.queueFor(codec.MaxPacketMilliseconds)), s.queue...)
	}
	return s.jitter.Put(p)
}

// Absent says that the packet of that sequence number has come and holds no audio.
func (s *Stream) Absent(sequence uint16) { s.jitter.Absent(sequence) }

// Earlier says that the next Pull, and with it all that follow, come by d sooner than they would have, from 0 to less than 20 ms. Sound that was
// there in time so far, and is there in time then, is heard by d sooner and not changed.
func (s *Stream) Earlier(d time.Duration) { s.jitter.Earlier(d) }

// Pull takes the next 20 ms, at the rate given to Tune, and says whether there is any sound in them; a silent
// frame's samples are zero or next to it. The frame may be written to and is valid until the next call.
func (s *Stream) Pull(now time.Time) (frame []int16, sounding bool) {
	s.jitter.Tick(now)
	if frame, ok := s.rest(); ok {
		return frame, false
	}
	need := s.need()
	s.fill(need)
	for range quietPieces {
		quiet := s.isBelow(quietPeak)
		if !s.adjust() {
			break
		}
		s.fill(need)
		if !quiet {
			break
		}
	}
	if sounding = !s.isBelow(inaudiblePeak); sounding {
		s.filter.process(s.queue[:need], s.format.SampleRateHz)
		s.resampler.Process(s.frame, s.queue[:need])
	} else {
		clear(s.queue[:need])
		sounding = !s.resampler.Silence(s.frame) && !isBelow(s.frame, inaudiblePeak) // the filter's tail
	}
	s.queue = s.queue[:copy(s.queue, s.queue[need:])]
	s.spare.zeros = min(s.spare.zeros, len(s.queue))
	s.settle(sounding)
	return s.frame, sounding
}

// isBelow says whether no sample of the queue's first frame is louder than peak.
func (s *Stream) isBelow(peak int16) bool {
	return isBelow(s.queue[:min(s.need(), len(s.queue)-s.spare.zeros)], peak)
}

// need is the length of a frame in the queue.
func (s *Stream) need() int { return mixer.FrameSamples(s.format.SampleRateHz) }

// queued is what the queue lasts.
func (s *Stream) queued() time.Duration { return s.duration(len(s.queue)) }

func (s *Stream) duration(samples int) time.Duration {
	return time.Duration(samples) * time.Second / time.Duration(s.format.SampleRateHz)
}

func (s *Stream) samples(d time.Duration) int {
	return int(d * time.Duration(s.format.SampleRateHz) / time.Second)
}

// inaudiblePeak is what counts as silence: 8 of 32768, −72 dBFS. A silent PCMA payload is a constant 8, and a decoder
// with memory dithers by one or two.
const inaudiblePeak = 8

// isBelow says whether no sample of pcm is louder than peak.
func isBelow(pcm []int16, peak int16) bool {
	for _, v := range pcm {
		if v > peak || v < -peak {
			return false
		}
	}
	return true
}
