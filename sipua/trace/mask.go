package trace

import (
	"bytes"
)

// head is what a recorder must know of a message: parts of its text. What there is twice counts as it comes first.
type head struct {
	start                  []byte // the start line
	callID, from, to, cseq []byte // values without outer white space
	contentType            []byte
	encoded                bool // the body has a Content-Encoding: nothing in it can be read, so nothing is shown
}

// known says whether the text looks like a SIP message of some call.
func (h *head) known() bool {
	return len(h.callID) > 0 && (bytes.HasPrefix(h.start, []byte("SIP/2.0 ")) || bytes.HasSuffix(h.start, []byte(" SIP/2.0")))
}

// invite says whether it belongs to an INVITE transaction, or is the ACK of one.
func (h *head) invite() bool {
	return bytes.HasSuffix(h.cseq, []byte("INVITE")) || bytes.HasPrefix(h.start, []byte("INVITE "))
}

// masker walks over a text once, line by line, and overwrites with asterisks what is secret, so that lengths and the syntax stay
// as they were. It does not rely on the text being well formed: in doubt it masks.
type masker struct {
	text []byte
	pos  int // of what is not yet read
	lf   int // of the first LF from pos on, or the text's length
	head
	inBody bool
	digits bool // the body holds key presses
}

// mask masks text in place and says what its head holds.
func mask(text []byte) head {
	m := masker{text: text, lf: -1}
	for m.pos < len(text) && (text[m.pos] == '\r' || text[m.pos] == '\n') { // RFC 3261 §7.5
		m.pos++
	}
	first := true
	for m.pos < len(text) {
		line := m.cut()
		switch {
		case first:
			m.start, first = line, false
			maskPasswords(line)
		case len(line) == 0 && !m.inBody:
			m.inBody = true
			if m.beginBody() {
				return m.head
			}
		case m.inBody:
			m.body(line)
		default:
			m.field(line)
		}
	}
	return m.head
}

// cut takes a line off the text, in the header with the lines that continue it (RFC 3261 §7.3.1).
func (m *masker) cut() []byte {
	start := m.pos
	end := m.lineEnd()
	for !m.inBody && end > start && m.pos < len(m.text) && (m.text[m.pos] == ' ' || m.text[m.pos] == '\t') {
		end = m.lineEnd()
	}
	return m.text[start:end]
}

// lineEnd goes to the next line and says where the one before ends. CRLF, LF and CR all end one.
func (m *masker) lineEnd() int {
	if m.lf < m.pos { // looked for only once, however many CR are in between
		m.lf = len(m.text)
		if i := bytes.IndexByte(m.text[m.pos:], '\n'); i >= 0 {
			m.lf = m.pos + i
		}
	}
	end, next := m.lf, min(m.lf+1, len(m.text))
	if i := bytes.IndexByte(m.text[m.pos:end], '\r'); i >= 0 {
		if m.pos+i != end-1 || end == len(m.text) {
			next = m.pos + i + 1
		}
		end = m.pos + i
	}
	m.pos = next
	return end
}

// field looks at one header field.
func (m *masker) field(line []byte) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		maskPasswords(line)
		return
	}
	value := trim(line[colon+1:])
	name := trim(line[:colon])
	if len(name) == 0 {
		return
	}
	switch name[0] | 0x20 {
	case 'c', 'i', 'f', 't', 'm', 'e':
		m.common(name, value)
	case 'v':
		// Via has neither URI nor secret, and there may be many
	default:
		maskField(name, value)
	}
}

// common are the fields that begin with a letter that a field of [head] begins with.
func (m *masker) common(name, value []byte) {
	note := func(to *[]byte) {
		if *to == nil {
			*to = value
		}
	}
	switch {
	case is(name, "call-id", "i"):
		note(&m.callID)
		return
	case is(name, "from", "f"):
		note(&m.from)
	case is(name, "to", "t"):
		note(&m.to)
	case is(name, "cseq", ""):
		note(&m.cseq)
		return
	case is(name, "content-type", "c"):
		note(&m.contentType)
	case is(name, "content-encoding", "e"):
		m.encoded = m.encoded || len(value) > 0 && !is(value, "identity", "")
	case is(name, "identity", ""): // RFC 8224: good for whoever has it as long as it is fresh
		maskToken(value)
	}
	maskPasswords(value)
}

