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
	// ErrNotAllowed: it is a URL that may not be fetched.
	ErrNotAllowed = errors.New("URL may not be fetched")
	// ErrUnreachable: it is a URL that cannot be fetched at the moment.
	ErrUnreachable = errors.New("URL cannot be fetched")
	// ErrClosed: the Library is closed.
	ErrClosed = errors.New("sounds are closed")
)
