package sap

import "errors"

// Errors of this package; they come wrapped with what was wrong.
var (
	ErrMalformed   = errors.New("sap: malformed packet")
	ErrEncrypted   = errors.New("sap: encrypted packet")
	ErrCompressed  = errors.New("sap: compressed packet")
	ErrPayloadType = errors.New("sap: not a session description")
	ErrTooLong     = errors.New("sap: announcement too long")
	ErrTooMany     = errors.New("sap: too many announcements")
	ErrNoScope     = errors.New("sap: nowhere to announce")
	ErrInterface   = errors.New("sap: no such interface")
	ErrClosed      = errors.New("sap: announcer closed")
)
