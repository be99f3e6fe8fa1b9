// Package message is the text of SIP (RFC 3261 §7, §19, §25): it parses requests and responses, holds them as values,
// and builds them again. It is pure: no network, no clock, no goroutine, no regular expression. Every parse takes time
// linear in its input and every repetition has a limit (limits.go).
//
// A [Message] holds the fields that every SIP element works with as typed values (Via, From, To, Call-ID, CSeq,
// Contact, Route, Record-Route) and all others in order, under the names they came with, in Headers. Content-Length is
// never stored: it is the length of Body.
//
// A Message is a plain value without locks: safe for concurrent reading, not for concurrent writing.
package message

import (
	"slices"
	"strconv"
)

// Message is a request (Method is set) or a response (StatusCode is set).
type Message struct {
	Method     Method // empty in a response
	RequestURI URI
	StatusCode int // 100 to 699; 0 in a request
	Reason     string

	Via         []Via // topmost first
	From, To    Address
	CallID      string
	CSeq        CSeq
	Contact     []Address
	ContactAny  bool // "Contact: *" (RFC 3261 §10.2.2)
	Route       []Address
	RecordRoute []Address

	// Headers are all fields but those above and Content-Length, in order.
	Headers []Header
	Body    []byte

	rawCSeq string // CSeq as it came, where it did not parse
}

// Header is one header field as it came: a folded value is joined by single spaces, outer white space is gone.
type Header struct{ Name, Value string }

// CSeq orders requests in a dialog (RFC 3261 §20.16).
type CSeq struct {
	Seq    uint32
	Method Method
}

// NewRequest returns a request with Max-Forwards and nothing else (RFC 3261 §8.1.1).
func NewRequest(method Method, uri URI) *Message {
	return &Message{Method: method, RequestURI: uri, CSeq: CSeq{Seq: 1, Method: method}, Headers: []Header{{"Max-Forwards", strconv.Itoa(MaxForwards)}}}
}

// NewResponse returns a response to req with what RFC 3261 §8.2.6 has copied: Via, From, To, Call-ID, CSeq, and in a
// 100 the Timestamp. An empty reason becomes the status's own phrase. The To-tag is not added here.
func NewResponse(req *Message, status int, reason string) *Message {
	if reason == "" {
		reason = StatusText(status)
	}
	r := &Message{
		StatusCode: status, Reason: reason,
		Via: slices.Clone(req.Via), From: req.From, To: req.To, CallID: req.CallID, CSeq: req.CSeq, rawCSeq: req.rawCSeq,
	}
	if status == 100 {
		if v, ok := req.Header("Timestamp"); ok {
			r.Headers = append(r.Headers, Header{"Timestamp", v})
		}
	}
	return r
}

// IsRequest tells a request from a response.
func (m *Message) IsRequest() bool { return m.StatusCode == 0 }

// Clone returns a copy that shares no changeable memory with m but Body, which is shared: it is replaced, not written.
func (m *Message) Clone() *Message {
	c := *m
	c.Via = slices.Clone(m.Via)
	c.Contact = slices.Clone(m.Contact)
	c.Route = slices.Clone(m.Route)
	c.RecordRoute = slices.Clone(m.RecordRoute)
	c.Headers = slices.Clone(m.Headers)
	return &c
}
