package access

import (
	"errors"
	"fmt"
	"time"
)

// Sentinels of this package. None comes with a PIN or a hash in it.
var (
	ErrInvalid   = errors.New("invalid value")
	ErrTaken     = errors.New("PIN is taken") // by another one of the same room
	ErrTooMany   = errors.New("too many invitations")
	ErrWrongPIN  = errors.New("wrong PIN")
	ErrLockedOut = errors.New("too many wrong PINs")
	ErrBusy      = errors.New("too many PINs are being checked")
)

// Cause is what somebody is locked out by.
type Cause string

// Causes.
const (
	BySource Cause = "source"
	ByTrunk  Cause = "trunk"
	ByRoom   Cause = "room"
)

// LockedOutError is an ErrLockedOut that says for how long.
type LockedOutError struct {
	Cause Cause
	Wait  time.Duration // at least; above 0
}

func (e *LockedOutError) Error() string {
	return fmt.Sprintf("%v: the %s waits for %v", ErrLockedOut, e.Cause, e.Wait)
}

// Unwrap is ErrLockedOut.
func (e *LockedOutError) Unwrap() error { return ErrLockedOut }
