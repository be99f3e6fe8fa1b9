// Package codec turns RTP payloads into PCM and PCM into RTP payloads. It is pure: bytes in, samples out; no
// network, no clock, no goroutine. PCM is mono, signed 16 bit, in host order ([]int16).
//
// A [Format] names what was negotiated; [Lookup] finds it by what SDP says. [NewDecoder] and [NewEncoder] make the
// state for one direction of one stream; neither is safe for concurrent use, and after construction neither
// allocates.
package codec

import "errors"

// Name is a codec's encoding name as SDP writes it (RFC 3551 §6, RFC 7587 §7); compare without regard to case in
// SDP, exactly here.
type Name string

// The codecs that can be made.
const (
	PCMU Name = "PCMU" // RFC 3551 §4.5.14
	PCMA Name = "PCMA" // RFC 3551 §4.5.14
	G722 Name = "G722" // ITU-T G.722 at 64 kbit/s, RFC 3551 §4.5.2
	Opus Name = "opus" // RFC 6716, RFC 7587
	L16  Name = "L16"  // the samples themselves, RFC 3551 §4.5.11
)

// Format is a codec together with its two rates. It is comparable: legs with equal formats share one encode.
type Format struct {
	Name Name
	// ClockRateHz is the RTP timestamp clock: 8000 for G.711 and, for historical reasons, for G.722 (RFC 3551 §4.5.2); 48000
	// for Opus whatever it carries (RFC 7587 §4.1); the sample rate for L16.
	ClockRateHz int
	// SampleRateHz is the rate of the PCM on this side: 8000 for G.711, 16000 for G.722; for L16 8000, 16000 or 48000; for
	// Opus too, the highest that the peer can use.
	SampleRateHz int
}

// Errors of this package; they come wrapped with what was wrong.
var (
	ErrFormat  = errors.New("codec: no such format")
	ErrPayload = errors.New("codec: malformed payload")
	ErrBuffer  = errors.New("codec: buffer too small")
)

// MaxPacketMilliseconds is the longest packet that a decoder accepts: Opus allows 120 ms (RFC 6716 §2.1.4).
const MaxPacketMilliseconds = 120

// MaxPayloadBytes is a length of dst that always suffices for [Encoder.Encode]: no [Profile] whose packets would be longer
// is valid. The longest there is, 40 ms of L16 at 16 kHz, has 1280 and fits into an Ethernet frame with all headers and
// fifteen sources (RFC 3550 §5.1, RFC 6465).
const MaxPayloadBytes = 1400

// Decoder is one stream's way from payloads to samples at Format.SampleRateHz.
type Decoder interface {
	// Samples says how many samples payload decodes to, without decoding it. It returns ErrPayload where the payload
	// cannot be of this codec. No payload may make it or Decode panic.
	Samples(payload []byte) (int, error)
	// Decode writes the payload's samples to dst and returns how many. ErrBuffer where dst is too short, ErrPayload
	// where the payload is malformed; dst's content is then undefined and the caller conceals.
	Decode(dst []int16, payload []byte) (int, error)
	// Conceal fills all of dst with sound in place of a packet that did not come; repeated calls fade to silence
	// within 60 ms. len(dst) is at most 120 ms.
	Conceal(dst []int16)
}

// Passer is what a [Decoder] is besides that need not decode what is Silent.
type Passer interface {
	// Pass says that a packet of so many samples has come that was [Silent].
	Pass(samples int)
}

// Encoder is one stream's way from samples to payloads.
type Encoder interface {
	// Encode writes the payload of pcm, Profile.PacketSamples of it or less in 10, 20 or 40 ms, to dst and returns its length; 0 means that nothing
	// is to be sent (DTX). dst of MaxPayloadBytes always suffices; ErrBuffer where it is too short. pcm of another length
	// is an error for Opus.
	Encode(dst []byte, pcm []int16) (int, error)
}

// Tunable is an encoder whose effort can be changed between two packets: that of Opus.
type Tunable interface {
	Encoder
	// SetEffort has the next packets made so; ErrFormat where that cannot be. It allocates nothing where it can.
	SetEffort(to Effort) error
}

// Beginner is an encoder of which a packet can be had in the middle of a stream that another one has begun: that of Opus.
type Beginner interface {
	Encoder
	// Begin is Encode of one packet that predicts nothing: a decoder understands it whatever it has heard before. It costs more bits, or sounds a little worse for them.
	Begin(dst []byte, pcm []int16) (int, error)
}

// Continuer is an encoder that remembers what it has encoded, as its decoder does: that of Opus or G.722.
type Continuer interface {
	Encoder
	// Continue takes over what from remembers, which was made for the same Profile: a decoder that has heard from hears no change. False: from is of another
	// kind, and nothing has been taken over.
	Continue(from Encoder) bool
}
