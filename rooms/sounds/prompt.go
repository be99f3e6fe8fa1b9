package sounds

import (
	"errors"
	"slices"

	"github.com/confbridge/confbridge/mixer"
)

// The prompts that are said as they are; what each says is in prompts/en/prompts.txt. Those that end without a full stop there are
// parts of sentences: see sentence.go, and KeyHelp for those of help.
const (
	// The way in.
	Welcome          = "welcome"
	EnterConference  = "enter-conference"
	NoSuchConference = "no-such-conference"
	EnterPIN         = "enter-pin"
	NothingEntered   = "nothing-entered"
	WrongPIN         = "wrong-pin"
	WrongPINGoodbye  = "wrong-pin-goodbye"
	LockedOut        = "locked-out"
	ConferenceLocked = "conference-locked"
	ConferenceFull   = "conference-full"
	NotOpen          = "not-open"
	opensOn          = "opens-on"
	opensToday       = "opens-today"
	opensTomorrow    = "opens-tomorrow"
	TryLater         = "try-later"
	Goodbye          = "goodbye"
	Entering         = "entering"

	// Who is there.
	Alone          = "alone"
	thereIs        = "there-is"
	thereAre       = "there-are"
	participant    = "participant"
	participants   = "participants"
	RecordName     = "record-name"
	HasJoined      = "has-joined"
	HasLeft        = "has-left"
	SomebodyJoined = "somebody-joined"
	SomebodyLeft   = "somebody-left"

	// Hosts, mutes, lectures.
	WaitingHost = "waiting-host"
	HostJoined  = "host-joined"
	HostLeft    = "host-left"
	Muted       = "muted"
	Unmuted     = "unmuted"
	MutedByHost = "muted-by-host"
	AllMuted    = "all-muted"
	AllUnmuted  = "all-unmuted"
	LectureOn   = "lecture-on"
	LectureOff  = "lecture-off"

	// Recordings.
	RecordingStarted = "recording-started"
	RecordingStopped = "recording-stopped"
	RecordingPaused  = "recording-paused"
	RecordingResumed = "recording-resumed"
	BeingRecorded    = "being-recorded"

	// Hands.
	HandRaised         = "hand-raised"
	youAreNumber       = "you-are-number"
	HandLowered        = "hand-lowered"
	SomebodyRaisedHand = "somebody-raised-hand"
	NoHands            = "no-hands"
	HaveFloor          = "have-floor"

	// The door.
	NowLocked     = "now-locked"
	NowUnlocked   = "now-unlocked"
	LobbyWait     = "lobby-wait"
	LobbySomebody = "lobby-somebody"
	LobbyNobody   = "lobby-nobody"
	LobbyOn       = "lobby-on"
	LobbyOff      = "lobby-off"
	Admitted      = "admitted"
	Refused       = "refused"

	// The end, and other places.
	endsIn         = "ends-in"
	minute         = "minute"
	minutes        = "minutes"
	ConferenceOver = "conference-over"
	Removed        = "removed"
	Moved          = "moved"
	PrivateTalk    = "private-talk"
	Back           = "back"
	Deaf           = "deaf"
	Hearing        = "hearing"

	// Calls out of the room.
	Press1ToJoin = "press-1-to-join"
	Dialling     = "dialling"
	NoAnswer     = "no-answer"
	Busy         = "busy"

	// Keys.
	NotAllowed       = "not-allowed"
	InvalidKey       = "invalid-key"
	Help             = "help"
	HelpHelp         = "help-help"
	HelpMute         = "help-mute"
	HelpHand         = "help-hand"
	HelpCount        = "help-count"
	HelpLouder       = "help-louder"
	HelpQuieter      = "help-quieter"
	HelpSpeakLouder  = "help-speak-louder"
	HelpSpeakQuieter = "help-speak-quieter"
	HelpDeaf         = "help-deaf"
	HelpLeave        = "help-leave"
	HelpLock         = "help-lock"
	HelpMuteAll      = "help-mute-all"
	HelpLecture      = "help-lecture"
	HelpRecord       = "help-record"
	HelpPause        = "help-pause"
	HelpNext         = "help-next"
	HelpAdmit        = "help-admit"
	HelpRefuse       = "help-refuse"
	HelpKick         = "help-kick"
	HelpEnd          = "help-end"
	HelpDial         = "help-dial"
	HelpAnnounce     = "help-announce"
	HelpWaitForHost  = "help-wait-for-host"
	HelpLobby        = "help-lobby"
	HelpYield        = "help-yield"
	HelpBack         = "help-back"
	HelpWho          = "help-who"
	HelpAdmitAll     = "help-admit-all"
	HelpUnmuteAll    = "help-unmute-all"
	HelpWhisper      = "help-whisper"
	HelpBan          = "help-ban"
	HelpMove         = "help-move"
	HelpSide         = "help-side"
	HelpHeardQuieter = "help-heard-quieter"
	HelpHeardLouder  = "help-heard-louder"
	HelpHearsQuieter = "help-hears-quieter"
	HelpHearsLouder  = "help-hears-louder"
	HelpMuteOne      = "help-mute-one"
	HelpDeafOne      = "help-deaf-one"
	HelpRole         = "help-role"

	// What is dialled behind keys, and what comes of it.
	EnterDial            = "enter-dial"
	EnterParticipant     = "enter-participant"
	EnterSecond          = "enter-second"
	EnterMinutes         = "enter-minutes"
	EnterRole            = "enter-role"
	NoSuchParticipant    = "no-such-participant"
	person               = "person"
	furtherParticipants  = "further-participants"
	IsSpeaking           = "is-speaking"
	WhisperOn            = "whisper-on"
	WhisperOff           = "whisper-off"
	ParticipantMuted     = "participant-muted"
	ParticipantUnmuted   = "participant-unmuted"
	ParticipantDeaf      = "participant-deaf"
	ParticipantHearing   = "participant-hearing"
	ParticipantModerator = "participant-moderator"
	ParticipantSpeaker   = "participant-speaker"
	ParticipantListener  = "participant-listener"
	NowModerator         = "now-moderator"
	NowSpeaker           = "now-speaker"
	NowListener          = "now-listener"
)

