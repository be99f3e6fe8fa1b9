package sipua

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/confbridge/confbridge/sipua/message"
)

// Errors of this package.
var (
	// ErrConfig says that the configuration cannot work.
	ErrConfig = errors.New("sipua: invalid configuration")
	// ErrShutdown says that the server or client is going down or was never opened.
	ErrShutdown = errors.New("sipua: shut down")
	// ErrCallOver says that the call has ended already.
	ErrCallOver = errors.New("sipua: call is over")
	// ErrNoAnswer says that the peer did not answer an INVITE, or answered what is no answer.
	ErrNoAnswer = errors.New("sipua: no answer")
)

// StatusError is a call that the peer has refused.
type StatusError struct {
	Status   int
	Reason   string // the reason phrase
	Warnings []message.Warning
	Reasons  []message.Reason // RFC 3326
}

func (e *StatusError) Error() string {
	text := "SIP " + strconv.Itoa(e.Status) + " " + e.Reason
	for _, w := range e.Warnings {
		text += fmt.Sprintf("; warning %d: %s", w.Code, w.Text)
	}
	for _, r := range e.Reasons {
		if r.Text != "" {
			text += "; " + r.Text
		}
	}
	return text
}

func newStatusError(res *message.Message) *StatusError {
	return &StatusError{Status: res.StatusCode, Reason: res.Reason, Warnings: res.Warnings(), Reasons: res.Reasons()}
}
