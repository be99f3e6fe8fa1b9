package session

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of this package; they come wrapped with what was wrong, and those of [Parse] with the line.
var (
	ErrMalformed = errors.New("session: malformed description")
	ErrNoStream  = errors.New("session: no audio stream that can be played")
	ErrInvalid   = errors.New("session: cannot be described")
)

// maxQuoted is how much of a faulty line is repeated in an error.
const maxQuoted = 80

// fault is what is wrong with a line. Lines with keys are named and not repeated.
func fault(number int, text, why string) error {
	if strings.HasPrefix(text, "a=crypto") || strings.HasPrefix(text, "k=") {
		return fmt.Errorf("%w: line %d: %s", ErrMalformed, number, why)
	}
	if len(text) > maxQuoted {
		text = text[:maxQuoted]
	}
	return fmt.Errorf("%w: line %d: %q: %s", ErrMalformed, number, text, why)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}
