package message

import (
	"errors"
	"strconv"
)

// Sentinels of this package. Parse wraps them in a *ParseError.
var (
	ErrSyntax         = errors.New("malformed")
	ErrVersion        = errors.New("SIP version not supported")
	ErrTooLarge       = errors.New("message too large")
	ErrLineTooLong    = errors.New("header line too long")
	ErrTooManyHeaders = errors.New("too many header fields")
	ErrTooManyParams  = errors.New("too many parameters")
	ErrTooManyVias    = errors.New("too many Via hops")
	ErrTooManyValues  = errors.New("too many values")
	ErrMissing        = errors.New("missing header field")
	ErrRepeated       = errors.New("header field given twice")
	ErrBodyShort      = errors.New("body shorter than Content-Length")
)

// ParseError says what is wrong with a message and where.
type ParseError struct {
	Status int    // the status to answer a request with: 400, 414, 501, 505 or 513
	Reason string // a reason phrase that says what is wrong; plain text without CR or LF
	Header string // the header field's long name; empty for the start line and the message as a whole
	Line   int    // line in the message, from 1; 0 where it is about the whole
	Err    error  // one of this package's sentinels
	// Message holds what could be read, nil where not even the start line could. NewResponse takes it; fields that did
	// not parse are echoed as they came.
	Message *Message
}

func (e *ParseError) Error() string {
	s := e.Reason
	if e.Line > 0 {
		s += " (line " + strconv.Itoa(e.Line) + ")"
	}
	return s
}

// Unwrap returns the sentinel.
func (e *ParseError) Unwrap() error { return e.Err }

// Routable says whether a response can be sent: the message is a request, no ACK, and its topmost Via was read.
func (e *ParseError) Routable() bool {
	return e.Message != nil && e.Message.Method != "" && e.Message.Method != Ack && len(e.Message.Via) > 0
}
