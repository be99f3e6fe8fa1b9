// Package packetizer turns frames of sound into the packets of one leg, or of all legs that hear the same in the same
// format: resampler, packet time, encoder. It is the way back of package playout, and as pure.
package packetizer

import (
	"fmt"
	"time"

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
	lead      int     // samples of shorter packets that come first, so that the others end where they should
	adopted   bool    // pending is another stream's, and lead is not known yet
	frame     int     // samples of a frame
	rise      int     // samples that the next packet fades in over
	tick      uint64  // of the last Push
	last      []int16 // its frame
}

const framesPerSecond = int(time.Second / mixer.FrameDuration)

// longestWait is how many frames can wait in a stream that another one adopts: all but the last of a packet of 60 ms.
const longestWait = 2

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
// time break the sound into packets at the same places, and a leg can go over from one to another. A stream that begins in
// between, or after a pause, first makes packets that are shorter.
func (s *Stream) Push(frame []int16, tick uint64) {
	if tick != s.tick+1 || s.adopted {
		if tick != s.tick+1 {
			s.pending = s.pending[:0]
		}
		phase := int(tick % uint64(s.packet) * uint64(s.frame) % uint64(s.packet))
		s.lead = (len(s.pending) + s.packet - phase) % s.packet
		s.adopted = false
	}
	s.tick = tick
	copy(s.last, frame)
	start := len(s.pending)
	s.pending = s.pending[:start+s.frame]
	s.resampler.Process(s.pending[start:], frame)
}

// due is how many samples the next packet has.
func (s *Stream) due() int {
	tenth := s.frame / 2
	switch {
	case s.lead == 0:
		return s.packet
	case s.lead >= 4*tenth:
		return 4 * tenth
	case s.lead >= 2*tenth:
		return 2 * tenth
	}
	return s.lead
}

// Next encodes the next packet into dst, which must hold codec.MaxPayloadBytes, and says what it lasts in units of the RTP
// clock. It is called after each Push until ok is false: packets may be shorter than a frame, or longer. An empty payload
// means that there is nothing to send for that time.
func (s *Stream) Next(dst []byte) (payload []byte, units int, ok bool) {
	n := s.due()
	if len(s.pending) < n {
		return nil, 0, false
	}
	if s.rise > 0 {
		for i := range s.rise {
			s.pending[i] = int16(int(s.pending[i]) * i / s.rise)
		}
		s.rise = 0
	}
	size, err := s.encoder.Encode(dst, s.pending[:n])
	s.pending = s.pending[:copy(s.pending, s.pending[n:])]
	s.lead = max(s.lead-n, 0)
	if err != nil {
		size = 0
	}
	return dst[:size], n * s.profile.ClockRateHz / s.profile.SampleRateHz, true
}

// Follow goes on where o is, of the same profile and tuned alike: with the sound that is waiting there, its resampler, and what its encoder remembers. Who has heard o hears no
// change.
func (s *Stream) Follow(o *Stream) {
	s.resampler = o.resampler
	s.pending = s.pending[:copy(s.pending[:cap(s.pending)-s.frame], o.pending)] // there is room for the next frame
	s.tick, s.lead, s.adopted, s.rise = o.tick, o.lead, o.adopted, o.rise
	copy(s.last, o.last)
	if c, ok := s.encoder.(codec.Continuer); ok {
		c.Continue(o.encoder)
	}
}

// SetEffort has the next packets made so, where they are of Opus; codec.ErrFormat where that cannot be.
func (s *Stream) SetEffort(to codec.Effort) error {
	t, ok := s.encoder.(codec.Tunable)
	if !ok {
		return nil
	}
	return t.SetEffort(to)
}

// Renumber goes on in another count of ticks, the last of which was tick: for a leg that goes over to another mix. What is waiting is
// sent before what comes next.
func (s *Stream) Renumber(tick uint64) { s.tick, s.adopted = tick, true }

// Adopt goes on where o is, of another profile: what is waiting there is sent by s, before what comes next. Filter and encoder
// begin with the sound before that, so that neither begins with a hole. Tune comes after it.
func (s *Stream) Adopt(o *Stream) {
	s.resampler = o.resampler
	s.tick, s.adopted = o.tick, true
	waiting := o.pending[:min(len(o.pending), longestWait*o.frame)]
	if len(waiting) == 0 {
		r := mixer.MakeResampler(len(o.last)*framesPerSecond, s.profile.SampleRateHz)
		before := make([]int16, s.frame)
		r.Process(before, o.last)
		s.begin(before, o.profile)
		s.pending, s.resampler = s.pending[:0], r
		return
	}
	// What was before is not known any more: the sound turned round stands for it.
	r := mixer.MakeResampler(o.profile.SampleRateHz, s.profile.SampleRateHz)
	turned := make([]int16, o.frame/2)
	for i := range turned {
		turned[i] = waiting[len(turned)-1-i]
	}
	before := make([]int16, s.frame/2)
	r.Process(before, turned)
	s.begin(before, o.profile)
	s.pending = make([]int16, len(waiting)*s.frame/o.frame, s.packet+s.frame+longestWait*s.frame)
	r.Process(s.pending, waiting)
}

// begin gives an encoder its first packet's past. A decoder of Opus that changes between the two ways to encode (decision 0017)
// begins anew in the middle and bridges 2.5 ms, and an encoder that knows more than it is too loud or too quiet at first, by up to
// 20 dB. That is all that CELT looks ahead; the other way looks ahead 6.5 ms, and comes in gently behind the hole that is left.
func (s *Stream) begin(before []int16, had codec.Profile) {
	switch {
	case had.Name != codec.Opus || s.profile.Name != codec.Opus || had.Opus.Clean == s.profile.Opus.Clean:
		s.warm(before)
	case !s.profile.Opus.Clean:
		s.rise = s.profile.SampleRateHz / riseRate
	}
}

// riseRate divides a second into what such a packet fades in over: 2.5 ms.
const riseRate = 400

// warm lets an encoder of Opus hear the sound before its first packet: it looks ahead and would begin with a hole. G.722 begins
// when its decoder does, or they do not understand each other.
func (s *Stream) warm(before []int16) {
	if s.profile.Name != codec.Opus {
		return
	}
	var dst [codec.MaxPayloadBytes]byte
	packet := s.pending[:s.packet]
	clear(packet)
	n := min(len(before), len(packet))
	copy(packet[len(packet)-n:], before[len(before)-n:])
	_, _ = s.encoder.Encode(dst[:], packet) // of interest is what it leaves in the encoder; where it fails, nothing
}
