package sdp

import (
	"slices"
	"strconv"
	"strings"
)

// The header extensions that we know: the level of what a client sends, and those of who is in a mixer's mix.
const (
	clientLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level" // RFC 6464
	mixLevels   = "urn:ietf:params:rtp-hdrext:csrc-audio-level" // RFC 6465
)

// maxExtensionID is the last of the numbers of the one-byte form (RFC 8285 §4.2). Greater ones are of the two-byte form, which
// nobody needs for levels, or ask us to choose.
const maxExtensionID = 14

// extension is a header extension that an extmap attribute maps (RFC 8285 §5).
type extension struct {
	id         uint8
	direction  string
	uri        string
	attributes string // "vad=on", "vad=off" or nothing: RFC 6464 §4
}

// extension reads an extmap attribute, if it is of ours. Of several with one number or one meaning the first counts.
func (a *attributes) extension(value string) {
	f := strings.Fields(value)
	if len(f) < 2 || f[1] != clientLevel && f[1] != mixLevels {
		return
	}
	number, direction, directed := strings.Cut(f[0], "/")
	if !directed {
		direction = "sendrecv"
	}
	id, err := strconv.ParseUint(number, 10, 8)
	if err != nil || id == 0 || id > maxExtensionID || !isDirection(direction) {
		return
	}
	e := extension{id: uint8(id), direction: direction, uri: f[1]}
	if e.uri == clientLevel && len(f) == 3 && (f[2] == "vad=on" || f[2] == "vad=off") {
		e.attributes = f[2]
	}
	if !slices.ContainsFunc(a.extensions, func(o extension) bool { return o.id == e.id || o.uri == e.uri }) {
		a.extensions = append(a.extensions, e)
	}
}

// wanted are those of the peer's extensions that we have a use for, in the direction that we have it in: levels come from the
// peer, and those of the mix go there.
func wanted(theirs []extension) []extension {
	var ours []extension
	for _, e := range theirs {
		switch {
		case e.uri == clientLevel && (e.direction == "sendrecv" || e.direction == "sendonly"):
			e.direction = "recvonly"
		case e.uri == mixLevels && (e.direction == "sendrecv" || e.direction == "recvonly"):
			e.direction = "sendonly"
		default:
			continue
		}
		ours = append(ours, e)
	}
	return ours
}

// identify is the number of an extension, 0 where it is not there.
func identify(all []extension, uri string) uint8 {
	for _, e := range all {
		if e.uri == uri {
			return e.id
		}
	}
	return 0
}

// String is e as an extmap attribute writes it.
func (e extension) String() string {
	s := strconv.Itoa(int(e.id)) + "/" + e.direction + " " + e.uri
	if e.attributes != "" {
		s += " " + e.attributes
	}
	return s
}
