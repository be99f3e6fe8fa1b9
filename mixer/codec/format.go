package codec

import (
	"fmt"
	"strings"
)

// Lookup finds the format that SDP calls name at clockRateHz (a=rtpmap, RFC 8866 §6.6). Upper and lower case are
// the same. Opus is given its full band, SampleRateHz 48000; a caller who knows that the peer cannot use it lowers
// the rate. It reports false where there is no such codec.
func Lookup(name string, clockRateHz int) (Format, bool) {
	for _, f := range Formats() {
		if strings.EqualFold(string(f.Name), name) && f.ClockRateHz == clockRateHz {
			return f, true
		}
	}
	return Format{}, false
}

// Formats are the formats that [Lookup] can find, those that sound best first. The array is the caller's.
func Formats() [3]Format {
	return [3]Format{
		{Name: Opus, ClockRateHz: 48000, SampleRateHz: 48000},
		{Name: PCMA, ClockRateHz: 8000, SampleRateHz: 8000},
		{Name: PCMU, ClockRateHz: 8000, SampleRateHz: 8000},
	}
}

// Valid says whether f can be made: nil, or ErrFormat and what is wrong with it.
func (f Format) Valid() error {
	switch f.Name {
	case PCMU, PCMA:
		if f.ClockRateHz != 8000 || f.SampleRateHz != 8000 {
			return fmt.Errorf("%w: %s has clock and samples at 8000 Hz, not %d and %d", ErrFormat, f.Name, f.ClockRateHz, f.SampleRateHz)
		}
	case Opus:
		if f.ClockRateHz != 48000 {
			return fmt.Errorf("%w: %s has a clock of 48000 Hz, not %d", ErrFormat, f.Name, f.ClockRateHz)
		}
		switch f.SampleRateHz {
		case 8000, 16000, 48000:
		default:
			return fmt.Errorf("%w: %s at %d Hz", ErrFormat, f.Name, f.SampleRateHz)
		}
	default:
		return fmt.Errorf("%w: %q", ErrFormat, string(f.Name))
	}
	return nil
}

// ClockUnits says what payload lasts in units of f's RTP clock, by its outer form alone, without a decoder. The error is
// ErrPayload where it cannot be of this codec or lasts longer than MaxPacketMilliseconds, ErrFormat for a codec that is
// not there. It allocates nothing.
func (f Format) ClockUnits(payload []byte) (int, error) {
	switch f.Name {
	case PCMU, PCMA:
		return g711Samples(payload)
	case Opus:
		return opusSamples(payload) // its clock is 48 kHz always
	}
	return 0, ErrFormat
}

// NewDecoder makes the decoder of one stream of format f. The error is ErrFormat, or libopus's own.
func NewDecoder(f Format) (Decoder, error) {
	if err := f.Valid(); err != nil {
		return nil, err
	}
	switch f.Name {
	case PCMU:
		return newG711Decoder(&tables().ulaw), nil
	case PCMA:
		return newG711Decoder(&tables().alaw), nil
	default:
		return newOpusDecoder(f.SampleRateHz)
	}
}

// NewEncoder makes the encoder of one stream. The error is ErrFormat, or libopus's own.
func NewEncoder(p Profile) (Encoder, error) {
	if err := p.Valid(); err != nil {
		return nil, err
	}
	switch p.Name {
	case PCMU:
		return &g711Encoder{law: &tables().ulaw}, nil
	case PCMA:
		return &g711Encoder{law: &tables().alaw}, nil
	default:
		return newOpusEncoder(p)
	}
}
