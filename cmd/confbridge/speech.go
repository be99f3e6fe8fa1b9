package main

import (
	"cmp"
	"strconv"
	"strings"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// speechFlags are what a room says; nil leaves it as it is, or to the bridge.
type speechFlags struct {
	Voice         *string `placeholder:"VOICE" help:"Who speaks, as en or de-anna."`
	Speaking      *string `enum:"answers,events" placeholder:"WHAT" help:"What is said: answers to those who dial commands, or events as well."`
	Announce      *string `enum:"nobody,tone,words" placeholder:"HOW" help:"How comings and goings are told: nobody, tone or words."`
	AnnounceLimit *int32  `placeholder:"N" help:"Up to how many people they are told to."`
	Music         *string `placeholder:"NAME" help:"The sound that those hear who wait, as music/piano."`
}

// apply puts what was given into room and says which fields that are.
func (f speechFlags) apply(room *confbridgev1.Room) (paths []string) {
	if f.Voice != nil {
		room.Voice = *f.Voice
		paths = append(paths, "voice")
	}
	if f.Speaking != nil {
		room.Speaking = confbridgev1.Speaking(confbridgev1.Speaking_value["SPEAKING_"+strings.ToUpper(*f.Speaking)])
		paths = append(paths, "speaking")
	}
	if f.Announce != nil {
		room.Announce = confbridgev1.Announce(confbridgev1.Announce_value["ANNOUNCE_"+strings.ToUpper(*f.Announce)])
		paths = append(paths, "announce")
	}
	if f.AnnounceLimit != nil {
		room.AnnounceLimit = *f.AnnounceLimit
		paths = append(paths, "announce_limit")
	}
	if f.Music != nil {
		room.Music = *f.Music
		paths = append(paths, "music")
	}
	return paths
}

// speechFields are what is set of it on a room, in the words of the flags; what is not is the bridge's.
func speechFields(r *confbridgev1.Room) [][2]string {
	speaking, announce := words(r.GetSpeaking().String(), "SPEAKING_"), words(r.GetAnnounce().String(), "ANNOUNCE_")
	if r.GetSpeaking() == confbridgev1.Speaking_SPEAKING_UNSPECIFIED {
		speaking = "-"
	}
	if r.GetAnnounce() == confbridgev1.Announce_ANNOUNCE_UNSPECIFIED {
		announce = "-"
	}
	if n := r.GetAnnounceLimit(); n > 0 {
		announce += ", up to " + strconv.Itoa(int(n))
	}
	return [][2]string{
		{"speaking", speaking},
		{"announce", announce},
		{"voice", cmp.Or(clean(r.GetVoice()), "-")},
		{"music", cmp.Or(clean(r.GetMusic()), "-")},
		{"keys", keyText(r)},
	}
}
