package message

import (
	"strings"
)

// field is a header field that the parser looks into.
type field uint8

const (
	other field = iota
	fieldVia
	fieldFrom
	fieldTo
	fieldCallID
	fieldCSeq
	fieldContact
	fieldRoute
	fieldRecordRoute
	fieldContentLength
	fieldMaxForwards
)

var fieldNames = [...]string{
	"", "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Record-Route", "Content-Length", "Max-Forwards",
}

// fieldOf looks a name up, long or compact (RFC 3261 §7.3.3), in any case.
func fieldOf(name string) field {
	var buf [16]byte
	if len(name) > len(buf) {
		return other
	}
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		buf[i] = c
	}
	switch string(buf[:len(name)]) {
	case "via", "v":
		return fieldVia
	case "from", "f":
		return fieldFrom
	case "to", "t":
		return fieldTo
	case "call-id", "i":
		return fieldCallID
	case "cseq":
		return fieldCSeq
	case "contact", "m":
		return fieldContact
	case "route":
		return fieldRoute
	case "record-route":
		return fieldRecordRoute
	case "content-length", "l":
		return fieldContentLength
	case "max-forwards":
		return fieldMaxForwards
	}
	return other
}

// longName returns a compact name's long form, of all that IANA has registered, and any other name as it is.
func longName(name string) string {
	if len(name) != 1 {
		return name
	}
	switch name[0] | 0x20 {
	case 'a':
		return "Accept-Contact"
	case 'b':
		return "Referred-By"
	case 'c':
		return "Content-Type"
	case 'd':
		return "Request-Disposition"
	case 'e':
		return "Content-Encoding"
	case 'f':
		return "From"
	case 'i':
		return "Call-ID"
	case 'j':
		return "Reject-Contact"
	case 'k':
		return "Supported"
	case 'l':
		return "Content-Length"
	case 'm':
		return "Contact"
	case 'n':
		return "Identity-Info"
	case 'o':
		return "Event"
	case 'r':
		return "Refer-To"
	case 's':
		return "Subject"
	case 't':
		return "To"
	case 'u':
		return "Allow-Events"
	case 'v':
		return "Via"
	case 'x':
		return "Session-Expires"
	case 'y':
		return "Identity"
	}
	return name
}

// SameName says whether two header names mean the same field.
func SameName(a, b string) bool {
	if len(a) == len(b) {
		return strings.EqualFold(a, b)
	}
	return strings.EqualFold(longName(a), longName(b))
}

// Header returns the first field's value of that name and whether there is one. Compact and long names are the same,
// and case does not count. It finds only what is in Headers.
func (m *Message) Header(name string) (string, bool) {
	for i := range m.Headers {
		if SameName(m.Headers[i].Name, name) {
			return m.Headers[i].Value, true
		}
	}
	return "", false
}

// Values returns the values of all fields of that name, unsplit, in order.
func (m *Message) Values(name string) []string {
	var out []string
	for i := range m.Headers {
		if SameName(m.Headers[i].Name, name) {
			out = append(out, m.Headers[i].Value)
		}
	}
	return out
}

// Tokens returns the comma-separated values of all fields of that name: Require, Supported, Allow, Accept. Commas in
// quoted strings do not separate; empty values are left out.
func (m *Message) Tokens(name string) []string {
	var out []string
	for i := range m.Headers {
		if SameName(m.Headers[i].Name, name) {
			out = appendList(out, m.Headers[i].Value)
		}
	}
	return out
}

// appendList splits at commas outside of quoted strings.
func appendList(out []string, s string) []string {
	start, quoted := 0, false
	for i := 0; i <= len(s); i++ {
		if i < len(s) {
			switch {
			case s[i] == '"':
				quoted = !quoted
				continue
			case s[i] == '\\' && quoted:
				i++
				continue
			case s[i] != ',' || quoted:
				continue
			}
		}
		if v := strings.Trim(s[start:min(i, len(s))], " \t"); v != "" {
			out = append(out, v)
		}
		start = i + 1
	}
	return out
}

// HasToken says whether Tokens(name) has token, without regard to case.
func (m *Message) HasToken(name, token string) bool {
	for _, t := range m.Tokens(name) {
		if strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}

// Add appends a field. CR and LF in value are written as spaces; a name that is no token leaves the field out of what
// is built. The fields that Message has typed, and Content-Length, cannot be added.
func (m *Message) Add(name, value string) {
	if f := fieldOf(name); f != other && f != fieldMaxForwards {
		return
	}
	m.Headers = append(m.Headers, Header{name, value})
}

// Set replaces all fields of that name by one.
func (m *Message) Set(name, value string) {
	m.Del(name)
	m.Add(name, value)
}

// Del takes all fields of that name away.
func (m *Message) Del(name string) {
	kept := m.Headers[:0:0]
	for _, h := range m.Headers {
		if !SameName(h.Name, name) {
			kept = append(kept, h)
		}
	}
	m.Headers = kept
}

// SetBody sets the body and its Content-Type; an empty body takes the Content-Type away.
func (m *Message) SetBody(contentType string, body []byte) {
	m.Body = body
	m.Del("Content-Type")
	if len(body) > 0 {
		m.Add("Content-Type", contentType)
	}
}
