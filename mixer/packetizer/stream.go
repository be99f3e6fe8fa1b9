// Package packetizer turns frames of sound into the packets of one leg, or of all legs that hear the same in the same
// format: resampler, packet time, encoder. It is the way back of package playout, and as pure.
package packetizer

import (
	"fmt"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
)

// Stream is the way of the sound from frames to packets. One goroutine owns it. After New and Tune nothing allocates.
//
//	frame (20 ms, any rate) -> resample -> pending (the codec's rate) -> encode -> packets of Profile.Packet
type Stream struct {
	profile   codec.Profile
	encoder   codec.Encoder
	resampler mixer.Resampler
	pending   []int16 // resampled and not yet sent
	packet    int     // samples of a packet
	frame     int     // samples of a frame
	tick      uint64  // of the last Push
	last      []int16 // its frame
}

// New makes the stream of one profile. The error is codec.ErrFormat, or the codec's own.
func New(p codec.Profile) (*Stream, error) {
	encoder, err := codec.NewEncoder(p)
	if err != nil {
		return nil, fmt.Errorf("packetizer: %w", err)
	}
	s := &Stream{profile: p, encoder: encoder, packet: p.PacketSamples(), frame: mixer.FrameSamples(p.SampleRateHz)}
	s.pending = make([]int16, 0, s.packet+s.frame)
	return s, nil
}

// Profile is what the stream was made for.
func (s *Stream) Profile() codec.Profile { return s.profile }

// Tune says which rate frames come in at.
func (s *Stream) Tune(rateHz int) {
	s.resampler.Retune(rateHz, s.profile.SampleRateHz)
	if n := mixer.FrameSamples(rateHz); n != len(s.last) {
		s.last = make([]int16, n)
	}
}

// Push takes the frame of a tick: 20 ms at the rate given to Tune. Ticks are numbered, so that all streams of one packet
// time break the sound into packets at the same places, and a leg can go over from one to another. A number that does not
// follow on the last begins the packet with silence.
func (s *Stream) Push(frame []int16, tick uint64) {
	phase := int(tick % uint64(s.packet) * uint64(s.frame) % uint64(s.packet))
	if tick != s.tick+1 || len(s.pending) != phase {
		s.pending = s.pending[:phase]
		clear(s.pending)
	}
	s.tick = tick
	copy(s.last, frame)
	start := len(s.pending)
	s.pending = s.pending[:start+s.frame]
	s.resampler.Process(s.pending[start:], frame)
}

// Next encodes the next packet into dst, which must hold codec.MaxPayloadBytes, and says what it lasts in units of the RTP
// clock. It is called after each Push until ok is false: packets may be shorter than a frame, or longer. An empty payload
// means that there is nothing to send for that time.
func (s *Stream) Next(dst []byte) (payload []byte, units int, ok bool) {
	if len(s.pending) < s.packet {
		return nil, 0, false
	}
	n, err := s.encoder.Encode(dst, s.pending[:s.packet])
	s.pending = s.pending[:copy(s.pending, s.pending[s.packet:])]
	if err != nil {
		n = 0
	}
	return dst[:n], s.profile.PacketUnits(), true
}

// Continue goes on after o, a stream of another profile at the same Tune: the resampler hears again what o was given last, and
// so does an encoder of Opus, which looks ahead and would begin with a hole. (G.722 begins when its decoder does, or they do not
// understand each other.) Where o and s break the sound at other places, the first packet still begins with silence.
func (s *Stream) Continue(o *Stream) {
	if len(o.last) != len(s.last) {
		return
	}
	var dst [codec.MaxPayloadBytes]byte
	s.pending = s.pending[:max(s.packet, s.frame)]
	clear(s.pending)
	s.resampler.Process(s.pending[len(s.pending)-s.frame:], o.last)
	for ok := s.profile.Name == codec.Opus; ok; {
		_, _, ok = s.Next(dst[:])
	}
	s.pending = s.pending[:0]
	s.tick = o.tick
	copy(s.last, o.last)
}

// Follow goes on where o is, of the same profile: with the sound that is waiting there, and its resampler. The encoders
// stay their own.
func (s *Stream) Follow(o *Stream) {
	s.resampler = o.resampler
	s.pending = s.pending[:copy(s.pending[:cap(s.pending)], o.pending)]
	s.tick = o.tick
}
