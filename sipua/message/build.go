package message

import (
	"net/netip"
	"strconv"
	"strings"
)

// AppendTo appends the message's text to dst. It never fails: CR and LF in values become spaces or escapes, whatever is
// no token where one must be is left out, and Content-Length is always written.
func (m *Message) AppendTo(dst []byte) []byte {
	b := m.appendStart(dst)
	for i := range m.Via {
		b = append(b, "Via: "...)
		b = m.Via[i].appendTo(b)
		b = append(b, "\r\n"...)
	}
	b = appendAddresses(b, "Route: ", m.Route)
	b = appendAddresses(b, "Record-Route: ", m.RecordRoute)
	if !m.From.IsZero() {
		b = append(b, "From: "...)
		b = append(m.From.appendTo(b), "\r\n"...)
	}
	if !m.To.IsZero() {
		b = append(b, "To: "...)
		b = append(m.To.appendTo(b), "\r\n"...)
	}
	if m.CallID != "" {
		b = append(b, "Call-ID: "...)
		b = append(appendClean(b, m.CallID), "\r\n"...)
	}
	b = m.appendCSeq(b)
	if m.ContactAny {
		b = append(b, "Contact: *\r\n"...)
	}
	b = appendAddresses(b, "Contact: ", m.Contact)
	for _, h := range m.Headers {
		if !all(h.Name, isToken) {
			continue
		}
		b = append(b, h.Name...)
		b = append(b, ": "...)
		b = append(appendClean(b, h.Value), "\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(m.Body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, m.Body...)
}

// Bytes is AppendTo on a new slice.
func (m *Message) Bytes() []byte { return m.AppendTo(make([]byte, 0, 1024+len(m.Body))) }

func (m *Message) appendStart(b []byte) []byte {
	if m.IsRequest() {
		b = appendToken(b, string(m.Method))
		b = append(b, ' ')
		b = m.RequestURI.appendTo(b)
		return append(b, " SIP/2.0\r\n"...)
	}
	b = append(b, "SIP/2.0 "...)
	b = strconv.AppendInt(b, int64(min(max(m.StatusCode, 100), 999)), 10)
	b = append(b, ' ')
	return append(appendClean(b, m.Reason), "\r\n"...)
}

func (m *Message) appendCSeq(b []byte) []byte {
	switch {
	case m.rawCSeq != "":
		b = append(b, "CSeq: "...)
		b = appendClean(b, m.rawCSeq)
	case m.CSeq.Method != "":
		b = append(b, "CSeq: "...)
		b = strconv.AppendUint(b, uint64(m.CSeq.Seq), 10)
		b = append(b, ' ')
		b = appendToken(b, string(m.CSeq.Method))
	default:
		return b
	}
	return append(b, "\r\n"...)
}

func appendAddresses(b []byte, name string, list []Address) []byte {
	for i := range list {
		b = append(b, name...)
		b = append(list[i].appendTo(b), "\r\n"...)
	}
	return b
}

func (a *Address) appendTo(b []byte) []byte {
	if a.raw != "" && a.URI.IsZero() {
		return appendClean(b, a.raw)
	}
	if a.Display != "" {
		b = append(appendQuoted(b, a.Display), ' ')
	}
	b = append(b, '<')
	b = a.URI.appendTo(b)
	b = append(b, '>')
	return a.Params.appendTo(b)
}

func (v *Via) appendTo(b []byte) []byte {
	if v.raw != "" {
		return appendClean(b, v.raw)
	}
	if name, version, ok := strings.Cut(v.Protocol, "/"); ok {
		b = append(appendToken(b, name), '/')
		b = append(appendToken(b, version), '/')
	} else {
		b = append(b, "SIP/2.0/"...)
	}
	b = appendToken(b, v.Transport)
	b = append(b, ' ')
	b = appendHostPort(b, v.Host, v.Port)
	return v.Params.appendTo(b)
}

func (p Params) appendTo(b []byte) []byte {
	for i := range p {
		if !all(p[i].Name, isToken) {
			continue
		}
		b = append(b, ';')
		b = append(b, p[i].Name...)
		switch v := p[i].Value; {
		case p[i].Quoted || v != "" && !all(v, isPlain):
			b = append(b, '=')
			b = appendQuoted(b, v)
		case v != "":
			b = append(b, '=')
			b = append(b, v...)
		}
	}
	return b
}

// String is the URI as it goes onto the wire, without angle brackets.
func (u URI) String() string { return string(u.appendTo(nil)) }

func (u *URI) appendTo(b []byte) []byte {
	if isScheme(u.Scheme) {
		b = append(b, u.Scheme...)
	} else {
		b = append(b, "sip"...)
	}
	b = append(b, ':')
	if !u.IsSIP() && u.Scheme != "" {
		if u.Opaque == "" {
			b = append(b, '0')
		}
		for i := range len(u.Opaque) {
			if c := u.Opaque[i]; class[c]&isOpaque != 0 && (u.Scheme != "tel" || c != ';') {
				b = append(b, c)
			} else {
				b = appendEscape(b, c)
			}
		}
		return u.appendParams(b)
	}
	if u.User != "" {
		b = appendEscaped(b, u.User, isUser)
		if u.Password != "" {
			b = append(b, ':')
			b = appendEscaped(b, u.Password, isPassword)
		}
		b = append(b, '@')
	}
	b = appendHostPort(b, u.Host, u.Port)
	b = u.appendParams(b)
	if u.Headers != "" {
		b = append(b, '?')
		b = appendEscaped(b, u.Headers, isURIHeader)
	}
	return b
}

func (u *URI) appendParams(b []byte) []byte {
	for i := range u.Params {
		if u.Params[i].Name == "" {
			continue
		}
		b = append(b, ';')
		b = appendEscaped(b, u.Params[i].Name, isURIParam)
		if v := u.Params[i].Value; v != "" {
			b = append(b, '=')
			b = appendEscaped(b, v, isURIValue)
		}
	}
	return b
}

// appendHostPort writes what can be a host; a host of which nothing remains becomes "invalid" (RFC 2606).
func appendHostPort(b []byte, host string, port int) []byte {
	start := len(b)
	if all(host, isHost) {
		b = append(b, host...)
	} else if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		b = append(b, '[')
		if a.Zone() == "" {
			b = append(b, host...)
		} else {
			b = a.WithZone("").AppendTo(b)
		}
		b = append(b, ']')
	} else {
		for i := range len(host) {
			if class[host[i]]&isHost != 0 {
				b = append(b, host[i])
			}
		}
	}
	if len(b) == start {
		b = append(b, "invalid"...)
	}
	if port > 0 && port < 65536 {
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(port), 10)
	}
	return b
}

