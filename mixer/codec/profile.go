package codec

import (
	"fmt"
	"time"
)

// DefaultPacket is what a packet lasts where nobody asked for anything else (RFC 3551 §4.2).
const DefaultPacket = 20 * time.Millisecond

// Profile is how one side sends: a format, how much of it goes into a packet, and what the peer has asked of Opus. It is
// comparable: legs with equal profiles share one encode. The zero value of each field but Format is what a telephone that
// asked for nothing gets.
type Profile struct {
	Format
	// Packet is what one packet lasts: 10, 20, 30, 40 or 60 ms; 0 means DefaultPacket.
	Packet time.Duration
	// Opus is what the peer has asked for (RFC 7587 §6.1); zero with other codecs.
	Opus OpusSettings
}

// Bounds of OpusSettings.MaxBitrateBps (RFC 7587 §6.1).
const (
	MinOpusBitrateBps = 6000
	MaxOpusBitrateBps = 510000
)

// The rates of Opus that no format has (RFC 7587 §3.1.1, table 1). Their sound is that of the next higher rate, with less band.
const (
	OpusMediumbandHz    = 12000
	OpusSuperWidebandHz = 24000
)

// OpusSettings are how an Opus stream is to be: the parameters that its receiver has asked for (RFC 7587 §6.1), and its path.
type OpusSettings struct {
	MaxBitrateBps int // maxaveragebitrate: 6000 to 510000; 0 means that nothing was said
	// PlaybackHz is maxplaybackrate where that is between the rates of Format: OpusMediumbandHz with 16000, OpusSuperWidebandHz with 48000;
	// 0 elsewhere. Nothing above half of it is sent.
	PlaybackHz int
	NoFEC      bool // the receiver has no use for in-band FEC (useinbandfec=0)
	// Clean says that the receiver has lost next to nothing: then no copies for repair are sent to it either, and the sound
	// keeps what they cost it (decision 0017). It is no parameter, but what the receiver's reports show.
	Clean bool
	// Thrifty says that the encoder does as little as it can, which is complexity 0 of libopus and a third of the usual work (decision 0054). It is no parameter either.
	Thrifty bool
	DTX     bool // usedtx=1: nothing is sent in silence
	CBR     bool // cbr=1
}

// Losses from which on a receiver of Opus gets copies, and up to which it gets none any more.
const (
	lossyFrom = 0.01
	cleanTo   = 0.002
)

// After is p for a receiver that has reported such a share of lost packets (0 to 1) in its last interval. Between its bounds it
// stays as it is, so that it does not go back and forth; so do those to whom it makes no difference.
func (p Profile) After(loss float64) Profile {
	switch {
	case p.Name != Opus, p.Opus.NoFEC, p.Opus.DTX: // copies are made for none, or in any case
	case loss >= lossyFrom:
		p.Opus.Clean = false
	case loss <= cleanTo:
		p.Opus.Clean = true
	}
	return p
}

// PacketTime is Packet, or DefaultPacket where that is 0.
func (p Profile) PacketTime() time.Duration {
	if p.Packet == 0 {
		return DefaultPacket
	}
	return p.Packet
}

// PacketSamples is what Encode of an encoder of this profile takes, at SampleRateHz.
func (p Profile) PacketSamples() int {
	return int(int64(p.SampleRateHz) * int64(p.PacketTime()) / int64(time.Second))
}

// PacketUnits is the same in units of the RTP clock.
func (p Profile) PacketUnits() int {
	return int(int64(p.ClockRateHz) * int64(p.PacketTime()) / int64(time.Second))
}

// Valid says whether p can be sent: nil, or ErrFormat and what is wrong with it.
func (p Profile) Valid() error {
	switch p.PacketTime() {
	case 10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond:
	default:
		return fmt.Errorf("%w: packets of %v", ErrFormat, p.Packet)
	}
	if err := p.Format.Valid(); err != nil {
		return err
	}
	if bytes := p.packetBytes(); bytes > MaxPayloadBytes {
		return fmt.Errorf("%w: %s at %d Hz: %v are %d bytes, more than %d", ErrFormat, p.Name, p.SampleRateHz, p.PacketTime(), bytes, MaxPayloadBytes)
	}
	if p.Name != Opus && p.Opus != (OpusSettings{}) {
		return fmt.Errorf("%w: %s with the parameters of Opus", ErrFormat, p.Name)
	}
	if bps := p.Opus.MaxBitrateBps; bps != 0 && (bps < MinOpusBitrateBps || bps > MaxOpusBitrateBps) {
		return fmt.Errorf("%w: Opus at %d bit/s", ErrFormat, bps)
	}
	switch hz := p.Opus.PlaybackHz; {
	case hz == 0, hz == OpusMediumbandHz && p.SampleRateHz == 16000, hz == OpusSuperWidebandHz && p.SampleRateHz == 48000:
	default:
		return fmt.Errorf("%w: Opus at %d Hz for a receiver that plays %d", ErrFormat, p.SampleRateHz, hz)
	}
	return nil
}

// packetBytes is the length of a packet of a codec whose bitrate is fixed; 0 of Opus, whose encoder keeps to any.
func (p Profile) packetBytes() int {
	switch p.Name {
	case L16:
		return 2 * p.PacketSamples()
	case Opus:
		return 0
	}
	return p.PacketUnits() // one byte a unit: G.711 and G.722
}

// LongestPayload is the longest payload in bytes that a valid Profile of f makes, whatever its packet time.
func (f Format) LongestPayload() int {
	longest := Profile{Format: f, Packet: 60 * time.Millisecond}
	if f.Name == Opus || longest.packetBytes() > MaxPayloadBytes {
		return MaxPayloadBytes
	}
	return longest.packetBytes()
}
