package rooms

import (
	"strings"
	"testing"
)

func TestModeratorsHearOfWhoIsInTheLobby(t *testing.T) {
	for name, test := range map[string]struct {
		speech Speech
		want   string
	}{
		"nothing is told":             {Speech{}, ""},
		"what happens is told":        {Speech{Speaking: SpeakEvents}, "HOST hears: lobby-somebody, ann hears: lobby-wait tone:440/150,0/9850"},
		"comings are told in words":   {Speech{Announce: AnnounceWords}, "HOST hears: lobby-somebody"},
		"comings are told by tones":   {Speech{Announce: AnnounceTone}, "HOST hears: beep"},
		"both, and the word is heard": {Speech{Speaking: SpeakEvents, Announce: AnnounceTone}, "HOST hears: lobby-somebody, ann hears: lobby-wait tone:440/150,0/9850"},
	} {
		t.Run(name, func(t *testing.T) {
			atKeypads(t, Modes{Lobby: true}, test.speech, func(k *keypads) {
				k.come("HOST")
				k.hears()
				k.come("ann")
				if got := strings.Join(k.hears(), ", "); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		})
	}
}
