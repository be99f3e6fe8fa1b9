package message

// Parse reads one message. The body is what Content-Length says, octets behind it are ignored (RFC 3261 §18.3); without
// Content-Length it is all the rest. Nothing of data is kept. The error is a *ParseError.
func Parse(data []byte) (*Message, error) {
	return nil, &ParseError{Status: 400, Reason: "not yet", Err: ErrSyntax}
}
