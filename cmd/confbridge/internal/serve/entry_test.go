package serve

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms/dialplan"
	"github.com/confbridge/confbridge/rooms/entry"
	"github.com/confbridge/confbridge/rooms/sounds"
)

func TestEveryPromptOfTheWayInIsThere(t *testing.T) {
	lib, err := sounds.Open(sounds.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer lib.Close()
	for _, voice := range sounds.Languages() {
		for _, name := range entry.Prompts() {
			if lib.Prompt(voice, name) == sounds.Beep() {
				t.Errorf("%s: there is no prompt %s", voice, name)
			}
		}
	}
}

func TestNumbersOfTheFileAreTheDesks(t *testing.T) {
	got := entryConfig(config.Config{Numbers: []config.Number{{Dialled: "30*", Trunk: "carrier", Room: "1000", Voice: "de"}, {Dialled: "30"}}}, nil, slog.Default())
	want := []dialplan.Number{{Dialled: "30*", Trunk: "carrier", Room: "1000", Voice: "de"}, {Dialled: "30"}}
	if diff := cmp.Diff(want, got.Numbers); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
}
