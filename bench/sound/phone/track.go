package phone

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/confbridge/confbridge/bench/sound/network"
	"github.com/confbridge/confbridge/mixer/codec"
)

// ErrCodec says that this program's codecs cannot make what was asked for.
var ErrCodec = errors.New("no such codec here")

// Profile is that of a codec by its SDP name, with packets of so many milliseconds.
func Profile(name string, millis int) (codec.Profile, error) {
	clock := 8000
	if name == string(codec.Opus) {
		clock = 48000
	}
	format, ok := codec.Lookup(name, clock)
	if !ok {
		return codec.Profile{}, fmt.Errorf("%w: %s", ErrCodec, name)
	}
	p := codec.Profile{Format: format, Packet: time.Duration(millis) * time.Millisecond}
	if err := p.Valid(); err != nil {
		return codec.Profile{}, fmt.Errorf("%s of %d ms: %w", name, millis, err)
	}
	return p, nil
}

// Track is sound, coded, and when its packets come out of the network. It is played once.
type Track struct {
	Profile codec.Profile
	// PCM is what is said, at Profile.SampleRateHz.
	PCM []float64
	// Lost are the packets that the network keeps.
	Lost []int

	payloads [][]byte
	sendings []network.Sending
	begun    float64   // lab seconds at which the first packet goes in
	entered  []float64 // and each of them; as planned, until it was sent
	sent     []bool
}

// NewTrack codes pcm and sends it through path.
func NewTrack(p codec.Profile, pcm []float64, path network.Path) (*Track, error) {
	payloads, err := encode(p, pcm)
	if err != nil {
		return nil, err
	}
	t := &Track{Profile: p, PCM: pcm, payloads: payloads, entered: make([]float64, len(payloads)), sent: make([]bool, len(payloads))}
	t.sendings, t.Lost = path.Schedule(len(payloads), p.PacketTime())
	for i := range t.entered {
		t.entered[i] = float64(i) * p.PacketTime().Seconds() / (1 + path.SkewPPM*1e-6)
	}
	return t, nil
}

// Length is how long the track is.
func (t *Track) Length() time.Duration {
	return time.Duration(len(t.payloads)) * t.Profile.PacketTime()
}

// Start is when the track began, in the lab's seconds; after Play.
func (t *Track) Start() float64 { return t.begun }

// SaidAt says when sample i of pcm at rateHz was sent: when the packet that begins at or before it went into the network, and
// how far behind that packet's first sample it is.
func (t *Track) SaidAt(rateHz int) func(i int) float64 {
	packet := t.Profile.PacketTime().Seconds()
	return func(i int) float64 {
		at := float64(i) / float64(rateHz)
		k := min(int(at/packet+1e-9), len(t.entered)-1)
		return t.entered[k] + at - float64(k)*packet
	}
}

// PacketSamples are the bounds of packet i in pcm at rateHz.
func (t *Track) PacketSamples(i, rateHz int) (from, to int) {
	n := int(float64(rateHz) * t.Profile.PacketTime().Seconds())
	return i * n, (i + 1) * n
}

func encode(p codec.Profile, pcm []float64) ([][]byte, error) {
	encoder, err := codec.NewEncoder(p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	n := p.PacketSamples()
	samples, buffer := make([]int16, n), make([]byte, max(codec.MaxPayloadBytes, 2*n))
	var out [][]byte
	for from := 0; from+n <= len(pcm); from += n {
		for i := range samples {
			samples[i] = int16(math.Round(32767 * max(min(pcm[from+i], 1), -1)))
		}
		size, err := encoder.Encode(buffer, samples)
		if err != nil {
			return nil, fmt.Errorf("%s of %v: %w", p.Name, p.PacketTime(), err)
		}
		out = append(out, append([]byte(nil), buffer[:size]...))
	}
	return out, nil
}

// Clean is what pcm becomes by the codec alone: coded and decoded, with nothing in between.
func Clean(p codec.Profile, pcm []float64) ([]float64, error) {
	payloads, err := encode(p, pcm)
	if err != nil {
		return nil, err
	}
	decoder, err := codec.NewDecoder(p.Format)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	out := make([]float64, 0, len(pcm))
	for _, payload := range payloads {
		if out, err = decode(decoder, out, payload); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// decode appends a payload's samples to pcm.
func decode(decoder codec.Decoder, pcm []float64, payload []byte) ([]float64, error) {
	var samples [48 * codec.MaxPacketMilliseconds]int16
	n, err := decoder.Decode(samples[:], payload)
	if err != nil {
		return pcm, fmt.Errorf("decode: %w", err)
	}
	for _, v := range samples[:n] {
		pcm = append(pcm, float64(v)/32768)
	}
	return pcm, nil
}
