package codec

import (
	"fmt"
	"strings"
)

// Names are the codecs that can be made: in the order of preference that holds where nobody has set another, and L16, which
// is for machines, last. The array is the caller's.
func Names() [5]Name { return [5]Name{Opus, G722, PCMU, PCMA, L16} }

// ParseName finds the codec of a name in whatever case. It reports false where there is no such codec.
func ParseName(name string) (Name, bool) {
	for _, n := range Names() {
		if strings.EqualFold(string(n), name) {
			return n, true
		}
	}
	return "", false
}

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

// Formats are the formats that [Lookup] can find, in the order of [Names]; of one codec those that sound best first. The
// array is the caller's.
func Formats() [7]Format {
	return [7]Format{
		{Name: Opus, ClockRateHz: 48000, SampleRateHz: 48000},
		{Name: G722, ClockRateHz: g722ClockHz, SampleRateHz: g722RateHz},
		{Name: PCMU, ClockRateHz: g711RateHz, SampleRateHz: g711RateHz},
		{Name: PCMA, ClockRateHz: g711RateHz, SampleRateHz: g711RateHz},
		{Name: L16, ClockRateHz: 48000, SampleRateHz: 48000},
		{Name: L16, ClockRateHz: 16000, SampleRateHz: 16000},
		{Name: L16, ClockRateHz: 8000, SampleRateHz: 8000},
	}
}

// Valid says whether f can be made: nil, or ErrFormat and what is wrong with it.
func (f Format) Valid() error {
	known, ok := Lookup(string(f.Name), f.ClockRateHz)
	switch {
	case !ok || known.Name != f.Name:
		return fmt.Errorf("%w: %q with a clock of %d Hz", ErrFormat, string(f.Name), f.ClockRateHz)
	case f.SampleRateHz == known.SampleRateHz, f.Name == Opus && (f.SampleRateHz == 8000 || f.SampleRateHz == 16000):
		return nil
	}
	return fmt.Errorf("%w: %s with samples at %d Hz", ErrFormat, f.Name, f.SampleRateHz)
}

// ClockUnits says what payload lasts in units of f's RTP clock, by its outer form alone, without a decoder. The error is
// ErrPayload where it cannot be of this codec or lasts longer than MaxPacketMilliseconds, ErrFormat for a codec that is
// not there. It allocates nothing.
func (f Format) ClockUnits(payload []byte) (int, error) {
	switch f.Name {
	case PCMU, PCMA:
		return g711Samples(payload)
	case G722:
		n, err := g722Samples(payload)
		return n * g722ClockHz / g722RateHz, err
	case Opus:
		return opusSamples(payload) // its clock is 48 kHz always
	case L16:
		return l16Samples(payload, f.ClockRateHz)
	}
	return 0, ErrFormat
}

// Pauses says whether payload holds no sound, only the word that the sender will send none for a while: DTX of Opus (RFC 7587
// §3.1.3).
func (f Format) Pauses(payload []byte) bool { return len(payload) <= opusPause && f.Name == Opus }

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
	case G722:
		return newG722Decoder(), nil
	case L16:
		return newL16Decoder(f.SampleRateHz), nil
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
	case G722:
		return newG722Encoder(), nil
	case L16:
		return l16Encoder{}, nil
	default:
		return newOpusEncoder(p)
	}
}
