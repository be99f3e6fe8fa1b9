package api

import (
	"fmt"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// speechFields are the updatable fields of a room that are about what it says.
var speechFields = []string{"voice", "speaking", "announce", "announce_limit", "music", "keys"}

// speakings and announces are the values of rooms, in the words of the API.
var (
	speakings = map[rooms.Speaking]confbridgev1.Speaking{
		rooms.SpeakDefault: confbridgev1.Speaking_SPEAKING_UNSPECIFIED,
		rooms.SpeakAnswers: confbridgev1.Speaking_SPEAKING_ANSWERS,
		rooms.SpeakEvents:  confbridgev1.Speaking_SPEAKING_EVENTS,
	}
	announces = map[rooms.Announce]confbridgev1.Announce{
		rooms.AnnounceDefault: confbridgev1.Announce_ANNOUNCE_UNSPECIFIED,
		rooms.AnnounceNobody:  confbridgev1.Announce_ANNOUNCE_NOBODY,
		rooms.AnnounceTone:    confbridgev1.Announce_ANNOUNCE_TONE,
		rooms.AnnounceWords:   confbridgev1.Announce_ANNOUNCE_WORDS,
	}
)

// keyOf is the key of a value that a map has.
func keyOf[K, V comparable](m map[K]V, value V) (key K) {
	for k, v := range m {
		if v == value {
			return k
		}
	}
	return key
}

// speech is what a request says of it; its fields have been checked.
func speech(room *confbridgev1.Room) rooms.Speech {
	keys, _ := rooms.NewRemap(room.GetKeys()) // speechFault has asked
	return rooms.Speech{
		Voice: room.GetVoice(), Speaking: keyOf(speakings, room.GetSpeaking()), Announce: keyOf(announces, room.GetAnnounce()),
		AnnounceLimit: int(room.GetAnnounceLimit()), Music: room.GetMusic(), Remap: keys,
	}
}

// speechPatch is what an update says of it.
func speechPatch(room *confbridgev1.Room, paths []string) rooms.SpeechPatch {
	v := speech(room)
	return rooms.SpeechPatch{
		Voice:         pick(paths, "voice", v.Voice),
		Speaking:      pick(paths, "speaking", v.Speaking),
		Announce:      pick(paths, "announce", v.Announce),
		AnnounceLimit: pick(paths, "announce_limit", v.AnnounceLimit),
		Music:         pick(paths, "music", v.Music),
		Remap:         pick(paths, "keys", v.Remap),
	}
}

// showSpeech puts what is set of it into what is told of a room.
func showSpeech(room *confbridgev1.Room, v rooms.Speech) {
	room.Voice, room.Speaking, room.Announce = v.Voice, speakings[v.Speaking], announces[v.Announce]
	room.AnnounceLimit, room.Music, room.Keys = int32(v.AnnounceLimit), v.Music, v.Remap.Keys()
}

// speechFault says what is wrong with one of its fields.
func speechFault(room *confbridgev1.Room, path string) string {
	switch path {
	case "voice":
		if !rooms.IsVoice(room.GetVoice()) {
			return quote(room.GetVoice()) + " is no voice, like en or de-anna"
		}
	case "speaking":
		if how := room.GetSpeaking(); confbridgev1.Speaking_name[int32(how)] == "" {
			return fmt.Sprintf("%d is nothing that a room can say", how)
		}
	case "announce":
		if how := room.GetAnnounce(); confbridgev1.Announce_name[int32(how)] == "" {
			return fmt.Sprintf("%d is no way to tell of comings and goings", how)
		}
	case "announce_limit":
		if n := room.GetAnnounceLimit(); n < 0 || n > maxParticipants {
			return fmt.Sprintf("%d is not within 0 to %d", n, maxParticipants)
		}
	case "music":
		if n := len(room.GetMusic()); n > rooms.MaxSoundName {
			return fmt.Sprintf("is %d bytes long, at most %d", n, rooms.MaxSoundName)
		}
	case "keys":
		if _, err := rooms.NewRemap(room.GetKeys()); err != nil {
			return err.Error()
		}
	}
	return ""
}
