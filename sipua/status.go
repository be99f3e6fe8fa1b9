package sipua

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// refusal is how an error is told to a caller.
type refusal struct {
	status  int
	warning int    // RFC 3261 §20.43; 0 for none
	cause   int    // Q.850 cause of a Reason field (RFC 3326, RFC 6432); 0 for none
	text    string // for Reason and Warning, and for the reason phrase of a 400
	retry   bool   // with Retry-After
	wait    int    // what Retry-After says, in seconds; 0: what the server always says
}

// refusals is the one table from errors to statuses. The first row that errors.Is finds counts.
var refusals = []struct {
	err error
	refusal
}{
	{rooms.ErrNoRoom, refusal{status: 404}},
	{rooms.ErrInvalid, refusal{status: 404}},
	{rooms.ErrLocked, refusal{status: 480, cause: 21, text: "room is locked"}},
	{rooms.ErrNotOpen, refusal{status: 480, cause: 41, text: "room is not open"}},
	{rooms.ErrFull, refusal{status: 486, cause: 17, text: "room is full"}},
	{rooms.ErrDraining, refusal{status: 503, cause: 41, text: "bridge is draining", retry: true}},
	{rooms.ErrOverloaded, refusal{status: 503, cause: 42, text: "bridge is overloaded", retry: true}},
	{rooms.ErrClosed, refusal{status: 480, cause: 41, text: "conference has ended", retry: true}},
	{rooms.ErrNoParticipant, refusal{status: 480, cause: 41, text: "participant has left"}},
	{rooms.ErrMediaTimeout, refusal{status: 480, cause: 41, text: "no media from the caller"}},
	{rooms.ErrStorage, refusal{status: 503, cause: 41, text: "storage failed", retry: true}},
	{rooms.ErrDeclared, refusal{status: 500}},
	{rooms.ErrOccupied, refusal{status: 500}},
	{rooms.ErrRoomExists, refusal{status: 500}},
	{rooms.ErrBanned, refusal{status: 403, cause: 21, text: "not allowed into the room"}},
	{rooms.ErrNotWaiting, refusal{status: 500}},
	{rooms.ErrNotAllowed, refusal{status: 500}},
	{rooms.ErrNoFloor, refusal{status: 500}},
	{rooms.ErrNoBan, refusal{status: 500}},
	{rooms.ErrBusy, refusal{status: 500}},
	{rooms.ErrEmpty, refusal{status: 500}},
	{rooms.ErrRecording, refusal{status: 500}},
	{rooms.ErrNotRecording, refusal{status: 500}},
	{rooms.ErrNoRecorder, refusal{status: 500}},
	{rooms.ErrNoRecording, refusal{status: 500}},
	{rooms.ErrRecordingOpen, refusal{status: 500}},
	{rooms.ErrDiskLow, refusal{status: 500}},
	{rooms.ErrDisk, refusal{status: 500}},
	{rooms.ErrTooLong, refusal{status: 500}},
	{rooms.ErrNoKeys, refusal{status: 500}},
	{rooms.ErrKeyQueue, refusal{status: 500}},
	{rooms.ErrElsewhere, refusal{status: 403, cause: 21, text: "the room asks its callers, or has them wait: call it without session=multicast"}},

	{media.ErrNoPorts, refusal{status: 503, cause: 34, text: "no RTP port is free", retry: true}},
	{media.ErrInvalid, refusal{status: 488, warning: 399, text: "media parameters cannot be used"}},
	{media.ErrTimeout, refusal{status: 480, cause: 41, text: "no media from the caller"}},
	{media.ErrClosed, refusal{status: 480, cause: 41, text: "participant has left"}},
	{media.ErrNoEvents, refusal{status: 500}},
	{media.ErrKeyQueue, refusal{status: 500}},
	{media.ErrLoop, refusal{status: 482}},

	{sdp.ErrMalformed, refusal{status: 400, text: "Malformed SDP"}},
	{sdp.ErrTooMany, refusal{status: 488, warning: 399, text: "Too many media streams"}},
	{sdp.ErrNoAudio, refusal{status: 488, warning: 304, text: "Media type not available"}},
	{sdp.ErrNoCodec, refusal{status: 488, warning: 305, text: "Incompatible media format"}},
	{sdp.ErrTransport, refusal{status: 488, warning: 302, text: "Incompatible transport protocol"}},
	{sdp.ErrAddress, refusal{status: 488, warning: 301, text: "Incompatible network address formats"}},
	{sdp.ErrMulticast, refusal{status: 488, warning: 330, text: "Multicast not available"}},

	{errUnicast, refusal{status: 488, warning: 331, text: "Unicast not available"}},
	{errKeyExposed, refusal{status: 488, warning: 399, text: "Key not told"}},

	{trunk.ErrUnauthorized, refusal{status: 401}},
	{trunk.ErrURI, refusal{status: 400}},
	{trunk.ErrForbidden, refusal{status: 403}},
	{trunk.ErrBlocked, refusal{status: 403}},
	{trunk.ErrNoNumber, refusal{status: 404}},
	{trunk.ErrLimit, refusal{status: 486, cause: 34, text: "no line of the trunk is free"}},
	{trunk.ErrRate, refusal{status: 503, cause: 42, text: "too many calls per second", retry: true}},
	{trunk.ErrConfig, refusal{status: 500}},
	{trunk.ErrAddress, refusal{status: 500}},
	{trunk.ErrNoTrunk, refusal{status: 500}},
	{trunk.ErrDenied, refusal{status: 500}},

	{transaction.ErrTimeout, refusal{status: 408}},
	{errNoPrack, refusal{status: 504, cause: 102, text: "no PRACK came"}}, // RFC 3262 §3: a 5xx
	{errReplaced, refusal{status: 603, text: "the call to be replaced is over"}},
	{ErrCallOver, refusal{status: 481}},
	{ErrShutdown, refusal{status: 503, cause: 41, text: "bridge is draining", retry: true}},
	{context.Canceled, refusal{status: 503, cause: 41, text: "bridge is draining", retry: true}},
	{context.DeadlineExceeded, refusal{status: 503, cause: 41, text: "bridge is overloaded", retry: true}},
	{transport.ErrClosed, refusal{status: 503}},
}

