package message

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Parse reads one message. The body is what Content-Length says, octets behind it are ignored (RFC 3261 §18.3); without
// Content-Length it is all the rest. Nothing of data is kept. The error is a *ParseError: the first thing that is wrong;
// the rest is read as far as it can be, so that a response finds its way.
func Parse(data []byte) (*Message, error) {
	p := parser{length: -1}
	for len(data) >= 2 && data[0] == '\r' && data[1] == '\n' { // RFC 3261 §7.5
		data = data[2:]
		p.line++
	}
	if len(data) > MaxMessageBytes {
		p.fail(513, "", 0, &fault{"Message Too Large", ErrTooLarge})
		data = data[:MaxMessageBytes]
	}
	head, body := data, []byte(nil)
	if end := bytes.Index(data, []byte("\r\n\r\n")); end >= 0 {
		head, body = data[:end+2], data[end+4:]
	} else {
		p.fail(400, "", 0, bad("no empty line behind the header"))
	}
	if !p.start(p.next(head)) {
		return nil, p.err
	}
	p.headers()
	p.require()
	p.body(body)
	if p.err != nil {
		p.err.Message = &p.m
		return nil, p.err
	}
	return &p.m, nil
}

// parser is the state of one Parse.
type parser struct {
	m      Message
	text   string // of the header, what is not yet read
	line   int    // of the line read last, from 1
	seen   [len(fieldNames)]bool
	length int  // Content-Length; -1 where there is none
	lost   bool // the topmost Via could not be read at all
	err    *ParseError
}

// fail notes what is wrong; the first one counts.
func (p *parser) fail(status int, header string, line int, err error) {
	if p.err != nil {
		return
	}
	kind := ErrSyntax
	var f *fault
	if errors.As(err, &f) {
		kind = f.err
	}
	reason := err.Error()
	if header != "" {
		reason = header + ": " + reason
	}
	if status == 400 {
		reason = "Bad Request: " + reason
	}
	p.err = &ParseError{Status: status, Reason: reason, Header: header, Line: line, Err: kind}
}

// next turns the header into a string, of which all values are parts, and returns its first line.
func (p *parser) next(head []byte) string {
	p.text = string(head)
	if end := strings.Index(p.text, "\r\n"); end > MaxLineBytes && !isStatusLine(p.text) { // RFC 3261 §21.4.12
		p.fail(414, "", p.line+1, &fault{"Request-URI Too Long", ErrLineTooLong})
	}
	return p.cut()
}

func isStatusLine(line string) bool { return len(line) >= 4 && strings.EqualFold(line[:4], "SIP/") }

// cut takes one line off the text. A CR or LF alone ends no line; it is an error.
func (p *parser) cut() string {
	p.line++
	end := strings.Index(p.text, "\r\n")
	line := p.text
	if end < 0 {
		p.text = ""
	} else {
		line, p.text = p.text[:end], p.text[end+2:]
	}
	if strings.IndexByte(line, '\n') >= 0 || strings.IndexByte(line, '\r') >= 0 {
		p.fail(400, "", p.line, bad("CR or LF inside a line"))
	}
	if len(line) > MaxLineBytes {
		p.fail(400, "", p.line, errLongLine)
		line = line[:MaxLineBytes]
	}
	return line
}

// start reads the start line and says whether it makes sense to go on (RFC 3261 §7.1, §7.2).
func (p *parser) start(line string) bool {
	if isStatusLine(line) {
		return p.statusLine(line)
	}
	sp := strings.IndexByte(line, ' ')
	if sp < 0 || !all(line[:sp], isToken) {
		p.fail(400, "", p.line, bad("no request line"))
		return false
	}
	p.m.Method = Method(line[:sp])
	last := strings.LastIndexByte(line, ' ')
	if last == sp {
		p.fail(400, "", p.line, bad("request line without SIP version"))
		return true
	}
	uri, version := line[sp+1:last], line[last+1:]
	switch {
	case strings.ContainsAny(uri, " \t") || version == "" || uri == "":
		p.fail(400, "", p.line, bad("too much white space in the request line"))
	case !strings.EqualFold(version, "SIP/2.0"):
		if len(version) > 4 && strings.EqualFold(version[:4], "SIP/") {
			p.fail(505, "", p.line, &fault{"Version Not Supported", ErrVersion})
		} else {
			p.fail(400, "", p.line, bad("request line without SIP version"))
		}
	case uri[0] == '<':
		p.fail(400, "", p.line, bad("Request-URI in angle brackets"))
	default:
		p.requestURI(uri)
	}
	return true
}

func (p *parser) requestURI(s string) {
	var err error
	if p.m.RequestURI, err = ParseURI(s); err != nil {
		p.fail(400, "Request-URI", p.line, err)
	}
	if p.m.RequestURI.Headers != "" { // RFC 3261 §19.1.1, table 1
		p.fail(400, "Request-URI", p.line, bad("headers are not allowed"))
	}
}

func (p *parser) statusLine(line string) bool {
	version, rest, _ := strings.Cut(line, " ")
	if !strings.EqualFold(version, "SIP/2.0") {
		p.fail(505, "", p.line, &fault{"Version Not Supported", ErrVersion})
		return false
	}
	code, reason, _ := strings.Cut(rest, " ")
	n, ok := number(code, 699)
	if !ok || n < 100 || len(code) != 3 {
		p.fail(400, "", p.line, bad("malformed status code"))
		return false
	}
	p.m.StatusCode, p.m.Reason = int(n), reason
	return true
}

