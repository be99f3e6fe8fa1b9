package sctp

import "errors"

// Errors of this package; they come wrapped with what they are about.
var (
	// ErrAborted: the peer has sent ABORT.
	ErrAborted = errors.New("association aborted by the peer")
	// ErrRefused: the peer has answered INIT or COOKIE ECHO with ABORT.
	ErrRefused = errors.New("association refused by the peer")
	// ErrRestarted: the peer has begun anew with the same ports (RFC 9260 §5.2).
	ErrRestarted = errors.New("association restarted by the peer")
	// ErrPeerGone: nothing has come from the peer for several heartbeats (RFC 9260 §8.1).
	ErrPeerGone = errors.New("the peer does not answer heartbeats")
	// ErrProtocol: the peer has sent what no SCTP may; it got ABORT.
	ErrProtocol = errors.New("SCTP protocol violation")
	// ErrTooLong: a message is longer than Config.MaxMessage.
	ErrTooLong = errors.New("message too long")
	// ErrLimit: there are too many associations.
	ErrLimit = errors.New("too many SCTP associations")
	// ErrKernel: the kernel has SCTP and answers packets of protocol 132 by itself.
	ErrKernel = errors.New("the kernel's SCTP is loaded and owns IP protocol 132: unload it, or use SCTP over UDP")
)
