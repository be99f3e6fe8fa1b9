// Package cdr keeps call detail records: one line of JSON for each call that has ended or was refused, in files that are
// rotated by day and size and kept for a number of days.
//
// A [Book] takes records from whoever ends a call ([Book.Add] never waits) and writes them with one goroutine of its own.
// [Book.List] reads them back. The files are plain text, to be read with any tool:
//
//	{"id":"…","direction":"in","began":"2026-03-04T11:58:30.1Z","ended":"…","call_id":"…","number":"1000","status":200,…}
//
// A line that a crash or a full disk has torn is passed over.
package cdr

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrInvalid says that a cursor is none that List has returned; ErrDisk that the records cannot be read.
var (
	ErrInvalid = errors.New("cdr: invalid value")
	ErrDisk    = errors.New("cdr: records cannot be read")
)

// Direction says who placed a call.
type Direction string

// The directions.
const (
	In  Direction = "in"  // somebody called the bridge
	Out Direction = "out" // the bridge called somebody
)

// Side says who ended a call.
type Side string

// The sides.
const (
	Peer   Side = "peer"
	Bridge Side = "bridge"
)

// Record is one call. Times that never came are zero and left out of the file; so are texts that are empty.
type Record struct {
	ID        string    `json:"id"` // unique: lower-case letters and digits
	Direction Direction `json:"direction"`

	Began    time.Time `json:"began"`
	Answered time.Time `json:"answered,omitzero"`
	Ended    time.Time `json:"ended"`

	CallID      string `json:"call_id"`                // the signalling's name of the call
	Address     string `json:"address,omitempty"`      // who calls or is called, as others are shown it
	DisplayName string `json:"display_name,omitempty"` // as the caller gave it; of whom the bridge calls
	Number      string `json:"number,omitempty"`       // as it was dialled
	Trunk       string `json:"trunk,omitempty"`
	Transport   string `json:"transport,omitempty"` // "udp", "tls"
	Remote      string `json:"remote,omitempty"`    // host:port that the signalling came from, or went to

	Status  int    `json:"status"`             // final status of the signalling: 200, 404, 487; of a call out without one 408 or 503
	EndedBy Side   `json:"ended_by,omitempty"` // who ended an answered call
	Reason  string `json:"reason"`             // why it ended or was refused

	Room string `json:"room,omitempty"` // empty where the call led to none
	Seat *Seat  `json:"seat,omitempty"` // nil where it never came in
}

// Seat is the part of a call that was in a room.
type Seat struct {
	Participant string    `json:"participant"`
	Role        string    `json:"role"` // "speaker", "moderator", "listener"
	Joined      time.Time `json:"joined"`
	Left        time.Time `json:"left"`

	Codec         string `json:"codec"`                    // that was sent to the telephone
	CodecReceived string `json:"codec_received,omitempty"` // that came from it; empty where nothing came

	PacketsReceived uint64  `json:"packets_received"`
	PacketsLost     uint64  `json:"packets_lost"`
	Loss            float64 `json:"loss"`      // share of packets that never came, 0 to 1
	Concealed       float64 `json:"concealed"` // share of the time that was made up, 0 to 1
	MOS             float64 `json:"mos,omitempty"`
	PeerLoss        float64 `json:"peer_loss,omitempty"` // what the telephone has reported of our packets last
	RoundTripMS     float64 `json:"round_trip_ms,omitempty"`
}

// Duration is how long the call lasted from its answer; 0 where it was not answered.
func (r Record) Duration() time.Duration {
	if r.Answered.IsZero() {
		return 0
	}
	return max(r.Ended.Sub(r.Answered), 0)
}

// maxText bounds each text of a record in bytes, and with them the line: a peer may send much longer ones.
const maxText = 256

// maxLine bounds a line that is read; what is written is a good deal shorter.
const maxLine = 16 << 10

// clip bounds all texts of a record and copies them, so that it keeps no message of a peer alive.
func (r *Record) clip() {
	for _, s := range []*string{
		&r.ID, &r.CallID, &r.Address, &r.DisplayName, &r.Number, &r.Trunk, &r.Transport, &r.Remote, &r.Reason, &r.Room,
	} {
		*s = clip(*s)
	}
}

func clip(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return strings.Clone(s)
}

// line is the record as it stands in the file, with its line end.
func (r Record) line() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("record of call %q: %w", r.CallID, err)
	}
	return append(b, '\n'), nil
}

// parse reads a line without its end; false where it is no record.
func parse(line []byte) (Record, bool) {
	var r Record
	if len(line) > maxLine || json.Unmarshal(line, &r) != nil {
		return Record{}, false
	}
	return r, r.ID != "" && !r.Ended.IsZero()
}
