package distribution

import "errors"

// What can be wrong with a distribution.
var (
	// ErrInvalid says that there can be no such distribution.
	ErrInvalid = errors.New("invalid distribution")
	// ErrNotAllowed says that this bridge is not to have it.
	ErrNotAllowed = errors.New("distribution is not allowed")
)
