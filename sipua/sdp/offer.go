package sdp

import (
	"fmt"
	"slices"

	pion "github.com/pion/sdp/v3"

	"github.com/confbridge/confbridge/mixer/codec"
)

// firstDynamic is where our own payload numbers start (RFC 3551 §6: 96 to 127 are dynamic).
const firstDynamic = 96

// Offer makes an offer of everything that we speak, to send and receive, RTCP multiplexing included (RFC 3264 §5,
// RFC 5761 §5.1.1). In a running session (Local.Previous) it keeps the streams in their places, each codec's number and the
// header extensions that were agreed (RFC 3264 §8, RFC 8285 §6), and offers again what may have been put on hold (RFC 6337
// §5.1). An offer that comes first has no header extensions, nor ever comfort noise that the peer has not offered.
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
		offer.MediaDescriptions = append(offer.MediaDescriptions, local.audio(local.offered(m)))
	}
	if !placed {
		offer.MediaDescriptions = append(offer.MediaDescriptions, local.audio(local.offered(&pion.MediaDescription{})))
	}
	return local.marshal(offer)
}

// offered is our stream with all that we speak, with the numbers that it has in m, where it has one.
func (l Local) offered(m *pion.MediaDescription) written {
	a := readAttributes(m)
	w := written{packet: l.packet(), direction: "sendrecv", mux: true, extensions: a.extensions}
	n := newNumbers(&a, m.MediaName.Formats)
	clocks := map[int]bool{}
	for _, name := range l.codecs() {
		for _, f := range offeredFormats(name) {
			w.codecs = append(w.codecs, n.of(format{format: f.Format, payloadType: f.number}))
			clocks[f.ClockRateHz] = true
		}
	}
	for _, e := range []struct {
		clock  int
		number uint8
	}{{48000, firstDynamic + 4}, {8000, firstDynamic + 5}, {16000, firstDynamic + 6}} {
		if clocks[e.clock] {
			w.events = append(w.events, n.of(format{kind: event, format: codec.Format{ClockRateHz: e.clock}, payloadType: e.number}))
		}
	}
	if slices.ContainsFunc(w.codecs, isG711) {
		w.noise = n.noise()
	}
	w.packet = packed(codec.Profile{Format: w.codecs[0].format}, w.packet, 0).Packet
	return w
}

// numbered is a format, and the number that it has where that is still free.
type numbered struct {
	codec.Format
	number uint8
}

// offeredFormats are the formats of a codec in an offer. L16 comes at 16 kHz first, which is the rate of most machines that
// listen, and whose packets may last 20 ms.
func offeredFormats(name codec.Name) []numbered {
	number := map[codec.Name]uint8{codec.Opus: firstDynamic, codec.G722: 9, codec.PCMU: 0, codec.PCMA: 8, codec.L16: firstDynamic + 1}[name]
	clocks := map[codec.Name][]int{codec.Opus: {48000}, codec.L16: {16000, 48000, 8000}}[name]
	if clocks == nil {
		clocks = []int{8000}
	}
	var all []numbered
	for i, clock := range clocks {
		if f, ok := codec.Lookup(string(name), clock); ok {
			all = append(all, numbered{f, number + uint8(i)})
		}
	}
	return all
}

// numbers gives payload types: those of before, and free ones.
type numbers struct {
	used   [128]bool
	before []format
}

func newNumbers(a *attributes, list []string) *numbers {
	n := &numbers{}
	for _, text := range list {
		number, ok := payloadType(text)
		if !ok {
			continue
		}
		n.used[number] = true
		if f, ok := a.format(number); ok {
			n.before = append(n.before, f)
		}
	}
	return n
}

// of is f with its number: of before, or its own if that is free, or the next.
func (n *numbers) of(f format) format {
	same := sameCodec(f)
	for _, b := range n.before {
		if b.kind == f.kind && same(b) {
			f.payloadType = b.payloadType
			return f
		}
	}
	for n.used[f.payloadType] { // of the 32 dynamic ones we never use half
		f.payloadType = max(f.payloadType+1, firstDynamic)
	}
	n.used[f.payloadType] = true
	return f
}

// noise is the comfort noise of before.
func (n *numbers) noise() []format {
	for _, b := range n.before {
		if b.kind == noise {
			return []format{b}
		}
	}
	return nil
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
	ours := a.formats(our.MediaName.Formats, local.codecs())
	var matched formats
	s.codecs, matched.codecs = pair(s.codecs, ours.codecs, sameCodec)
	s.events, matched.events = pair(s.events, ours.events, sameClock)
	s.noise, matched.noise = pair(s.noise, ours.noise, sameKind)
	if len(s.codecs) == 0 {
		return Agreed{}, fmt.Errorf("answer: %w: none that was offered", ErrNoCodec)
	}
	s.extensions = slices.DeleteFunc(wanted(s.extensions), func(e extension) bool { return identify(a.extensions, e.uri) != e.id })
	return s.agree(matched, local.packet()), nil
}

// pair keeps of theirs what is in ours, and returns the two side by side.
func pair(theirs, ours []format, same func(format) func(format) bool) (kept, matched []format) {
	for _, f := range theirs {
		if i := slices.IndexFunc(ours, same(f)); i >= 0 {
			kept, matched = append(kept, f), append(matched, ours[i])
		}
	}
	return kept, matched
}
