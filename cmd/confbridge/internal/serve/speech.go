package serve

import (
	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms"
)

// roomSpeech is what the file says of what rooms say, and of their keys.
func roomSpeech(v config.Speech) (rooms.Speech, error) {
	speech := rooms.Speech{
		Voice: v.Voice, Speaking: rooms.SpeakAnswers, Announce: rooms.AnnounceNobody, AnnounceLimit: v.AnnounceLimit, Music: v.Music,
	}
	if v.Speaking == config.SpeakEvents {
		speech.Speaking = rooms.SpeakEvents
	}
	switch v.Announce {
	case config.AnnounceTone:
		speech.Announce = rooms.AnnounceTone
	case config.AnnounceWords:
		speech.Announce = rooms.AnnounceWords
	}
	var err error
	speech.Keys, err = rooms.DefaultKeys().Change(v.Keys...)
	return speech, err
}
