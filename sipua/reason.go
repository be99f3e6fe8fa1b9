package sipua

import (
	"strconv"
	"strings"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
)

// byeReason says in a BYE why a participant is sent away (RFC 3326; causes of Q.850).
func byeReason(why rooms.Reason) message.Reason {
	r := message.Reason{Protocol: "Q.850", Cause: 16}
	switch why {
	case rooms.ReasonRemoved:
		r.Text = "removed by a moderator"
	case rooms.ReasonEnded:
		r.Text = "conference ended by a moderator"
	case rooms.ReasonEmpty:
		r.Text = "conference is empty"
	case rooms.ReasonMaxDuration:
		r.Text = "conference has reached its maximum duration"
	case rooms.ReasonClosed:
		r.Text = "room has closed"
	case rooms.ReasonHostLeft:
		r.Text = "conference has no moderator any more"
	case rooms.ReasonMediaTimeout:
		r.Cause, r.Text = 41, "no media from the caller"
	case rooms.ReasonFailed:
		r.Cause, r.Text = 41, "call failed"
	case rooms.ReasonDraining:
		r.Cause, r.Text = 41, "bridge is shutting down"
	case rooms.ReasonWrongPIN:
		r.Cause, r.Text = 21, "wrong PIN"
	case rooms.ReasonLockedOut:
		r.Cause, r.Text = 21, "too many wrong PINs"
	case rooms.ReasonNothingEntered:
		r.Text = "nothing was entered"
	case rooms.ReasonNoRoom:
		r.Cause, r.Text = 1, "no such conference"
	case rooms.ReasonRoomLocked:
		r.Cause, r.Text = 21, "room is locked"
	case rooms.ReasonRoomFull:
		r.Cause, r.Text = 17, "room is full"
	case rooms.ReasonOverloaded:
		r.Cause, r.Text = 42, "bridge is overloaded"
	case rooms.ReasonNotConfirmed:
		r.Text = "nobody has confirmed the call"
	case rooms.ReasonHangup, rooms.ReasonUnspecified:
		r.Text = "conference left"
	default:
		r.Text = "conference left"
	}
	return r
}

// reasonsText is what a peer has said about why, for the log (RFC 3326 §2); empty where it said nothing.
func reasonsText(list []message.Reason) string {
	var b strings.Builder
	for i, r := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(r.Protocol + " " + strconv.Itoa(r.Cause))
		if r.Text != "" {
			b.WriteString(" " + strconv.Quote(r.Text))
		}
	}
	return b.String()
}
