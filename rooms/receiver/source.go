package receiver

import "github.com/confbridge/confbridge/rooms/distribution"

// Source is a session that a room is to take in.
type Source = distribution.Source
