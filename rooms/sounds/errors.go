package sounds

import "errors"

// What is wrapped by the errors of a Library.
var (
	// ErrNotFound: no sound has this name, or none that may be opened.
	ErrNotFound = errors.New("no such sound")
	// ErrFormat: the file, or the text of a tone, is not what it should be.
	ErrFormat = errors.New("sound cannot be read")
	// ErrTooLong: it lasts longer than Config.Longest.
	ErrTooLong = errors.New("sound is too long")
	// ErrClosed: the Library is closed.
	ErrClosed = errors.New("sounds are closed")
)
