package rooms

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeysAreRemapped(t *testing.T) {
	tests := []struct {
		what    string
		changes []Command
		dialled string
		want    Action
		wrong   bool
	}{
		{"as it was", nil, "*6", ActionMute, false},
		{"another action", []Command{{"*6", ActionHand}}, "*6", ActionHand, false},
		{"another command", []Command{{"*A", ActionMute}}, "*A", ActionMute, false},
		{"none", []Command{{"*6", ActionNone}}, "*6", ActionNone, false},
		{"a longer one in place of a shorter one", []Command{{"*6", ActionNone}, {"*61", ActionMute}}, "*61", ActionMute, false},
		{"one that begins another", []Command{{"*#", ActionMute}}, "", 0, true},
		{"one that another begins", []Command{{"*61", ActionMute}}, "", 0, true},
		{"no star", []Command{{"6", ActionMute}}, "", 0, true},
		{"a star alone", []Command{{"*", ActionMute}}, "", 0, true},
		{"a second star", []Command{{"**", ActionMute}}, "", 0, true},
		{"too long", []Command{{"*######", ActionMute}}, "", 0, true},
		{"no key", []Command{{"*x", ActionMute}}, "", 0, true},
		{"no action", []Command{{"*6", 200}}, "", 0, true},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			keys, err := DefaultKeys().Change(test.changes...)
			if test.wrong {
				if !errors.Is(err, ErrInvalid) {
					t.Errorf("got %v, want ErrInvalid", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, more := keys.find([]byte(test.dialled)); got != test.want || more {
				t.Errorf("%s is %v, more %v; want %v", test.dialled, got, more, test.want)
			}
		})
	}
}

func TestTooManyCommandsAreRefused(t *testing.T) {
	var many []Command
	for i := range maxCommands {
		many = append(many, Command{fmt.Sprintf("*D%02d", i), ActionMute})
	}
	if _, err := DefaultKeys().Change(many...); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

func TestActionsHaveNames(t *testing.T) {
	for a := ActionNone; a <= ActionEnd; a++ {
		if got, err := ParseAction(a.String()); got != a || err != nil {
			t.Errorf("%d is %q, which is read as %v, %v", a, a, got, err)
		}
		if a != ActionNone && helpPrompts[a] == "" {
			t.Errorf("help has no words for %v", a)
		}
	}
	if _, err := ParseAction("dance"); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

// TestTheTableOfKeysIsTrue holds docs/keys.md to what rooms do.
func TestTheTableOfKeysIsTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(\\*[0-9#A-D]+)` \\| `([a-z-]+)` \\| (everybody|moderators) \\|").FindAllStringSubmatch(string(text), -1)
	if len(rows) != len(defaultCommands) {
		t.Fatalf("%d rows, want %d", len(rows), len(defaultCommands))
	}
	for i, c := range defaultCommands {
		who := "everybody"
		if c.Action.ForModerators() {
			who = "moderators"
		}
		if rows[i][1] != c.Keys || rows[i][2] != c.Action.String() || rows[i][3] != who {
			t.Errorf("row %d: %v, want %s, %v, %s", i+1, rows[i][1:], c.Keys, c.Action, who)
		}
	}
}

func TestKeysAreKept(t *testing.T) {
	want, err := DefaultKeys().Change(Command{"*6", ActionNone}, Command{"*61", ActionMute})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := json.Marshal(Speech{Keys: want})
	if err != nil {
		t.Fatal(err)
	}
	var got Speech
	if err := json.Unmarshal(kept, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Commands(), got.Keys.Commands()); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"*6 dance", "*6", "6 mute", "*6 mute,*66 mute"} {
		if err := new(KeyMap).UnmarshalText([]byte(text)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", text, err)
		}
	}
}

func FuzzKeyMap(f *testing.F) {
	whole, err := DefaultKeys().MarshalText()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(whole), "", "*6 mute,*6 none", "*6 mute,*66 hand", "* mute", ",,*D end"} {
		f.Add(seed, []byte("*6"))
	}
	f.Fuzz(func(t *testing.T, text string, dialled []byte) {
		var k KeyMap
		if k.UnmarshalText([]byte(text)) != nil {
			return
		}
		again, err := k.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var same KeyMap
		if err := same.UnmarshalText(again); err != nil {
			t.Fatalf("%q is written as %q, which cannot be read: %v", text, again, err)
		}
		if !slices.Equal(k.commands, same.commands) {
			t.Errorf("%v is read as %v", k.commands, same.commands)
		}
		if a, more := k.find(dialled); a != ActionNone && more {
			t.Errorf("%q is %v and the beginning of another", dialled, a)
		}
	})
}
