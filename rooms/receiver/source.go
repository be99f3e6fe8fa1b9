package receiver

import (
	"fmt"

	"github.com/confbridge/confbridge/rooms/distribution"
)

// Source is a session that a room is to take in.
type Source = distribution.Source

func invalid(field, format string, args ...any) error {
	return &distribution.Error{Field: field, Text: fmt.Sprintf(format, args...), Err: distribution.ErrInvalid}
}
