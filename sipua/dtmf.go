package sipua

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var errDTMF = errors.New("malformed key")

const (
	defaultHeld = 100 * time.Millisecond
	maxHeld     = 10 * time.Second
	maxDTMFBody = 512
)

// readDTMF reads the body of an INFO that tells of a key: application/dtmf-relay ("Signal=5" and "Duration=160", one a
// line) or application/dtmf (the key alone). There is no RFC; this is what telephones have copied from Cisco. A digit
// of 0 says that the signal is none of the sixteen keys (16 is a hook flash).
func readDTMF(contentType string, body []byte) (digit byte, held time.Duration, err error) {
	if len(body) > maxDTMFBody {
		return 0, 0, errDTMF
	}
	held = defaultHeld
	signal := strings.TrimSpace(string(body))
	if contentType == "application/dtmf-relay" {
		signal = ""
		for line := range strings.Lines(string(body)) {
			key, value, _ := strings.Cut(line, "=")
			value = strings.TrimSpace(value)
			switch strings.ToLower(strings.TrimSpace(key)) {
			case "signal":
				signal = value
			case "duration":
				ms, err := strconv.ParseUint(value, 10, 31)
				if err != nil {
					return 0, 0, errDTMF
				}
				held = min(time.Duration(ms)*time.Millisecond, maxHeld)
			}
		}
	}
	digit, ok := keyOf(signal)
	if !ok {
		return 0, 0, errDTMF
	}
	return digit, held, nil
}

// keyOf is the key that a signal names, by itself or by its event number (RFC 4733 §3.2); 0 for a hook flash.
func keyOf(signal string) (byte, bool) {
	const keys = "0123456789*#ABCD"
	if len(signal) == 1 {
		c := signal[0]
		if 'a' <= c && c <= 'd' {
			c -= 'a' - 'A'
		}
		return c, strings.IndexByte(keys, c) >= 0
	}
	n, err := strconv.ParseUint(signal, 10, 8)
	switch {
	case err != nil || n > 16:
		return 0, false
	case n == 16:
		return 0, true
	}
	return keys[n], true
}
