package entry

import (
	"context"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/schedule"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// roomVoice is what a room says: a second of a loud sound each time.
type roomVoice struct{}

func (roomVoice) Language(string) string { return sounds.English }

func (v roomVoice) Clip(_ context.Context, voice, name string) (*mixer.Clip, error) {
	return v.Prompt(voice, name), nil
}

func (roomVoice) Prompt(_, name string) *mixer.Clip {
	c := &mixer.Clip{Name: name, RateHz: 8000, PCM: make([]int16, 8000)}
	for i := range c.PCM {
		c.PCM[i] = 8000 - 16000*int16(i/4%2)
	}
	return c
}

// slowVoices take their time, so that the room has begun to speak.
type slowVoices struct{ voices }

func (v *slowVoices) Prompt(voice, name string) *mixer.Clip {
	time.Sleep(100 * time.Millisecond)
	return v.voices.Prompt(voice, name)
}

func TestWhatTheRoomTellsANewcomerIsNotCutOff(t *testing.T) {
	yes := true
	for _, row := range []struct {
		name     string
		speaking rooms.Speaking
		set      rooms.ModesPatch
		said     []string // behind what is asked
		loud     bool
	}{
		{"the room speaks", rooms.SpeakEvents, rooms.ModesPatch{}, []string{sounds.Entering}, true},
		{"the room does not speak", rooms.SpeakAnswers, rooms.ModesPatch{}, []string{sounds.Entering}, false},
		{"the room speaks of its host", rooms.SpeakEvents, rooms.ModesPatch{WaitForHost: &yes}, nil, true},
		{"the room does not speak of its host", rooms.SpeakAnswers, rooms.ModesPatch{WaitForHost: &yes}, []string{sounds.WaitingHost}, false},
		{"the room speaks of its lobby", rooms.SpeakEvents, rooms.ModesPatch{Lobby: &yes}, nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			desk := &slowVoices{}
			of := rooms.Config{Sounds: roomVoice{}, Defaults: rooms.Settings{Speech: rooms.Speech{Speaking: row.speaking}}}
			inBubbleOf(t, Config{Sounds: desk}, of, func(b *bridge) {
				if _, err := b.rooms.Update(b.ctx, "1000", rooms.SettingsPatch{ModesPatch: row.set}); err != nil {
					t.Fatal(err)
				}
				c := b.dial("1000", rooms.Origin{})
				time.Sleep(3 * time.Second)
				c.leg.press("1357#")
				time.Sleep(4 * time.Second)
				if got := b.of(c).room; got != "1000" {
					t.Errorf("in room %q", got)
				}
				got := desk.all()[2:]
				if len(got) != len(row.said) || len(got) > 0 && got[0] != row.said[0] {
					t.Errorf("the desk says %q, want %q", got, row.said)
				}
				c.leg.mu.Lock()
				defer c.leg.mu.Unlock()
				if row.loud != (c.leg.loud > 7000) || !row.loud && c.leg.loud > 0 {
					t.Errorf("%d loud samples of the room's second, want it whole: %v", c.leg.loud, row.loud)
				}
			})
		})
	}
}

func TestEarlyCallersAreToldByTheRoomAlone(t *testing.T) {
	w, err := schedule.ParseWindow("2000-01-01T00:05 UTC 1h") // in virtual time it is midnight of that day
	if err != nil {
		t.Fatal(err)
	}
	opens, err := schedule.Parse([]schedule.Window{w})
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, Config{}, func(b *bridge) {
		wait := 10 * time.Minute
		if _, err := b.rooms.Update(b.ctx, "1000", rooms.SettingsPatch{Schedule: &opens, ModesPatch: rooms.ModesPatch{EarlyWait: &wait}}); err != nil {
			t.Fatal(err)
		}
		c := b.dial("1000", rooms.Origin{})
		c.leg.press("1357#")
		time.Sleep(10 * time.Second)
		if got, want := b.of(c), (outcome{room: "1000", name: "Ann", said: asked}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if info, err := b.rooms.Participant(b.ctx, "1000", c.ID()); err != nil || info.Place != rooms.PlaceEarly {
			t.Errorf("stands in %d, %v, want %d", info.Place, err, rooms.PlaceEarly)
		}
		c.Leave(rooms.ReasonHangup)
	})
}
