package rooms

import "time"

// Kind is what an event tells.
type Kind uint8

// The kinds of events.
const (
	KindUnspecified Kind = iota
	KindJoined
	KindLeft
	KindMuted
	KindUnmuted
	KindTalkingStarted
	KindTalkingStopped
	KindKeyPressed
	KindLocked
	KindUnlocked
	KindUpdated         // settings of the room or of a participant that have no kind of their own
	KindEnded           // the conference is over: everybody has left or was sent away
	KindDominantSpeaker // another participant has the floor; Participant is empty where nobody has
	KindRecordingStarted
	KindRecordingPaused
	KindRecordingResumed
	KindRecordingStopped // Reason says why
	KindRecordingFailed  // it has ended by itself; Reason says why
	KindOpened           // a window of the room's schedule has begun
	KindClosed           // and ended
	KindDialing          // somebody is called from the room; Participant is who comes in if that goes well
	KindRinging
	KindAnswered    // the join follows
	KindDialFailed  // Reason says why
	KindWaiting     // who has come waits to be let in, or for a host: Participant.Place says which
	KindLetIn       // who has waited is inside
	KindHostArrived // Participant is the first moderator inside
	KindHostLeft    // Participant was the last moderator inside
	KindHandRaised  // Participant.HandPosition says how many are before it
	KindHandLowered
	KindFloorGiven    // a moderator lets Participant speak
	KindFloorReturned // that is over
	KindAllMuted      // each who is muted by it is told of as well
	KindAllUnmuted
	KindUnmuteRefused // Participant may not unmute itself
	KindTimeWarning   // the conference ends in Remaining
	KindBanned        // Participant is; Ban says until when
	KindUnbanned      // whom Ban is about
	KindFeedStarted   // the mix goes to Feed too
	KindFeedStopped   // and no longer
	KindFeedDown      // nothing can be sent there for now
	KindFeedUp        // and again it can
	KindFeedLooped    // what Participant brings is what the room sends by Feed
	KindLate          // the room's sound comes late, or some of it not at all: Lateness says how

	KindOpusComplexity // ticks run late, or no longer: Complexity says what has become of it
)

// Reason says why a participant left or a conference ended.
type Reason uint8

// The reasons.
const (
	ReasonUnspecified  Reason = iota
	ReasonHangup              // the caller hung up
	ReasonRemoved             // a moderator removed the participant
	ReasonEnded               // a moderator ended the conference
	ReasonEmpty               // nobody was left
	ReasonMaxDuration         // the conference reached its maximum duration
	ReasonMediaTimeout        // the caller's media stopped
	ReasonFailed              // the call failed: no ACK, a broken dialog
	ReasonDraining            // the bridge is shutting down
	ReasonStopped             // a moderator stopped the recording
	ReasonDiskLow             // too little space was left for the recording
	ReasonDiskFailed          // the recording could not be written
	ReasonTooLong             // the recording's format holds no more
	ReasonMoved               // to another room
	ReasonClosed              // the room has closed, by its schedule
	ReasonBusy                // who was called is talking to somebody else
	ReasonNoAnswer            // who was called did not answer in time
	ReasonDeclined            // who was called does not want to
	ReasonUnreachable         // there is nobody, or no way there
	ReasonForbidden           // the other side does not let us call there
	ReasonHostLeft            // no moderator was left

	// Of callers who were asked something first, and did not come in.
	ReasonWrongPIN       // as often as may be
	ReasonLockedOut      // there were too many wrong PINs before
	ReasonNothingEntered // nothing was dialled
	ReasonNoRoom         // the number that was dialled is none
	ReasonRoomLocked
	ReasonRoomFull
	ReasonOverloaded // too many PINs were being checked, or the bridge failed

	ReasonNotConfirmed // who was called has answered, and has not said that they want to come in
	ReasonLooped       // what came in was the room's own sound
)

// Event is one thing that happened in a room. Events of one room are numbered from 1 without gaps.
type Event struct {
	Room     string
	Sequence uint64
	Time     time.Time
	Kind     Kind
	// Participant is who it is about, as of after the event; its ID is empty where the event is the room's.
	Participant ParticipantInfo `json:",omitzero"`
	Reason      Reason          `json:",omitzero"` // Left, Ended, RecordingStopped, RecordingFailed and DialFailed
	Code        int             `json:",omitzero"` // DialFailed: the number by which the other side has refused; 0: none
	Key         byte            `json:",omitzero"` // KeyPressed: '0' to '9', '*', '#', 'A' to 'D'
	Held        time.Duration   `json:",omitzero"` // KeyPressed: how long
	// Info is the room, as of after the event: of Locked, Unlocked, Updated, Ended, Opened, Closed, AllMuted, AllUnmuted, TimeWarning, Unbanned,
	// and all about recordings. Others have none: nil. It is never changed.
	Info      *Info         `json:",omitzero"`
	Recording string        `json:",omitzero"` // all about recordings: its ID
	Remaining time.Duration `json:",omitzero"` // TimeWarning: until the conference ends
	Ban       *Ban          `json:",omitzero"` // Banned and Unbanned; never changed
	Feed      string        `json:",omitzero"` // all about feeds: its ID
	Lateness  Lateness      `json:",omitzero"` // Late: since the one before, in a conference
	// Complexity is of OpusComplexity; never changed.
	Complexity *ComplexityChange `json:",omitzero"`
}

// lasting says whether events of this kind are kept across a restart. Who talks is not: there are too many of them, and nobody asks
// a day later; nor is how late the sound was, when there is enough to do.
func (k Kind) lasting() bool {
	return k != KindTalkingStarted && k != KindTalkingStopped && k != KindDominantSpeaker && k != KindLate
}

// Texts for logs and protocol fields; the API has enums of its own.
var reasonTexts = [...]string{
	ReasonUnspecified:  "unspecified",
	ReasonHangup:       "caller hung up",
	ReasonRemoved:      "removed by moderator",
	ReasonEnded:        "conference ended by moderator",
	ReasonEmpty:        "nobody left",
	ReasonMaxDuration:  "maximum duration reached",
	ReasonMediaTimeout: "media timeout",
	ReasonFailed:       "call failed",
	ReasonDraining:     "bridge is shutting down",
	ReasonStopped:      "recording stopped by moderator",
	ReasonDiskLow:      "too little space left for the recording",
	ReasonDiskFailed:   "the recording could not be written",
	ReasonTooLong:      "the recording's format holds no more",
	ReasonMoved:        "moved to another room",
	ReasonClosed:       "room has closed",
	ReasonBusy:         "busy",
	ReasonNoAnswer:     "no answer",
	ReasonDeclined:     "declined",
	ReasonUnreachable:  "unreachable",
	ReasonForbidden:    "forbidden",
	ReasonHostLeft:     "no moderator left",

	ReasonWrongPIN:       "wrong PIN",
	ReasonLockedOut:      "too many wrong PINs",
	ReasonNothingEntered: "nothing was entered",
	ReasonNoRoom:         "no such room",
	ReasonRoomLocked:     "room is locked",
	ReasonRoomFull:       "room is full",
	ReasonOverloaded:     "bridge is overloaded",

	ReasonNotConfirmed: "not confirmed",
	ReasonLooped:       "the room's own sound came back",
}

func (r Reason) String() string {
	if int(r) < len(reasonTexts) {
		return reasonTexts[r]
	}
	return "unknown"
}
