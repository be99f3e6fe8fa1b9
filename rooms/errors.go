package rooms

import (
	"errors"
	"fmt"
)

// Sentinels of this package. They come wrapped with the room or participant they are about; api and sipua each
// translate them in one table.
var (
	ErrNoRoom        = errors.New("no such room")
	ErrRoomExists    = errors.New("room exists already")
	ErrNoParticipant = errors.New("no such participant")
	ErrLocked        = errors.New("room is locked")
	ErrFull          = errors.New("room is full")
	ErrNotOpen       = errors.New("room is not open")
	ErrOccupied      = errors.New("room is occupied")
	ErrDraining      = errors.New("bridge is draining")
	ErrClosed        = errors.New("room has ended")
	ErrOverloaded    = errors.New("room's sound comes too late for one more")
	ErrInvalid       = errors.New("invalid value")
	ErrDeclared      = errors.New("room is declared in the configuration file")
	ErrStorage       = errors.New("storage failed")
	ErrMediaTimeout  = errors.New("no media from the caller")

	ErrNotWaiting = errors.New("participant does not wait")
	ErrNotAllowed = errors.New("participant may not do that")
	ErrNoFloor    = errors.New("participant has not got the floor")
	ErrBanned     = errors.New("caller is banned from the room")
	ErrNoBan      = errors.New("no such ban")

	ErrEmpty         = errors.New("nobody is in the room")
	ErrBusy          = errors.New("too much waits to be played")
	ErrRecording     = errors.New("room is being recorded already")
	ErrNotRecording  = errors.New("room is not being recorded")
	ErrNoRecorder    = errors.New("recording is not available")
	ErrNoRecording   = errors.New("no such recording")
	ErrRecordingOpen = errors.New("recording is not finished")
	ErrDiskLow       = errors.New("too little space is left for recordings")
	ErrDisk          = errors.New("the disk for recordings has failed")
	ErrTooLong       = errors.New("recording is as long as its format can hold")

	ErrNoKeys   = errors.New("the participant's telephone takes no keys")
	ErrKeyQueue = errors.New("too many keys wait to be sent")

	// ErrElsewhere is about who hears the room by another way than a leg of its own (Elsewhere).
	ErrElsewhere = errors.New("participant hears the room elsewhere")
)

// RoomError says which room an error is about.
type RoomError struct {
	What   string // was tried: "admit to room"
	Number string
	Err    error
}

func (e *RoomError) Error() string { return fmt.Sprintf("%s %q: %v", e.What, e.Number, e.Err) }

// Unwrap returns Err.
func (e *RoomError) Unwrap() error { return e.Err }
