package upstream

import "time"

// Phase is how a registration stands.
type Phase uint8

// The phases.
const (
	Registering Phase = iota // it has never been answered
	Registered               // calls reach us, also while a refresh has failed and the time is not over
	Failed                   // they do not
	Removed                  // by Close
)

// String is the phase for a log.
func (p Phase) String() string {
	return [...]string{"registering", "registered", "failed", "removed"}[p&3]
}

// RegistrationState is a registration as it stands.
type RegistrationState struct {
	Name               string
	Phase              Phase
	Registrar, Address string    // URIs
	Contact            string    // the user part that calls come in for, without escapes
	Target             string    // where the last REGISTER went
	Error              string    // of the last attempt; empty: none
	Changed            time.Time // when the phase changed
	Expires            time.Time // of the registration; zero: there is none
	Next               time.Time // the next attempt
}

// PingState is what pings have found out.
type PingState struct {
	Name      string
	URI       string
	Known     bool // it has been asked
	Up        bool
	Error     string        // of the last ping; empty: none
	Changed   time.Time     // when Up changed
	RoundTrip time.Duration // of the last answer
	Target    string
}
