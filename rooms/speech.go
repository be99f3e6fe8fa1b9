package rooms

import (
	"fmt"
	"regexp"
)

// Speaking is how much of what happens in a room is said to those who are there.
type Speaking uint8

// What is said.
const (
	SpeakDefault Speaking = iota // as Registry.Defaults has it
	SpeakAnswers                 // answers to those who dial commands, and nothing else
	SpeakEvents                  // what happens as well
)

// Announce is how others are told that somebody has come or gone.
type Announce uint8

// The ways.
const (
	AnnounceDefault Announce = iota // as Registry.Defaults has it
	AnnounceNobody
	AnnounceTone
	AnnounceWords
)

// Speech is what people hear of the room itself, and what their keys do. Zero values are what Registry.Defaults has.
type Speech struct {
	// Voice says it; empty in Registry.Defaults: the usual one of Config.Sounds.
	Voice string
	// Speaking is how much is said. Without Config.Sounds nothing is.
	Speaking Speaking
	// Announce is how comings and goings are told, as long as there are at most AnnounceLimit people.
	Announce      Announce
	AnnounceLimit int
	// Music is the sound that those hear who wait, over and over; empty in Registry.Defaults: a soft tone every ten seconds where the room speaks, otherwise silence.
	Music string
	// Keys are the commands; nil in Registry.Defaults: none.
	Keys *KeyMap
	// Remap is which of them have other keys.
	Remap Remap `json:",omitempty"`
}

const (
	defaultAnnounceLimit = 20
	// MaxSoundName is the longest name of a sound, in bytes.
	MaxSoundName = 255
)

// SpeechPatch says what to change; nil fields stay as they are.
type SpeechPatch struct {
	Voice         *string
	Speaking      *Speaking
	Announce      *Announce
	AnnounceLimit *int
	Music         *string
	Keys          *KeyMap
	Remap         *Remap
}

func (p SpeechPatch) apply(to *Speech) {
	set(&to.Voice, p.Voice)
	set(&to.Speaking, p.Speaking)
	set(&to.Announce, p.Announce)
	set(&to.AnnounceLimit, p.AnnounceLimit)
	set(&to.Music, p.Music)
	if p.Keys != nil {
		to.Keys = p.Keys
	}
	set(&to.Remap, p.Remap)
}

// speech is what the room's settings come to. Who stands in a reception is talked to by others.
func (s *state) speech() Speech {
	if s.room.reception {
		return Speech{}
	}
	v := s.set.speechOr(s.room.registry.cfg.Defaults.Speech)
	v.Keys = s.commands
	return v
}

// speechOr is the speech with what it does not say taken from otherwise.
func (v Speech) speechOr(otherwise Speech) Speech {
	if v.Speaking == SpeakDefault {
		v.Speaking = otherwise.Speaking
	}
	if v.Announce == AnnounceDefault {
		v.Announce = otherwise.Announce
	}
	if v.AnnounceLimit == 0 {
		v.AnnounceLimit = otherwise.AnnounceLimit
	}
	if v.Voice == "" {
		v.Voice = otherwise.Voice
	}
	if v.Music == "" {
		v.Music = otherwise.Music
	}
	if v.Keys == nil {
		v.Keys = otherwise.Keys
	}
	return v
}

// voiceName is a language, or one with a hyphen and whatever tells the voice from others.
var voiceName = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9_-]{1,32})?$`)

// IsVoice says whether a voice can be called so; empty is the usual one.
func IsVoice(name string) bool { return name == "" || voiceName.MatchString(name) }

func (v Speech) check() error {
	switch {
	case !IsVoice(v.Voice):
		return fmt.Errorf("voice %q, want one like en or de-anna: %w", v.Voice, ErrInvalid)
	case v.Speaking > SpeakEvents:
		return fmt.Errorf("speaking %d: %w", v.Speaking, ErrInvalid)
	case v.Announce > AnnounceWords:
		return fmt.Errorf("announcing %d: %w", v.Announce, ErrInvalid)
	case v.AnnounceLimit < 0 || v.AnnounceLimit > maxMaxMembers:
		return fmt.Errorf("comings and goings are told up to %d people, want 0 to %d: %w", v.AnnounceLimit, maxMaxMembers, ErrInvalid)
	case len(v.Music) > MaxSoundName:
		return fmt.Errorf("name of music of %d bytes, at most %d: %w", len(v.Music), MaxSoundName, ErrInvalid)
	}
	return v.Remap.check()
}
