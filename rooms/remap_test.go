package rooms

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/rooms/sounds"
)

func TestARoomHasKeysOfItsOwn(t *testing.T) {
	for _, test := range []struct {
		name string
		keys map[string]string
		want string // of the whole map, in its order
		err  string
	}{
		{name: "nothing", want: "*1 help,*6 mute,*#1 lock"},
		{name: "other keys", keys: map[string]string{"lock": "*5"}, want: "*1 help,*6 mute,*5 lock"},
		{name: "no keys", keys: map[string]string{"mute": ""}, want: "*1 help,*#1 lock"},
		{name: "a command that the bridge does not know", keys: map[string]string{"hand": "*9"}, want: "*1 help,*6 mute,*#1 lock,*9 hand"},
		{name: "two that change places", keys: map[string]string{"lock": "*6", "mute": "*#1"}, want: "*1 help,*#1 mute,*6 lock"},
		{name: "keys of another one", keys: map[string]string{"lock": "*6"}, err: "*6 is for mute and for lock"},
		{name: "two with the same keys", keys: map[string]string{"lock": "*5", "end": "*5"}, err: "*5 is for lock and for end"},
		{name: "keys behind another one's", keys: map[string]string{"lock": "*61"}, err: "*6 (mute) is the beginning of *61 (lock)"},
		{name: "the beginning of others", keys: map[string]string{"mute": "*#"}, err: "*# (mute) is the beginning of *#1 (lock)"},
		{name: "no command", keys: map[string]string{"dance": "*5"}, err: `"dance" is not one of`},
		{name: "the word for none", keys: map[string]string{"none": "*5"}, err: `"none" has no keys`},
		{name: "no star", keys: map[string]string{"lock": "51"}, err: `lock: command "51", want a star`},
		{name: "too many keys", keys: map[string]string{"lock": "*123456"}, err: `lock: command "*123456", want a star`},
		{name: "what is no key", keys: map[string]string{"lock": "*5,"}, err: `has ','`},
	} {
		t.Run(test.name, func(t *testing.T) {
			of, err := new(KeyMap).Change(Command{"*1", ActionHelp}, Command{"*6", ActionMute}, Command{"*#1", ActionLock})
			if err != nil {
				t.Fatal(err)
			}
			r, err := NewRemap(test.keys)
			var got *KeyMap
			if err == nil {
				if diff := cmp.Diff(test.keys, r.Keys()); diff != "" {
					t.Error(diff)
				}
				got, err = of.Remap(r)
			}
			if test.err != "" {
				if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if text, _ := got.MarshalText(); string(text) != test.want {
				t.Errorf("got %s, want %s", text, test.want)
			}
		})
	}
}

func TestKeysOfARoomAreDialledAndTold(t *testing.T) {
	atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
		k.come("HOST")
		k.story()
		k.hears()
		remap := func(keys map[string]string) error {
			r, err := NewRemap(keys)
			if err != nil {
				k.Fatal(err)
			}
			_, err = k.g.Update(k.ctx, "1000", SettingsPatch{SpeechPatch: SpeechPatch{Remap: &r}})
			return err
		}
		locks := func(keys string, want bool) {
			k.Helper()
			k.story()
			k.dials("HOST", keys)
			if got := slices.Contains(k.story(), "locked"); got != want {
				k.Errorf("%s locks the room: %v, want %v", keys, got, want)
			}
			k.hears()
		}
		if err := remap(map[string]string{"lock": "*5"}); !errors.Is(err, ErrInvalid) {
			k.Errorf("keys of another command: got %v, want ErrInvalid", err)
		}
		locks("*5", false)
		k.do(nil, remap(map[string]string{"lock": "*51", "speak-quieter": "*52", "count": ""}))
		locks("*#1", false)
		locks("*51", true)
		k.dials("HOST", "*2")
		if got := strings.Join(k.hears(), ""); got != "HOST hears: "+sounds.InvalidKey {
			k.Errorf("a command without keys: got %q", got)
		}
		k.dials("HOST", "*1")
		time.Sleep(time.Minute)
		got, want := strings.Join(k.hears(), ""), strings.Join(sounds.KeyHelp(sounds.HelpLock, "*51"), " ")
		if !strings.Contains(got, want) || strings.Contains(got, sounds.HelpCount) {
			k.Errorf("help says %q, want %q in it, and nothing of counting", got, want)
		}
		k.do(nil, remap(nil))
		k.dials("HOST", "*#1")
		k.story()
		locks("*#1", true)
	})
}

// What the file says may have changed since a room got keys of its own.
func TestARoomWhoseKeysDoNotFitAnyMoreHasTheBridges(t *testing.T) {
	inBubble(t, Config{Defaults: Settings{Speech: Speech{Keys: DefaultKeys()}}}, func(ctx context.Context, t *testing.T, g *Registry) {
		kept := Kept{Number: "1000", Settings: Settings{Speech: Speech{Remap: "lock *6"}}}
		if err := g.Restore(ctx, Memory{Rooms: []Kept{kept}}); err != nil {
			t.Fatal(err)
		}
		err := g.do(ctx, "1000", func(s *state) error {
			if a, _ := s.speech().Keys.find([]byte("*6")); a != ActionMute {
				t.Errorf("*6 is %v, want mute", a)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if _, err := g.Update(ctx, "1000", SettingsPatch{DisplayName: ptr("Sales")}); err != nil {
			t.Errorf("what has nothing to do with keys: %v", err)
		}
	})
}

func TestARoomWhoseKeysDoNotFitAnyMoreHasItsOwn(t *testing.T) {
	own, err := new(KeyMap).Change(Command{"*1", ActionHelp}, Command{"*6", ActionHand})
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, Config{Defaults: Settings{Speech: Speech{Keys: DefaultKeys()}}}, func(ctx context.Context, t *testing.T, g *Registry) {
		kept := Kept{Number: "1000", Settings: Settings{Speech: Speech{Keys: own, Remap: "lock *6"}}}
		if err := g.Restore(ctx, Memory{Rooms: []Kept{kept}}); err != nil {
			t.Fatal(err)
		}
		err := g.do(ctx, "1000", func(s *state) error {
			if got := s.speech().Keys; !got.equal(own) {
				t.Errorf("got %v, want the room's own %v", got.Commands(), own.Commands())
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func FuzzRemap(f *testing.F) {
	for _, seed := range []string{"", "lock *51", "end ,lock *51,mute *#", "lock *5,lock *6", "mute *1,lock *1", "dance *1", ",", "none "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := Remap(text)
		if r.check() != nil {
			return
		}
		again, err := NewRemap(r.Keys())
		if err != nil || again != r {
			t.Fatalf("%q is read as %q, %v", r, again, err)
		}
		k, err := DefaultKeys().Remap(r)
		if err != nil {
			return
		}
		for name, keys := range r.Keys() {
			for _, c := range k.Commands() {
				if c.Action.String() == name && c.Keys != keys {
					t.Errorf("%q: %v is dialled by %s", r, c.Action, c.Keys)
				}
			}
			if keys != "" {
				if a, more := k.find([]byte(keys)); a.String() != name || more {
					t.Errorf("%q: %s is for %v", r, keys, a)
				}
			}
		}
	})
}
