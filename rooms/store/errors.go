package store

import "errors"

// Sentinels of this package.
var (
	// ErrLocked says that another process uses the folder.
	ErrLocked = errors.New("folder is in use")
	// ErrUnavailable says that the server cannot be started or reached.
	ErrUnavailable = errors.New("store is not available")
	// ErrNewer says that a newer version of the bridge has written what this one does not know, and must not serve without.
	ErrNewer = errors.New("written by a newer version: run that one, or give this one another data_dir")
)
