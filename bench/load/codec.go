package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/confbridge/confbridge/bench/gen"
	"github.com/confbridge/confbridge/bench/load/speech"
	"github.com/confbridge/confbridge/mixer/codec"
)

// mixed is the name under which telephones of all codecs call, as many of each.
const mixed = "mixed"

// spokenCodec is a codec with its payload type and what an offer says of it.
type spokenCodec struct {
	name    codec.Name
	clockHz int
	kind    byte
	lines   string
}

// spoken are the codecs that the load's telephones speak.
var spoken = []spokenCodec{
	{codec.PCMU, 8000, 0, "a=rtpmap:0 PCMU/8000\r\n"},
	{codec.PCMA, 8000, 8, "a=rtpmap:8 PCMA/8000\r\n"},
	{codec.G722, 8000, 9, "a=rtpmap:9 G722/8000\r\n"},
	{codec.Opus, 48000, 111, "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"},
}

// What is encoded around a chirp, in packets: silence, so that the encoder has come to rest, and what it takes to die away.
const (
	restPackets = 10
	tailPackets = 2
)

// voice is a codec that is spoken: all that telephones send of it, and how what they hear is decoded.
type voice struct {
	gen.Coding
	format codec.Format
	lines  string
	// pattern is the chirp as the codec leaves it, at speech.Rate; heldMs by how much later that is when it was encoded and
	// decoded without a bridge in between: the telephone's own delay.
	pattern []float64
	heldMs  float64
}

// newVoice makes that of a codec, by its name in any case.
func newVoice(name string) (*voice, error) {
	for _, s := range spoken {
		if !strings.EqualFold(string(s.name), name) {
			continue
		}
		format, ok := codec.Lookup(string(s.name), s.clockHz)
		if !ok {
			return nil, fmt.Errorf("codec %s: the bridge has none", s.name)
		}
		v := &voice{format: format, lines: s.lines, Coding: gen.Coding{Kind: s.kind, Units: codec.Profile{Format: format}.PacketUnits()}}
		return v, v.prepare()
	}
	return nil, fmt.Errorf("no codec %q", name)
}

// prepare encodes silence and the chirp, and finds that again.
func (v *voice) prepare() error {
	silent := make([]float64, restPackets*gen.PacketSamples)
	pcm := append(append(silent, speech.Chirp(gen.PacketSamples)...), make([]float64, tailPackets*gen.PacketSamples)...)
	all, err := v.encode(speech.Resample(pcm, speech.Rate, v.format.SampleRateHz), 1)
	if err != nil {
		return err
	}
	v.Chirp = all[restPackets:]
	if v.format.Name == codec.PCMU || v.format.Name == codec.PCMA {
		v.Chirp = v.Chirp[:1] // nothing of it is in the packets behind
	}
	heard := v.decode(all)
	at, sure := speech.Find(heard, speech.Chirp(gen.PacketSamples))
	if sure < sureChirp || at < len(silent) {
		return fmt.Errorf("codec %s: the chirp is not in what was encoded: at sample %d, sure %.2f", v.format.Name, at, sure)
	}
	v.pattern = heard[at : at+gen.PacketSamples]
	v.heldMs = float64(at-len(silent)) * 1000 / speech.Rate
	v.Silence, err = v.encode(make([]float64, restPackets*v.samples()), 2)
	return err
}

// samples is how many there are in a packet, at the codec's rate.
func (v *voice) samples() int { return codec.Profile{Format: v.format}.PacketSamples() }

// encode makes payloads of pcm, whole packets at the codec's rate, and does that so many times: what is kept is the last, so
// that it goes on where it is said over and over.
func (v *voice) encode(pcm []float64, times int) ([][]byte, error) {
	encoder, err := codec.NewEncoder(codec.Profile{Format: v.format})
	if err != nil {
		return nil, fmt.Errorf("codec %s: %w", v.format.Name, err)
	}
	frame := make([]int16, v.samples())
	var all [][]byte
	for range times {
		all = all[:0]
		for from := 0; from+len(frame) <= len(pcm); from += len(frame) {
			for i := range frame {
				frame[i] = int16(32767 * max(min(pcm[from+i], 0.99), -0.99))
			}
			payload := make([]byte, codec.MaxPayloadBytes)
			n, err := encoder.Encode(payload, frame)
			if err != nil {
				return nil, fmt.Errorf("codec %s: %w", v.format.Name, err)
			}
			all = append(all, payload[:n:n])
		}
	}
	return all, nil
}

// decode is what is heard of payloads, at speech.Rate, a packet's worth for each. One that is missing, or cannot be decoded, is
// silence.
func (v *voice) decode(payloads [][]byte) []float64 {
	heard := v.format
	if heard.Name == codec.Opus {
		heard.SampleRateHz = speech.Rate // its decoder does that by itself
	}
	decoder, err := codec.NewDecoder(heard)
	if err != nil {
		return nil // there was one of the same format before
	}
	samples := codec.Profile{Format: heard}.PacketSamples()
	pcm, frame := make([]float64, 0, samples*len(payloads)), make([]int16, samples)
	for _, p := range payloads {
		n := 0
		if len(p) > 0 {
			n, _ = decoder.Decode(frame, p) // what was not decoded is silence
		}
		clear(frame[min(n, samples):])
		for _, x := range frame {
			pcm = append(pcm, float64(x)/32768)
		}
	}
	return speech.Resample(pcm, heard.SampleRateHz, speech.Rate)
}

// offer is an SDP offer of the codec. direction is as in RFC 8866 §6.7.
func (v *voice) offer(port uint16, direction string) string {
	return fmt.Sprintf("v=0\r\no=load %d %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=audio %d RTP/AVP %d\r\n%sa=ptime:20\r\na=%s\r\n", port, rand.Uint32()>>1, port, v.Kind, v.lines, direction)
}

// voices are those of all legs: of one codec, or of each codec as many, dealt in an order that is always the same.
func voices(name string, legs int) ([]*voice, error) {
	var kinds []*voice
	names := []string{name}
	if name == mixed {
		names = names[:0]
		for _, s := range spoken {
			names = append(names, string(s.name))
		}
	}
	for _, n := range names {
		v, err := newVoice(n)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, v)
	}
	of := make([]*voice, legs)
	for i := range of {
		of[i] = kinds[i%len(kinds)]
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(legs, func(i, j int) { of[i], of[j] = of[j], of[i] })
	return of, nil
}