// appendClean writes text with CR and LF as spaces.
func appendClean(b []byte, s string) []byte {
	start := len(b)
	b = append(b, s...)
	for i := start; i < len(b); i++ {
		if b[i] == '\r' || b[i] == '\n' {
			b[i] = ' '
		}
	}
	return b
}

// appendToken writes what of s is allowed in a token; if nothing is, a hyphen.
func appendToken(b []byte, s string) []byte {
	if all(s, isToken) {
		return append(b, s...)
	}
	start := len(b)
	for i := range len(s) {
		if class[s[i]]&isToken != 0 {
			b = append(b, s[i])
		}
	}
	if len(b) == start {
		b = append(b, '-')
	}
	return b
}

// appendQuoted writes a quoted string (RFC 3261 §25.1); CR and LF, which cannot be in one, become spaces.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\r' || c == '\n':
			b = append(b, ' ')
		case c == '"' || c == '\\' || c < ' ' && c != '\t' || c == 0x7f:
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// appendEscaped writes s, whose escapes are there already, and escapes what of it is not of the class.
func appendEscaped(b []byte, s string, bits uint16) []byte {
	for i := range len(s) {
		c := s[i]
		escape := c == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0
		if escape || class[c]&bits != 0 {
			b = append(b, c)
		} else {
			b = appendEscape(b, c)
		}
	}
	return b
}

func appendEscape(b []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(b, '%', digits[c>>4], digits[c&15])
}
