package entry

import (
	"errors"
	"fmt"
)

// Sentinels of this package.
var (
	ErrInvalid      = errors.New("invalid value")
	ErrNoInvitation = errors.New("no such invitation")

	ErrNoNumber       = errors.New("no such number")
	ErrNumberExists   = errors.New("number exists already")
	ErrNumberInFile   = fmt.Errorf("%w: it is declared in the configuration file", ErrNumberExists)
	ErrNumberDeclared = errors.New("number is declared in the configuration file")
	ErrTooManyNumbers = errors.New("there are as many numbers as can be")
)
