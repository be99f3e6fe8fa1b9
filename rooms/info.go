package rooms

import (
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/playout"
	"github.com/confbridge/confbridge/mixer/quality"
)

// Info is a room at one moment.
type Info struct {
	Number string
	Settings
	// OnDemand rooms came into being by a call and vanish when they are empty; others stay until deleted.
	OnDemand bool
	// Declared rooms stand in the configuration file; what can be changed of them is their state: Locked, which is kept, and Lecture, WaitForHost and Lobby,
	// until the next start, at which the file has its way.
	Declared bool
	Created  time.Time
	// Started is when the first of those now there came in; zero while the room is empty.
	Started      time.Time
	Participants int
	// SampleRateHz is the mix's rate: 8000, 16000 or 48000; 0 while the room is empty.
	SampleRateHz int
	// OpusComplexity is what encoders of Opus work with at the moment, which is less than what is set while ticks run late; 0 while the room is empty.
	OpusComplexity int
	// Sequence is the number of the room's newest event that watchers have been shown, or will be whatever happens; 0 before the first.
	Sequence uint64
	// Closed says that the room is, by its schedule. TurnsAt is when it opens or closes next; zero: never.
	Closed  bool
	TurnsAt time.Time
	// SideOf is the number of the room that this is a side room of; empty: it is none.
	SideOf string
	// Recorded is the ID of the recording that is made; empty: none is. RecordingPaused says that it leaves out what is said.
	Recorded        string
	RecordingPaused bool
	// HasPIN and HasModeratorPIN say whether there is such a PIN.
	HasPIN, HasModeratorPIN bool
	// LockDialled says that Locked is what a moderator has dialled, and the opposite of what is set: until the conference ends.
	LockDialled bool
}

// asSet is the settings without what ends with the conference.
func (i Info) asSet() Settings {
	set := i.Settings
	set.Locked = i.Locked != i.LockDialled
	return set
}

// Role is what a participant may do.
type Role uint8

// The roles. A speaker is heard and hears; a moderator also steers; a listener is never heard.
const (
	RoleSpeaker Role = iota
	RoleModerator
	RoleListener
)

var roleTexts = [...]string{RoleSpeaker: "speaker", RoleModerator: "moderator", RoleListener: "listener"}

// String is the role for logs and records; the API has an enum of its own.
func (r Role) String() string {
	if int(r) < len(roleTexts) {
		return roleTexts[r]
	}
	return "unknown"
}

// Way is how a participant came here.
type Way uint8

// The ways. WaySession is a stream that others hear too, and that is heard here: nothing is sent to it, so it hears nothing.
const (
	WayCall Way = iota
	WaySession
)

// Caller says who asks to come in.
type Caller struct {
	// DisplayName as the caller gave it; Address is the SIP URI of the From field, or where a session is; CallID names the call in logs.
	DisplayName, Address, CallID string
	Role                         Role
	Way                          Way `json:",omitempty"`
	// Origin is for whoever lets the caller in, and is not kept; nil: it is not known.
	Origin *Origin `json:"-"`
}

// Origin is where a call comes from.
type Origin struct {
	// Source is the address that it comes from, without a port.
	Source string
	// Confirm is, of somebody who is called, how long they may take to say that they want to come in; 0: they are not asked (Registry.Dial).
	Confirm time.Duration
	// Trunk is the name of the way that it came; empty: none that has a name.
	Trunk string
	// Identity is who the caller is, as far as those vouch for it that the call comes from; empty: they do not.
	Identity string
	// Existing says that no room is made for the caller, who only looks at what is there.
	Existing bool
	// May says whether callers who come this way may enter the room of that number; nil: they may enter all.
	May func(number string) bool
}

// ParticipantInfo is a participant at one moment.
type ParticipantInfo struct {
	ID   string // unique in the bridge's lifetime: lower-case letters and digits
	Room string
	// Number is by what keys mean the participant: from 1, in the order of coming, and nobody else's as long as the conference goes on; 0 where nobody has come
	// in yet.
	Number int `json:",omitempty"`
	Caller
	Place   Place
	Muted   bool
	MutedBy MutedBy // MutedByNobody where it is not muted
	// HandPosition is the place in the queue of those who want to speak, from 1; 0: the hand is not up.
	HandPosition int
	// HasFloor says that a moderator lets the participant speak, whoever else is muted.
	HasFloor bool
	Deaf     bool
	GainDB   float64 // applied to what the participant says; −30 to +30
	// HearingGainDB is applied to what the participant hears of the others; −30 to +30.
	HearingGainDB float64
	// WhisperTo is the ID of the one participant who hears this one; empty: all do.
	WhisperTo string
	Talking   bool
	// Dominant says that of those who talk the participant is the one whom the conference listens to.
	Dominant  bool
	LevelDBFS float64 // of what the participant says at the moment, before any gain of ours; −127 is silence
	Joined    time.Time
	// Format is what is sent to the participant, and PacketTime what one packet of it lasts.
	Format     codec.Format
	PacketTime time.Duration
	// Received is what comes from it: another of the codecs that were agreed may be spoken there (RFC 3264 §7). nil before the
	// first packet, and in events.
	Received *Received
	Media    MediaStats
	Quality  *Quality // nil in events: it is another one each second
}

// Received is how a participant's sound comes in.
type Received struct {
	Format     codec.Format
	PacketTime time.Duration // of the last packet
}

// Quality is how well a participant is heard and hears.
type Quality struct {
	Heard quality.Local // how the participant's sound comes in
	Hears quality.Peer  // and ours there, as it reports
}

// MediaStats is what has been heard from a participant since the join.
type MediaStats = playout.Stats

// ParticipantPatch says what to change; nil fields stay as they are.
type ParticipantPatch struct {
	DisplayName *string
	Role        *Role
	Muted       *bool
	Deaf        *bool
	GainDB      *float64
	// HearingGainDB and WhisperTo are as in ParticipantInfo; an empty WhisperTo ends the whisper.
	HearingGainDB *float64
	WhisperTo     *string
}