// maskField masks in all other fields.
func maskField(name, value []byte) {
	switch name[0] | 0x20 {
	case 'a', 'p':
		switch {
		case is(name, "authorization", ""), is(name, "proxy-authorization", ""),
			is(name, "authentication-info", ""), is(name, "proxy-authentication-info", ""):
			maskCredentials(value)
			return
		}
	case 'y': // Identity's compact form
		if len(name) == 1 {
			maskToken(value)
		}
	case 'x': // fields of somebody's own, where the name says what they hold
		for _, word := range [...]string{"auth", "token", "secret", "passw", "pin", "key"} {
			if containsFold(name, word) {
				stars(value)
				return
			}
		}
	}
	maskPasswords(value)
}

// maskToken masks up to the first parameter.
func maskToken(value []byte) {
	if i := bytes.IndexByte(value, ';'); i >= 0 {
		value = value[:i]
	}
	stars(value)
}

// shown are the parameters of digest credentials that prove nothing (RFC 8760, RFC 7616 §3.4); all others are masked.
var shown = [...]string{"username", "realm", "nonce", "uri", "algorithm", "qop", "nc", "opaque", "nextnonce", "userhash"}

// maskCredentials masks what RFC 3261 §22.4 has a client prove itself with; of other schemes than Digest, all.
func maskCredentials(value []byte) {
	rest := value
	if sp := bytes.IndexAny(value, " \t"); sp > 0 && bytes.IndexByte(value[:sp], '=') < 0 {
		rest = value[sp+1:]
		if !is(value[:sp], "digest", "") {
			stars(rest)
			return
		}
	}
	for len(rest) > 0 {
		var name, v []byte
		name, v, rest = nextParam(rest)
		open := false
		for _, s := range shown {
			open = open || is(name, s, "")
		}
		switch {
		case !open && v == nil:
			stars(name)
		case !open:
			stars(v)
		default:
			maskPasswords(v)
		}
	}
}

// nextParam takes a name=value or name="value" off a list with commas; value is nil where there is none, and without its quotes.
func nextParam(b []byte) (name, value, rest []byte) {
	i := 0
	for i < len(b) && b[i] != '=' && b[i] != ',' {
		i++
	}
	name = trim(b[:i])
	if i == len(b) || b[i] == ',' {
		return name, nil, b[min(i+1, len(b)):]
	}
	i++
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	start := i
	if i < len(b) && b[i] == '"' {
		start = i + 1
		for i++; i < len(b) && b[i] != '"'; i++ {
			if b[i] == '\\' {
				i++
			}
		}
		value = b[start:min(i, len(b))]
	}
	for i < len(b) && b[i] != ',' {
		i++
	}
	i = min(i, len(b))
	if value == nil {
		value = b[start:i]
	}
	return name, value, b[min(i+1, len(b)):]
}

// beginBody decides how the body is read; true means that all of it has been masked.
func (m *masker) beginBody() bool {
	if m.encoded {
		stars(m.text[m.pos:])
		return true
	}
	m.digits = containsFold(m.contentType, "dtmf") || containsFold(m.contentType, "digits")
	return false
}

