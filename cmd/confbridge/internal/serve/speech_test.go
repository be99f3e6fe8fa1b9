package serve

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms"
)

func TestSpeechOfTheFileIsThatOfRooms(t *testing.T) {
	tests := []struct {
		what string
		file config.Speech
		want rooms.Speech
	}{
		{
			"without a file", config.Default().Rooms.Speech,
			rooms.Speech{Speaking: rooms.SpeakAnswers, Announce: rooms.AnnounceNobody, AnnounceLimit: 20},
		},
		{
			"all else",
			config.Speech{
				Speaking: config.SpeakEvents, Announce: config.AnnounceWords, AnnounceLimit: 5, Voice: "de", Music: "music/piano",
				Keys: []rooms.Command{{Keys: "*6", Action: rooms.ActionHand}},
			},
			rooms.Speech{Speaking: rooms.SpeakEvents, Announce: rooms.AnnounceWords, AnnounceLimit: 5, Voice: "de", Music: "music/piano"},
		},
		{
			"tones",
			config.Speech{Speaking: config.SpeakAnswers, Announce: config.AnnounceTone, AnnounceLimit: 5},
			rooms.Speech{Speaking: rooms.SpeakAnswers, Announce: rooms.AnnounceTone, AnnounceLimit: 5},
		},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			got, err := roomSpeech(test.file)
			if err != nil {
				t.Fatal(err)
			}
			mute := rooms.ActionMute
			if len(test.file.Keys) > 0 {
				mute = rooms.ActionHand
			}
			found := rooms.ActionNone
			for _, c := range got.Keys.Commands() {
				if c.Keys == "*6" {
					found = c.Action
				}
			}
			if found != mute {
				t.Errorf("*6 is %v, want %v", found, mute)
			}
			got.Keys = nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := roomSpeech(config.Speech{Keys: []rooms.Command{{Keys: "*61", Action: rooms.ActionMute}}}); !errors.Is(err, rooms.ErrInvalid) {
		t.Errorf("got %v of a command that another one begins, want ErrInvalid", err)
	}
}
