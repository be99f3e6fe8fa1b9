package message

import (
	"math"
	"strconv"
	"strings"
)

// MaxForwards returns the Max-Forwards field, 0 to 255, and whether there is one.
func (m *Message) MaxForwards() (int, bool) {
	v, ok := m.Header("Max-Forwards")
	if !ok {
		return 0, false
	}
	n, ok := number(v, 255)
	return int(n), ok
}

// Expires returns the Expires field in seconds and whether there is one that can be read; values beyond 2^32-1 are
// read as that (RFC 3261 §20.19).
func (m *Message) Expires() (uint32, bool) {
	v, ok := m.Header("Expires")
	if !ok || v == "" || strings.Trim(v, "0123456789") != "" {
		return 0, false
	}
	n, ok := number(v, math.MaxUint32)
	if !ok {
		return math.MaxUint32, true
	}
	return uint32(n), true
}

// ContentType returns the media type in lower case without parameters ("application/sdp"), and the parameters. Both
// are empty where there is no Content-Type or it cannot be read.
func (m *Message) ContentType() (string, Params) {
	v, _ := m.Header("Content-Type")
	sc := scanner{s: v}
	sc.space()
	kind := sc.span(isToken)
	if !sc.take('/') || kind == "" {
		return "", nil
	}
	sub := sc.span(isToken)
	p, err := sc.params()
	if err != nil || sub == "" || !sc.end() {
		return "", nil
	}
	return strings.ToLower(kind + "/" + sub), p
}

// Reason is one value of the Reason field (RFC 3326).
type Reason struct {
	Protocol string // "SIP", "Q.850"
	Cause    int    // 0 where none is given
	Text     string
}

// Reasons returns the values of the Reason field that can be read.
func (m *Message) Reasons() []Reason {
	var out []Reason
	for _, v := range m.Tokens("Reason") {
		sc := scanner{s: v}
		r := Reason{Protocol: sc.span(isToken)}
		p, err := sc.params()
		if err != nil || r.Protocol == "" || !sc.end() {
			continue
		}
		if c, ok := p.Find("cause"); ok {
			n, _ := number(c, 9999)
			r.Cause = int(n)
		}
		r.Text, _ = p.Find("text")
		out = append(out, r)
	}
	return out
}

// AddReason adds a Reason field.
func (m *Message) AddReason(r Reason) {
	b := appendToken(nil, r.Protocol)
	if r.Cause > 0 {
		b = append(b, ";cause="...)
		b = strconv.AppendInt(b, int64(r.Cause), 10)
	}
	if r.Text != "" {
		b = append(b, ";text="...)
		b = appendQuoted(b, r.Text)
	}
	m.Add("Reason", string(b))
}

// Warning is one value of the Warning field (RFC 3261 §20.43).
type Warning struct {
	Code  int // 300 to 399
	Agent string
	Text  string
}

// Warnings returns the values of the Warning field that can be read.
func (m *Message) Warnings() []Warning {
	var out []Warning
	for _, v := range m.Tokens("Warning") {
		sc := scanner{s: v}
		code, ok := number(sc.span(isToken), 999)
		if !ok || code < 100 || sc.peek() != ' ' {
			continue
		}
		sc.space()
		agent := sc.until(" \t")
		if sc.space(); sc.peek() != '"' {
			continue
		}
		text, err := sc.quoted()
		if err == nil && sc.end() {
			out = append(out, Warning{Code: int(code), Agent: agent, Text: text})
		}
	}
	return out
}

// AddWarning adds a Warning field. A code that has no three digits, or an Agent that is empty, makes the field 399 or "-".
func (m *Message) AddWarning(w Warning) {
	if w.Code < 100 || w.Code > 999 {
		w.Code = 399
	}
	if !all(w.Agent, isPlain) {
		w.Agent = "-"
	}
	b := strconv.AppendInt(nil, int64(w.Code), 10)
	b = append(b, ' ')
	b = append(b, w.Agent...)
	b = append(b, ' ')
	m.Add("Warning", string(appendQuoted(b, w.Text)))
}
