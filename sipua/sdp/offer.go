package sdp

import (
	"fmt"

	pion "github.com/pion/sdp/v3"

	"github.com/confbridge/confbridge/mixer/codec"
)

// firstDynamic is where our own payload numbers start (RFC 3551 §6: 96 to 127 are dynamic).
const firstDynamic = 96

// Offer makes an offer of everything that we speak, to send and receive, RTCP multiplexing included (RFC 3264 §5,
// RFC 5761 §5.1.1). In a running session (Local.Previous) it keeps the streams in their places and each codec's number
// (RFC 3264 §8), and offers again what may have been put on hold (RFC 6337 §5.1).
func Offer(local Local) []byte {
	offer := local.description(nil)
	previous := &pion.SessionDescription{}
	if local.Previous != nil {
		if p, err := parse(local.Previous); err == nil {
			previous = p
			offer.TimeDescriptions = p.TimeDescriptions
		}
	}
	placed := false
	for _, m := range previous.MediaDescriptions {
		if m.MediaName.Port.Value == 0 || placed {
			offer.MediaDescriptions = append(offer.MediaDescriptions, refuse(m))
			continue
		}
		placed = true
		codecs, events := local.offered(m)
		offer.MediaDescriptions = append(offer.MediaDescriptions, local.audio(codecs, events, "sendrecv", true))
	}
	if !placed {
		codecs, events := local.offered(nil)
		offer.MediaDescriptions = append(offer.MediaDescriptions, local.audio(codecs, events, "sendrecv", true))
	}
	return local.marshal(offer)
}

// offered lists our codecs and events, with the numbers that they have in m, where they have one.
func (l Local) offered(m *pion.MediaDescription) (codecs, events []format) {
	var used [128]bool
	var old []format
	if m != nil {
		a := readAttributes(m)
		for _, text := range m.MediaName.Formats {
			n, _ := payloadType(text)
			used[n] = true
			if f, _, ok := a.format(n); ok {
				old = append(old, f)
			}
		}
	}
	number := func(name codec.Name, clock int, static uint8) uint8 {
		for _, f := range old {
			if f.format.Name == name && f.format.ClockRateHz == clock {
				return f.payloadType
			}
		}
		n := static
		for n >= firstDynamic && used[n] {
			n++
		}
		used[n] = true
		return n
	}
	clocks := map[int]bool{}
	for _, name := range l.codecs() {
		f, static := codec.Format{Name: name, ClockRateHz: 8000, SampleRateHz: 8000}, uint8(0)
		switch name {
		case codec.Opus:
			f, static = codec.Format{Name: name, ClockRateHz: 48000, SampleRateHz: 48000}, firstDynamic
		case codec.PCMA:
			static = 8
		case codec.PCMU:
		default:
			continue
		}
		codecs = append(codecs, format{payloadType: number(name, f.ClockRateHz, static), format: f})
		clocks[f.ClockRateHz] = true
	}
	if clocks[48000] {
		events = append(events, format{payloadType: number("", 48000, firstDynamic+4), format: codec.Format{ClockRateHz: 48000}})
	}
	if clocks[8000] {
		events = append(events, format{payloadType: number("", 8000, firstDynamic+5), format: codec.Format{ClockRateHz: 8000}})
	}
	return codecs, events
}

// AcceptAnswer takes the answer to an offer of ours (RFC 3264 §7). The answerer's payload types are those we send,
// ours are those we receive.
//
// It fails with ErrMalformed (also where the answer has another number of streams than the offer), with ErrNoAudio if
// the peer declined the stream, and with ErrNoCodec, ErrTransport, ErrAddress or ErrMulticast.
func AcceptAnswer(offer, answer []byte, local Local) (Agreed, error) {
	ours, err := parse(offer)
	if err != nil {
		return Agreed{}, fmt.Errorf("own offer: %w", err)
	}
	theirs, err := parse(answer)
	if err != nil {
		return Agreed{}, fmt.Errorf("answer: %w", err)
	}
	if got, want := len(theirs.MediaDescriptions), len(ours.MediaDescriptions); got != want {
		return Agreed{}, fmt.Errorf("answer: %w: %d streams to an offer of %d", ErrMalformed, got, want)
	}
	for i, m := range ours.MediaDescriptions {
		if m.MediaName.Media == "audio" && m.MediaName.Port.Value != 0 {
			return accept(m, theirs, theirs.MediaDescriptions[i], local)
		}
	}
	return Agreed{}, fmt.Errorf("own offer: %w", ErrNoAudio)
}

// accept matches our stream and the peer's.
func accept(our *pion.MediaDescription, desc *pion.SessionDescription, their *pion.MediaDescription, local Local) (Agreed, error) {
	if their.MediaName.Media != "audio" || their.MediaName.Port.Value == 0 {
		return Agreed{}, fmt.Errorf("answer: %w: declined", ErrNoAudio)
	}
	s, err := readStream(desc, their, local.codecs(), local.RTP.Addr())
	if err != nil {
		return Agreed{}, fmt.Errorf("answer: %w", err)
	}
	a := readAttributes(our)
	if !a.mux {
		s.mux = false
	}
	codecs, events := a.formats(our.MediaName.Formats, local.codecs())
	var ourCodecs, ourEvents []format
	s.codecs, ourCodecs = pair(s.codecs, codecs, func(f format) func(format) bool { return sameName(f) })
	s.events, ourEvents = pair(s.events, events, func(f format) func(format) bool { return sameClock(f) })
	if len(s.codecs) == 0 {
		return Agreed{}, fmt.Errorf("answer: %w: none that was offered", ErrNoCodec)
	}
	return s.agree(ourCodecs, ourEvents), nil
}

// pair keeps of theirs what is in ours, and returns the two side by side.
func pair(theirs, ours []format, same func(format) func(format) bool) (kept, matched []format) {
	for _, f := range theirs {
		is := same(f)
		for _, g := range ours {
			if is(g) {
				kept, matched = append(kept, f), append(matched, g)
				break
			}
		}
	}
	return kept, matched
}