// body masks in one line of a body, of whichever kind: SDP, key presses, parts of a multipart, a SIP message in another.
func (m *masker) body(line []byte) {
	if len(line) < 2 && !m.digits {
		return
	}
	switch {
	case m.digits:
		maskDigits(line)
	case line[1] == '=':
		maskSDP(line)
	case line[0]|0x20 == 's' && hasPrefixFold(line, "signal"): // dtmf-relay as a part of a multipart
		maskDigits(line)
	default:
		maskXMLDigits(line)
		maskPasswords(line)
		if colon := bytes.IndexByte(line, ':'); colon > 0 { // message/sip, message/sipfrag
			switch line[0] | 0x20 {
			case 'a', 'p', 'x', 'y', 'i':
				if name := bytes.TrimRight(line[:colon], " \t"); is(name, "identity", "") {
					maskToken(trim(line[colon+1:]))
				} else {
					maskField(name, trim(line[colon+1:]))
				}
			}
		}
	}
}

// maskSDP masks keys: RFC 4568 crypto, RFC 8866 k=, RFC 8839 ice-pwd, RFC 4567 key-mgmt.
func maskSDP(line []byte) {
	switch line[0] {
	case 'k':
		stars(line[2:])
	case 'a':
		for _, name := range [...]string{"crypto:", "ice-pwd:", "key-mgmt:"} {
			if hasPrefixFold(line[2:], name) {
				stars(line[2+len(name):])
			}
		}
	}
}

// maskDigits masks which key was pressed, not for how long.
func maskDigits(line []byte) {
	eq := bytes.IndexByte(line, '=')
	if eq >= 0 && hasPrefixFold(trim(line), "duration") {
		return
	}
	stars(line[eq+1:])
}

// maskXMLDigits masks digits="..." of KPML (RFC 4730).
func maskXMLDigits(line []byte) {
	for {
		i := bytes.Index(line, []byte(`digits="`))
		if i < 0 {
			return
		}
		line = line[i+len(`digits="`):]
		end := bytes.IndexByte(line, '"')
		if end < 0 {
			end = len(line)
		}
		stars(line[:end])
		line = line[end:]
	}
}

// maskPasswords masks the password of each URI (RFC 3261 §19.1.1): "sip:user:password@host".
func maskPasswords(b []byte) {
	for {
		at := bytes.IndexByte(b, '@')
		if at < 0 {
			return
		}
		// The run around it, up to what no URI has in it; it goes to the last '@' of the run, as what is malformed may have several.
		start := at
		for start > 0 && !endsURI(b[start-1]) {
			start--
		}
		end := at
		for end < len(b) && !endsURI(b[end]) {
			if b[end] == '@' {
				at = end
			}
			end++
		}
		maskUserinfo(b[start:at])
		b = b[end:]
	}
}

// maskUserinfo masks what is behind the second colon of "sip:user:password", or behind the first one after "//".
func maskUserinfo(run []byte) {
	from := -1
	for i, c := range run {
		if c == ':' && (i >= 3 && is(run[i-3:i], "sip", "") || i >= 4 && is(run[i-4:i], "sips", "") || bytes.HasPrefix(run[i+1:], []byte("//"))) {
			from = i + 1
			break
		}
	}
	if from < 0 {
		return
	}
	if colon := bytes.IndexByte(run[from:], ':'); colon >= 0 {
		stars(run[from+colon+1:])
	}
}

// stars overwrites all but white space.
func stars(b []byte) {
	for i, c := range b {
		if !isSpace(c) {
			b[i] = '*'
		}
	}
}

func endsURI(c byte) bool { return isSpace(c) || c == '<' || c == '>' || c == '"' }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// is compares without regard to case with a name in lower case, or its compact form.
func is(b []byte, long, short string) bool {
	return equalFold(b, long) || short != "" && equalFold(b, short)
}

func equalFold(b []byte, lower string) bool {
	return len(b) == len(lower) && hasPrefixFold(b, lower)
}

func hasPrefixFold(b []byte, lower string) bool {
	if len(b) < len(lower) {
		return false
	}
	for i := range len(lower) {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func containsFold(b []byte, lower string) bool {
	for ; len(b) >= len(lower); b = b[1:] {
		if hasPrefixFold(b, lower) {
			return true
		}
	}
	return false
}
