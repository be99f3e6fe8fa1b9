package multicast

import "errors"

// Sentinels of this package; they come wrapped with what they are about.
var (
	// ErrInvalid is of a Config or a Key that cannot be.
	ErrInvalid = errors.New("multicast: invalid value")
	// ErrPath is of an interface, a source address or a route that is not there.
	ErrPath = errors.New("multicast: no way out")
)