// refuse finds how err is told; 500 for what is in no row.
func refuse(err error) refusal {
	for _, row := range refusals {
		if errors.Is(err, row.err) {
			return row.when(err)
		}
	}
	return refusal{status: 500}
}

// when tells an early caller when the room opens.
func (r refusal) when(err error) refusal {
	var early *rooms.NotOpenError
	if !errors.As(err, &early) {
		return r
	}
	r.text = early.Error()
	if seconds := time.Until(early.Opens).Seconds(); !early.Opens.IsZero() {
		r.retry, r.wait = true, int(min(max(math.Ceil(seconds), 1), math.MaxInt32))
	}
	return r
}

// fill puts what r says into res. detail is err's text: only what was wrong with the peer's own SDP is told, nothing
// of ours.
func (r refusal) fill(res *message.Message, agent string, retryAfter int, detail string) {
	if r.warning != 0 {
		text := r.text
		if detail != "" {
			text += ": " + detail
		}
		res.AddWarning(message.Warning{Code: r.warning, Agent: agent, Text: text})
	}
	if r.cause != 0 {
		res.AddReason(message.Reason{Protocol: "Q.850", Cause: r.cause, Text: r.text})
	}
	if r.retry {
		res.Add("Retry-After", strconv.Itoa(cmp.Or(r.wait, retryAfter)))
	}
}

// phrase is the reason phrase: the status's own, or what is wrong with a body.
func (r refusal) phrase(detail string) string {
	if r.status == 400 && detail != "" {
		return detail
	}
	return ""
}
