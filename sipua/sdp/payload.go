package sdp

import (
	"slices"
	"strconv"
	"strings"

	"github.com/confbridge/confbridge/mixer/codec"
)

const (
	telephoneEvent = "telephone-event"
	comfortNoise   = "CN" // RFC 3389 §4
	// opusParameters: we send and take mono, and want redundancy for lost packets (RFC 7587 §6.1).
	opusParameters = "stereo=0;useinbandfec=1"
	// eventParameters: the sixteen keys (RFC 4733 §2.4.1, §3.2).
	eventParameters = "0-15"
)

// format is one payload type of a stream.
type format struct {
	payloadType uint8
	kind        kind
	format      codec.Format // of a codec; of an event the ClockRateHz only
	receiveHz   int          // the rate that what comes in is to be decoded at
	opus        codec.OpusSettings
}

// kind is what a payload type is for.
type kind uint8

const (
	sound kind = iota
	event      // RFC 4733
	noise      // RFC 3389
)

// static are the formats that need no rtpmap (RFC 3551 §6). 11, L16 at 44100, is not ours.
var static = map[uint8]string{0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 13: "CN/8000"}

// formats picks from a stream's list what we speak, in the list's order: each codec once, the telephone-events whose clock is
// that of a codec (RFC 4733 §2.6.2), and comfort noise where there is G.711. If no event's clock is, the first one is taken all
// the same: telephones offer opus with telephone-event/8000 alone.
func (a *attributes) formats(list []string, ours []codec.Name) formats {
	var all formats
	var seen [128]bool
	for _, text := range list[:min(len(list), maxFormats)] {
		n, ok := payloadType(text)
		if !ok || seen[n] {
			continue
		}
		seen[n] = true
		f, ok := a.format(n)
		switch {
		case !ok:
		case f.kind == event:
			all.events = append(all.events, f)
		case f.kind == noise:
			all.noise = append(all.noise, f)
		case slices.Contains(ours, f.format.Name) && !slices.ContainsFunc(all.codecs, sameCodec(f)):
			all.codecs = append(all.codecs, f)
		}
	}
	all.events = matchClocks(all.codecs, all.events)
	all.noise = all.noise[:min(len(all.noise), 1)]
	if !slices.ContainsFunc(all.codecs, isG711) {
		all.noise = nil
	}
	return all
}

// formats are what a stream has of ours.
type formats struct {
	codecs, events []format
	noise          []format // one at the most
}

// all are the formats in the order of an m= line.
func (f formats) all() []format { return slices.Concat(f.codecs, f.noise, f.events) }

// prefer puts the codecs into our order; of one codec's formats, the peer's remains.
func (f formats) prefer(ours []codec.Name) {
	slices.SortStableFunc(f.codecs, func(a, b format) int {
		return slices.Index(ours, a.format.Name) - slices.Index(ours, b.format.Name)
	})
}

func isG711(f format) bool { return f.format.Name == codec.PCMU || f.format.Name == codec.PCMA }

func sameCodec(f format) func(format) bool {
	return func(g format) bool {
		return g.format.Name == f.format.Name && g.format.ClockRateHz == f.format.ClockRateHz
	}
}

func sameKind(f format) func(format) bool { return func(g format) bool { return g.kind == f.kind } }

func sameClock(f format) func(format) bool {
	return func(g format) bool { return g.format.ClockRateHz == f.format.ClockRateHz }
}

func matchClocks(codecs, events []format) []format {
	var matching []format
	for _, e := range events {
		if slices.ContainsFunc(codecs, sameClock(e)) && !slices.ContainsFunc(matching, sameClock(e)) {
			matching = append(matching, e)
		}
	}
	if matching == nil && len(events) > 0 {
		matching = events[:1]
	}
	return matching
}

// format says what a payload type stands for.
func (a *attributes) format(n uint8) (f format, ok bool) {
	text, mapped := a.rtpmap[n]
	if !mapped {
		if text = static[n]; text == "" {
			return format{}, false
		}
	}
	name, rest, _ := strings.Cut(text, "/")
	clock, channels, _ := strings.Cut(rest, "/")
	clockHz, _ := strconv.Atoi(clock)
	if strconv.Itoa(clockHz) != clock {
		return format{}, false
	}
	f.payloadType = n
	switch {
	case strings.EqualFold(name, telephoneEvent):
		f.kind, f.format.ClockRateHz = event, clockHz
		return f, clockHz == 8000 || clockHz == 16000 || clockHz == 48000
	case strings.EqualFold(name, comfortNoise):
		f.kind, f.format.ClockRateHz = noise, clockHz
		return f, clockHz == 8000 && n != 0
	}
	f.format, ok = codec.Lookup(name, clockHz)
	f.receiveHz = f.format.SampleRateHz
	switch {
	case !ok:
		return format{}, false
	case f.format.Name == codec.Opus:
		o := readOpus(a.fmtp[n])
		f.format.SampleRateHz, f.receiveHz, f.opus = o.sendHz, o.receiveHz, o.settings
	case channels != "" && channels != "1":
		return format{}, false
	}
	return f, true
}

// rtpmap is the encoding of f as an rtpmap attribute writes it, and fmtp its parameters.
func (f format) rtpmap() (encoding, fmtp string) {
	clock := "/" + strconv.Itoa(f.format.ClockRateHz)
	switch {
	case f.kind == event:
		return telephoneEvent + clock, eventParameters
	case f.kind == noise:
		return comfortNoise + clock, ""
	case f.format.Name == codec.Opus:
		return "opus/48000/2", opusParameters // always two channels: RFC 7587 §7
	}
	return string(f.format.Name) + clock, ""
}
