package entry

import "errors"

// Sentinels of this package.
var (
	ErrInvalid      = errors.New("invalid value")
	ErrNoInvitation = errors.New("no such invitation")
)
