package session

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// document is what matters of a description's lines. It is read in one pass, strictly where something is done with a line, and not at all
// where nothing is: players and encoders keep neither the order of RFC 8866 §5 nor its list of types.
type document struct {
	versioned bool
	origin    origin
	name      string
	info      string
	session   level
	streams   []level // their m= lines
}

// origin is the o= line.
type origin struct {
	id, version uint64
	address     netip.Addr // zero where it is a name
}

// level is what is said of the whole session, or of one stream.
type level struct {
	line             // m=, of a stream
	media, transport string
	port             uint16
	formats          []string
	connection       *line // c=
	attributes       []attribute
}

// line is one of the text, for errors.
type line struct {
	number int
	text   string
}

func (l line) fault(why string) error { return fault(l.number, l.text, why) }

// attribute is an a= line.
type attribute struct {
	line
	key, value string
}

// read takes the text apart.
func read(text []byte) (*document, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrMalformed, len(text), MaxBytes)
	}
	d := &document{}
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		l := line{number: number, text: strings.TrimRight(string(raw), "\r\n \t")}
		if l.text == "" {
			continue
		}
		if why := d.take(l); why != "" {
			return nil, l.fault(why)
		}
	}
	if !d.versioned {
		return nil, fmt.Errorf("%w: line 1: there is no v=0", ErrMalformed)
	}
	return d, nil
}

// take reads one line and returns what is wrong with it.
func (d *document) take(l line) (why string) {
	if len(l.text) < 2 || l.text[1] != '=' {
		return "not of the form x=value"
	}
	if strings.ContainsFunc(l.text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return "control character"
	}
	kind, value := l.text[0], strings.TrimLeft(l.text[2:], " \t")
	if !d.versioned {
		if kind != 'v' || value != "0" {
			return "v=0 must come first"
		}
		d.versioned = true
		return ""
	}
	at := &d.session
	if len(d.streams) > 0 {
		at = &d.streams[len(d.streams)-1]
	}
	switch kind {
	case 'o':
		return d.origin.read(value)
	case 's':
		d.name = shown(value, MaxNameBytes)
	case 'i':
		if len(d.streams) == 0 {
			d.info = shown(value, MaxInfoBytes)
		}
	case 'c':
		if at.connection == nil { // more of them are layers of the same (§5.7): the first is the base
			at.connection = &l
		}
	case 'm':
		return d.stream(l, value)
	case 'a':
		key, value, _ := strings.Cut(value, ":")
		at.attributes = append(at.attributes, attribute{l, strings.TrimSpace(key), strings.TrimSpace(value)})
	}
	return ""
}

func (o *origin) read(value string) string {
	f := strings.Fields(value)
	if len(f) != 6 {
		return "o= takes six fields"
	}
	id, err1 := strconv.ParseUint(f[1], 10, 64)
	version, err2 := strconv.ParseUint(f[2], 10, 64)
	if err1 != nil || err2 != nil {
		return "the session's ID and version are numbers"
	}
	o.id, o.version, o.address = id, version, netip.Addr{}
	if a, err := netip.ParseAddr(f[5]); err == nil && a.Zone() == "" {
		o.address = a.Unmap()
	}
	return ""
}

func (d *document) stream(l line, value string) string {
	f := strings.Fields(value)
	if len(f) < 4 {
		return "m= takes media, port, transport and formats"
	}
	if len(d.streams) == MaxStreams {
		return fmt.Sprintf("more than %d streams", MaxStreams)
	}
	first, _, _ := strings.Cut(f[1], "/") // of several ports the first is the base's
	port, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return "bad port"
	}
	d.streams = append(d.streams, level{line: l, media: f[0], transport: f[2], port: uint16(port), formats: f[3:]})
	return ""
}

// all are the attributes of a name.
func (m *level) all(key string) []attribute {
	var found []attribute
	for _, a := range m.attributes {
		if a.key == key {
			found = append(found, a)
		}
	}
	return found
}

// first is the value of the first attribute of a name.
func (m *level) first(key string) (attribute, bool) {
	for _, a := range m.attributes {
		if a.key == key {
			return a, true
		}
	}
	return attribute{}, false
}

// shown is a text of somebody else as people may see it: UTF-8 without control characters, no longer than most. The dash that stands for
// none is none (RFC 8866 §5.3).
func shown(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, text) // what is no UTF-8 becomes U+FFFD too
	for len(text) > most {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	if text = strings.TrimSpace(text); text == "-" {
		return ""
	}
	return text
}
