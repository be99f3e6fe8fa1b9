package trunk

import "errors"

// Sentinels of this package.
var (
	// ErrConfig says that the configuration cannot work.
	ErrConfig = errors.New("invalid trunk configuration")
	// ErrUnauthorized says that the caller has to show who it is: 401 with the fields of ChallengeError.
	ErrUnauthorized = errors.New("credentials are needed")
	// ErrURI says that the credentials are for another Request-URI (RFC 7616 §3.4.6).
	ErrURI = errors.New("credentials for another Request-URI")
	// ErrForbidden says that nobody who comes from there may call.
	ErrForbidden = errors.New("nobody may call from there")
	// ErrBlocked says that the source has shown wrong credentials too often.
	ErrBlocked = errors.New("too many failed attempts")
	// ErrNoNumber says that what was dialled is no number that the caller may dial. The caller is told the same as of a
	// room that is not there.
	ErrNoNumber = errors.New("not a number of this trunk")
	// ErrLimit says that the trunk has as many calls as it may have.
	ErrLimit = errors.New("no line is free")
	// ErrRate says that the trunk's calls come too fast.
	ErrRate = errors.New("too many calls per second")
	// ErrAddress says that what is to be called is nothing that can be.
	ErrAddress = errors.New("cannot be called")
	// ErrNoTrunk says that there is no trunk of that name.
	ErrNoTrunk = errors.New("no such trunk")
	// ErrDenied says that it is not allowed to call there, or not so often: DeniedError says which rule has it so.
	ErrDenied = errors.New("calling there is not allowed")
)

// ChallengeError is ErrUnauthorized with what the 401 must carry.
type ChallengeError struct {
	Fields []string // values of WWW-Authenticate, the best algorithm first (RFC 8760 §2.4)
	Stale  bool     // the credentials were right but for their nonce
}

func (e *ChallengeError) Error() string {
	if e.Stale {
		return ErrUnauthorized.Error() + ": nonce is stale"
	}
	return ErrUnauthorized.Error()
}

// Unwrap returns ErrUnauthorized.
func (e *ChallengeError) Unwrap() error { return ErrUnauthorized }

// DeniedError is ErrDenied with the rule, as the configuration calls it.
type DeniedError struct {
	Rule, Text string
	Limit      bool // it was too much, and may be allowed later
}

func (e *DeniedError) Error() string { return e.Text + " (" + e.Rule + ")" }

// Unwrap returns ErrDenied.
func (e *DeniedError) Unwrap() error { return ErrDenied }
