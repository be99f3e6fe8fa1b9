package media

import "errors"

// Sentinels of this package; they come wrapped with what they are about.
var (
	ErrInvalid  = errors.New("media: invalid value")
	ErrNoPorts  = errors.New("media: no RTP port is free")
	ErrClosed   = errors.New("media: leg is closed")
	ErrTimeout  = errors.New("media: nothing heard from the peer")
	ErrNoEvents = errors.New("media: telephone-event was not agreed on")
	ErrLoop     = errors.New("media: what comes in is our own sound")
	ErrKeyQueue = errors.New("media: too many keys are waiting")
)