// The tone that stands for a prompt that cannot be played: short, and no tone of a telephone network.
const beepTones = "880/120,0/60,880/120"

// beep is that tone.
var beep = func() *mixer.Clip {
	c, err := toneClip(beepTones, defaultLongest)
	if err != nil {
		panic("sounds: " + err.Error())
	}
	c.Name = tonePrefix + beepTones
	return c
}()

// Beep is the tone that Prompt gives where it has nothing else.
func Beep() *mixer.Clip { return beep }

// Prompt is what a voice says under a name; an empty voice is Config.Voice. It never fails: where the folder has no such voice or prompt it is of the built-in
// voice of the language; where there is none, or what there is cannot be read, it is a tone (Beep), and the log says so once.
func (l *Library) Prompt(voice, name string) *mixer.Clip {
	if voice == "" {
		voice = l.cfg.Voice
	}
	if l.enter() != nil {
		return beep
	}
	defer l.readers.Done()
	clip, err := l.ofFolder(voice, name)
	if err == nil {
		return clip
	}
	broken := !errors.Is(err, ErrNotFound)
	if broken {
		l.once(voice, name, err, "a prompt of the folder cannot be played")
	}
	clip, builtErr := l.builtIn(voice, name)
	if builtErr == nil {
		return clip
	}
	if !broken {
		l.once(voice, name, err, "there is no such prompt, callers hear a tone")
	}
	return beep
}

// once tells the log what is wrong with a prompt, unless it knows.
func (l *Library) once(voice, name string, err error, what string) {
	key := voice + "\x00" + name
	l.mu.Lock()
	known := l.complain[key]
	if len(l.complain) >= mostComplaints {
		clear(l.complain)
	}
	l.complain[key] = true
	l.mu.Unlock()
	if !known {
		l.cfg.Log.Warn(what, "voice", voice, "prompt", name, "err", err)
	}
}

// Say is what a voice says under names, one behind the other; an empty voice is Config.Voice.
func (l *Library) Say(voice string, names ...string) []*mixer.Clip {
	clips := make([]*mixer.Clip, 0, len(names))
	for _, name := range names {
		clips = append(clips, l.Prompt(voice, name))
	}
	return clips
}

// Language is the language of a voice, by whose rules its numbers and sentences are made: what is before the first hyphen; an
// empty voice is Config.Voice.
func (l *Library) Language(voice string) string {
	if voice == "" {
		voice = l.cfg.Voice
	}
	return languageOf(voice)
}

// Languages are those that have rules and a built-in voice.
func Languages() []string { return slices.Clone(languages[:]) }

var languages = [...]string{English, German}
