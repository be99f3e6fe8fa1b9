package sdp

import (
	"errors"
	"fmt"
)

// Errors of this package; they come wrapped with what was wrong. Package sipua translates them to SIP statuses.
var (
	// ErrMalformed says that the body is no session description; the text names the line.
	ErrMalformed = errors.New("malformed SDP")
	// ErrTooMany says that there are more streams than this package answers (MaxStreams).
	ErrTooMany = errors.New("too many media streams")
	// ErrNoAudio says that there is no audio stream to take, or that the peer declined it.
	ErrNoAudio = errors.New("no audio stream")
	// ErrNoCodec says that the audio streams have no codec that we speak.
	ErrNoCodec = errors.New("no common codec")
	// ErrTransport says that the audio streams use another profile than RTP/AVP.
	ErrTransport = errors.New("incompatible media transport")
	// ErrAddress says that the peer's media address is a host name, of the other IP version, or missing.
	ErrAddress = errors.New("incompatible media address")
	// ErrMulticast says that the peer's media address is a multicast group.
	ErrMulticast = errors.New("multicast is not available")
)

// lineError names the line that is malformed. Lines count from 1.
func lineError(number int, line, why string) error {
	const shown = 60
	if len(line) > shown {
		line = line[:shown] + "..."
	}
	return fmt.Errorf("%w: line %d %q: %s", ErrMalformed, number, line, why)
}
