package sdp

import (
	"slices"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"

	"github.com/confbridge/confbridge/mixer/codec"
)

const (
	telephoneEvent = "telephone-event"
	// opusParameters: we send and take mono, and want redundancy for lost packets (RFC 7587 §6.1).
	opusParameters = "stereo=0;useinbandfec=1"
	// eventParameters: the sixteen keys (RFC 4733 §2.4.1, §3.2).
	eventParameters = "0-15"
	ptime           = "20"
)

// attributes are the attributes of one stream that matter here. Of repeated ones the first counts.
type attributes struct {
	rtpmap, fmtp    map[uint8]string
	direction, rtcp string
	mux             bool
	ptime           int
}

func readAttributes(m *pion.MediaDescription) attributes {
	a := attributes{rtpmap: map[uint8]string{}, fmtp: map[uint8]string{}}
	for _, at := range m.Attributes {
		switch {
		case at.Key == "rtpmap":
			keepFirst(a.rtpmap, at.Value)
		case at.Key == "fmtp":
			keepFirst(a.fmtp, at.Value)
		case at.Key == "rtcp" && a.rtcp == "":
			a.rtcp = at.Value
		case at.Key == "rtcp-mux":
			a.mux = true
		case at.Key == "ptime" && a.ptime == 0:
			if n, err := strconv.ParseUint(at.Value, 10, 16); err == nil {
				a.ptime = int(n)
			}
		case isDirection(at.Key) && a.direction == "":
			a.direction = at.Key
		}
	}
	return a
}

// keepFirst puts "number rest" into m, unless the number is there.
func keepFirst(m map[uint8]string, value string) {
	number, rest, _ := strings.Cut(value, " ")
	n, ok := payloadType(number)
	if _, had := m[n]; ok && !had {
		m[n] = strings.TrimSpace(rest)
	}
}

func payloadType(text string) (uint8, bool) {
	n, err := strconv.ParseUint(text, 10, 8)
	return uint8(n), err == nil && n < 128
}

// formats picks from a stream's list what we speak, in the list's order: each codec once, and the telephone-events
// whose clock is that of a codec (RFC 4733 §2.6.2). If none is, the first telephone-event is taken all the same:
// telephones offer opus with telephone-event/8000 alone.
func (a *attributes) formats(list []string, ours []codec.Name) (codecs, events []format) {
	var seen [128]bool
	for _, text := range list[:min(len(list), maxFormats)] {
		n, ok := payloadType(text)
		if !ok || seen[n] {
			continue
		}
		seen[n] = true
		f, isEvent, ok := a.format(n)
		switch {
		case !ok:
		case isEvent:
			events = append(events, f)
		case slices.Contains(ours, f.format.Name) && !slices.ContainsFunc(codecs, sameName(f)):
			codecs = append(codecs, f)
		}
	}
	return codecs, matchClocks(codecs, events)
}

func sameName(f format) func(format) bool {
	return func(g format) bool { return g.format.Name == f.format.Name }
}

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

// format says what a payload type stands for. 0 and 8 need no rtpmap (RFC 3551 §6).
func (a *attributes) format(n uint8) (f format, isEvent, ok bool) {
	text, mapped := a.rtpmap[n]
	if !mapped {
		switch n {
		case 0:
			text = "PCMU/8000"
		case 8:
			text = "PCMA/8000"
		default:
			return format{}, false, false
		}
	}
	name, rest, _ := strings.Cut(text, "/")
	clock, channels, _ := strings.Cut(rest, "/")
	clockHz, _ := strconv.Atoi(clock)
	if strconv.Itoa(clockHz) != clock {
		return format{}, false, false
	}
	f.payloadType = n
	if strings.EqualFold(name, telephoneEvent) && (clockHz == 8000 || clockHz == 48000) {
		f.format.ClockRateHz = clockHz
		return f, true, true
	}
	f.format, ok = codec.Lookup(name, clockHz)
	if f.format.Name == codec.Opus {
		f.format.SampleRateHz = opusRate(a.fmtp[n])
	} else if channels != "" && channels != "1" {
		ok = false
	}
	if !ok {
		return format{}, false, false
	}
	return f, false, true
}

// opusRate is the highest of our rates that the peer plays: maxplaybackrate of RFC 7587 §6.1, 48000 without it.
func opusRate(fmtp string) int {
	for p := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		rate, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
		if !strings.EqualFold(strings.TrimSpace(key), "maxplaybackrate") || err != nil || rate == 0 {
			continue
		}
		switch {
		case rate < 12000:
			return 8000
		case rate < 24000:
			return 16000
		}
	}
	return 48000
}

// rtpmap is the encoding of f as an rtpmap attribute writes it, and fmtp its parameters.
func (f format) rtpmap() (encoding, fmtp string) {
	switch f.format.Name {
	case codec.Opus:
		return "opus/48000/2", opusParameters // always two channels: RFC 7587 §7
	case codec.PCMU, codec.PCMA:
		return string(f.format.Name) + "/8000", ""
	}
	return telephoneEvent + "/" + strconv.Itoa(f.format.ClockRateHz), eventParameters
}