// headers reads all header fields.
func (p *parser) headers() {
	p.m.Headers = make([]Header, 0, 12)
	for count := 0; p.text != ""; count++ {
		if count == MaxHeaders {
			p.fail(400, "", p.line, &fault{"too many header fields", ErrTooManyHeaders})
			return
		}
		line := p.cut()
		at := p.line
		if p.text != "" && (p.text[0] == ' ' || p.text[0] == '\t') {
			line = p.unfold(line)
		}
		colon := strings.IndexByte(line, ':')
		if colon < 0 {
			p.fail(400, "", at, bad("header line without colon"))
			continue
		}
		name := strings.TrimRight(line[:colon], " \t")
		if !all(name, isToken) {
			p.fail(400, "", at, bad("malformed header name"))
			continue
		}
		value := strings.Trim(line[colon+1:], " \t")
		f := fieldOf(name)
		if f == other {
			p.m.Headers = append(p.m.Headers, Header{name, value})
		} else if err := p.value(f, name, value); err != nil {
			p.fail(400, fieldNames[f], at, err)
		}
	}
}

// unfold joins a line and those that continue it with single spaces (RFC 3261 §7.3.1).
func (p *parser) unfold(line string) string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(line, " \t"))
	for p.text != "" && (p.text[0] == ' ' || p.text[0] == '\t') {
		more := strings.Trim(p.cut(), " \t")
		if b.Len()+len(more) >= MaxLineBytes {
			p.fail(400, "", p.line, errLongLine)
			continue
		}
		b.WriteByte(' ')
		b.WriteString(more)
	}
	return b.String()
}

// value reads one field that Message has typed.
func (p *parser) value(f field, name, value string) (err error) {
	switch f {
	case fieldFrom, fieldTo, fieldCallID, fieldCSeq, fieldContentLength, fieldMaxForwards:
		if p.seen[f] {
			return &fault{"given twice", ErrRepeated}
		}
	}
	p.seen[f] = true
	m := &p.m
	switch f {
	case fieldVia:
		if m.Via, err = vias(m.Via, value); len(m.Via) == 0 {
			p.lost = true // nobody knows where a response would go; the next hop's is not the place
		}
	case fieldFrom:
		err = single(&m.From, value)
	case fieldTo:
		err = single(&m.To, value)
	case fieldCallID:
		if m.CallID = value; value == "" || strings.ContainsAny(value, " \t,") {
			err = bad("malformed")
		}
	case fieldCSeq:
		err = p.cseq(value)
	case fieldContact:
		if value == "*" {
			m.ContactAny = true
			return nil
		}
		m.Contact, err = addresses(m.Contact, value)
	case fieldRoute:
		m.Route, err = addresses(m.Route, value)
	case fieldRecordRoute:
		m.RecordRoute, err = addresses(m.RecordRoute, value)
	case fieldContentLength:
		n, ok := number(value, 1<<31-1)
		if !ok {
			return bad("not a number that can be")
		}
		p.length = int(n)
	case fieldMaxForwards:
		if _, ok := number(value, 255); !ok { // RFC 3261 §20.22
			return bad("not a number from 0 to 255")
		}
		m.Headers = append(m.Headers, Header{name, value})
	}
	return err
}

// single reads From and To. What does not parse is kept as it came, so that a 400 can show it.
func single(a *Address, value string) error {
	got, err := ParseAddress(value)
	if err != nil {
		*a = Address{raw: value}
		return err
	}
	*a = got
	return nil
}

// cseq reads "314159 INVITE" (RFC 3261 §20.16, §8.1.1.5: less than 2^31).
func (p *parser) cseq(value string) error {
	sc := scanner{s: value}
	n, ok := number(sc.span(isToken), 1<<31-1)
	sc.space()
	method := Method(sc.span(isToken))
	switch {
	case !ok:
		p.m.rawCSeq = value
		return bad("sequence number is not below 2^31")
	case method == "" || !sc.end():
		p.m.rawCSeq = value
		return bad("malformed")
	}
	p.m.CSeq = CSeq{Seq: uint32(n), Method: method}
	if p.m.IsRequest() && method != p.m.Method {
		err := bad("method differs from the request's")
		if !p.m.Method.Known() { // RFC 4475 §3.1.2.18
			p.fail(501, fieldNames[fieldCSeq], p.line, err)
		}
		return err
	}
	return nil
}

// require checks that what every message must have is there (RFC 3261 §8.1.1).
func (p *parser) require() {
	for _, f := range [...]field{fieldVia, fieldFrom, fieldTo, fieldCallID, fieldCSeq} {
		if !p.seen[f] {
			p.fail(400, fieldNames[f], 0, &fault{"missing", ErrMissing})
			break
		}
	}
	if p.lost {
		p.m.Via = nil
	}
	if len(p.m.Via) > 0 && p.m.Via[0].Protocol != "" {
		p.fail(400, fieldNames[fieldVia], 0, bad("protocol is not SIP/2.0"))
	}
}

func (p *parser) body(data []byte) {
	if p.length > len(data) {
		p.fail(400, "Content-Length", 0,
			&fault{strconv.Itoa(p.length) + " but only " + strconv.Itoa(len(data)) + " octets of body", ErrBodyShort})
		return
	}
	if p.length >= 0 {
		data = data[:p.length]
	}
	if len(data) > 0 {
		p.m.Body = bytes.Clone(data)
	}
}
