package rooms

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Action is what a command does that somebody in a room dials.
type Action uint8

// The actions. Those from ActionLock on are for moderators.
const (
	ActionNone         Action = iota
	ActionHelp                // the keys are told
	ActionCount               // how many are there is told
	ActionDeaf                // the conference is not heard, or again
	ActionQuieter             // the others are heard more quietly
	ActionLouder              // the others are heard louder
	ActionSpeakQuieter        // one is heard more quietly
	ActionSpeakLouder         // one is heard louder
	ActionMute                // one is muted, or not any more
	ActionHand                // the hand is raised, or lowered
	ActionYield               // the floor is given back
	ActionBack                // who is in a side room comes back from it
	ActionLeave
	ActionLock        // nobody comes in any more, or again
	ActionAnnounce    // how many are there is told to everybody
	ActionLecture     // a lecture begins or ends
	ActionAdmit       // who waits longest in the lobby is let in
	ActionRefuse      // and sent away
	ActionMuteAll     // all but moderators are muted, or, where all of them are, unmuted
	ActionRecord      // the recording starts or stops
	ActionPause       // it pauses or goes on
	ActionNext        // the floor goes to the next in the queue
	ActionWaitForHost // without a moderator newcomers wait, or do not any more
	ActionLobby       // newcomers wait until they are let in, or do not any more
	ActionKick        // who came last is removed
	ActionEnd         // the conference ends, where it is dialled twice

	ActionWho          // who is there is told, with the numbers that those below want
	ActionAdmitAll     // all who wait in the lobby are let in
	ActionUnmuteAll    // all are unmuted whom others have muted
	ActionWhisper      // one is heard by another alone, or by all again
	ActionBan          // one is removed, and kept out for a time
	ActionMove         // one goes to another room
	ActionSide         // two go to a room of their own
	ActionHeardQuieter // one is heard more quietly by the others
	ActionHeardLouder
	ActionHearsQuieter // one hears the others more quietly
	ActionHearsLouder
	ActionMuteOne // one is muted, or heard again
	ActionDeafOne // one does not hear the conference any more, or again
	ActionRole    // one is a moderator, a speaker or a listener from then on
	ActionDial    // somebody is called into the room
)

// actionNames are what configurations call the actions.
var actionNames = [...]string{
	ActionNone: "none", ActionHelp: "help", ActionCount: "count", ActionDeaf: "deaf", ActionQuieter: "quieter", ActionLouder: "louder",
	ActionSpeakQuieter: "speak-quieter", ActionSpeakLouder: "speak-louder", ActionMute: "mute", ActionHand: "hand", ActionYield: "yield", ActionBack: "back",
	ActionLeave: "leave",
	ActionLock:  "lock", ActionAnnounce: "announce", ActionLecture: "lecture", ActionAdmit: "admit", ActionRefuse: "refuse", ActionMuteAll: "mute-all",
	ActionRecord: "record", ActionPause: "pause", ActionNext: "next", ActionWaitForHost: "wait-for-host", ActionLobby: "lobby", ActionKick: "kick", ActionEnd: "end",
	ActionWho: "who", ActionAdmitAll: "admit-all", ActionUnmuteAll: "unmute-all", ActionWhisper: "whisper", ActionBan: "ban", ActionMove: "move",
	ActionSide: "side", ActionHeardQuieter: "heard-quieter", ActionHeardLouder: "heard-louder", ActionHearsQuieter: "hears-quieter",
	ActionHearsLouder: "hears-louder", ActionMuteOne: "mute-one", ActionDeafOne: "deaf-one", ActionRole: "role", ActionDial: "dial",
}

// String is what configurations call the action.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "unknown"
}

// ForModerators says whether only moderators may do it.
func (a Action) ForModerators() bool { return a >= ActionLock }

// ParseAction finds an action by its name; `none` is ActionNone (ErrInvalid).
func ParseAction(name string) (Action, error) {
	i := slices.Index(actionNames[:], name)
	if i < 0 {
		return ActionNone, fmt.Errorf("%q is not one of %s: %w", name, strings.Join(actionNames[:], ", "), ErrInvalid)
	}
	return Action(i), nil
}

// Command is what is dialled for an action: a star, and one or more of 0 to 9, # and A to D.
type Command struct {
	Keys   string
	Action Action
}

// KeyMap is which commands a room knows. Nobody changes it once it was made, so rooms share it. The zero value knows none.
type KeyMap struct{ commands []Command }

const (
	maxCommandKeys = 6
	maxCommands    = 64
)

// defaultCommands are the same as in docs/keys.md.
var defaultCommands = []Command{
	{"*1", ActionHelp},
	{"*2", ActionCount},
	{"*3", ActionDeaf},
	{"*4", ActionQuieter},
	{"*7", ActionLouder},
	{"*5", ActionSpeakQuieter},
	{"*8", ActionSpeakLouder},
	{"*6", ActionMute},
	{"*9", ActionHand},
	{"*##9", ActionYield},
	{"*###0", ActionBack},
	{"*0", ActionLeave},
	{"*#1", ActionLock},
	{"*#2", ActionAnnounce},
	{"*#3", ActionLecture},
	{"*#4", ActionAdmit},
	{"*#5", ActionRefuse},
	{"*#6", ActionMuteAll},
	{"*#8", ActionRecord},
	{"*#0", ActionPause},
	{"*#9", ActionNext},
	{"*#7", ActionWaitForHost},
	{"*###2", ActionLobby},
	{"*##1", ActionKick},
	{"*##0", ActionEnd},
	{"*##2", ActionWho},
	{"*##4", ActionAdmitAll},
	{"*##6", ActionUnmuteAll},
	{"*##3", ActionWhisper},
	{"*##5", ActionBan},
	{"*##7", ActionMove},
	{"*##8", ActionSide},
	{"*###5", ActionHeardQuieter},
	{"*###8", ActionHeardLouder},
	{"*###4", ActionHearsQuieter},
	{"*###7", ActionHearsLouder},
	{"*###6", ActionMuteOne},
	{"*###3", ActionDeafOne},
	{"*###1", ActionRole},
	{"*###9", ActionDial},
}

// DefaultKeys are the commands of rooms where nobody says anything else.
func DefaultKeys() *KeyMap { return &KeyMap{commands: slices.Clone(defaultCommands)} }

// Change is the map with other commands: each takes the place of the one of the same keys, or is new; ActionNone takes one away. No command may
// be the beginning of another (ErrInvalid).
func (k *KeyMap) Change(changes ...Command) (*KeyMap, error) {
	all := slices.Clone(k.commands)
	var faults []error
	for _, c := range changes {
		if err := c.check(); err != nil {
			faults = append(faults, err)
			continue
		}
		i := slices.IndexFunc(all, func(o Command) bool { return o.Keys == c.Keys })
		switch {
		case i >= 0:
			all[i].Action = c.Action
		default:
			all = append(all, c)
		}
	}
	all = slices.DeleteFunc(all, func(c Command) bool { return c.Action == ActionNone })
	if len(all) > maxCommands {
		faults = append(faults, fmt.Errorf("%d commands, at most %d: %w", len(all), maxCommands, ErrInvalid))
	}
	for _, c := range all {
		for _, o := range all {
			if o != c && strings.HasPrefix(o.Keys, c.Keys) {
				faults = append(faults, fmt.Errorf("%s (%v) is the beginning of %s (%v): %w", c.Keys, c.Action, o.Keys, o.Action, ErrInvalid))
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return &KeyMap{commands: all}, nil
}

func (c Command) check() error {
	if len(c.Keys) < 2 || len(c.Keys) > maxCommandKeys || c.Keys[0] != '*' || int(c.Action) >= len(actionNames) {
		return fmt.Errorf("command %q, want a star and 1 to %d other keys: %w", c.Keys, maxCommandKeys-1, ErrInvalid)
	}
	for _, k := range []byte(c.Keys[1:]) {
		if !isKey(k) || k == '*' {
			return fmt.Errorf("command %q has %q, want 0 to 9, # and A to D behind the star: %w", c.Keys, k, ErrInvalid)
		}
	}
	return nil
}

// MarshalText is the map as it is kept: `*1 help,*2 count`.
func (k *KeyMap) MarshalText() ([]byte, error) {
	var all []string
	for _, c := range k.commands {
		all = append(all, c.Keys+" "+c.Action.String())
	}
	return []byte(strings.Join(all, ",")), nil
}

// UnmarshalText reads what MarshalText has written (ErrInvalid).
func (k *KeyMap) UnmarshalText(text []byte) error {
	var all []Command
	for entry := range strings.SplitSeq(string(text), ",") {
		if entry == "" {
			continue
		}
		keys, name, _ := strings.Cut(entry, " ")
		a, err := ParseAction(name)
		if err != nil {
			return err
		}
		all = append(all, Command{keys, a})
	}
	read, err := new(KeyMap).Change(all...)
	if err != nil {
		return err
	}
	*k = *read
	return nil
}

// Commands lists what the map knows, in the order in which it is told.
func (k *KeyMap) Commands() []Command { return slices.Clone(k.commands) }

// equal says whether two maps know the same, in the same order; none is another one than one that knows nothing.
func (k *KeyMap) equal(o *KeyMap) bool {
	if k == nil || o == nil {
		return k == o
	}
	return slices.Equal(k.commands, o.commands)
}

// empty says that no key begins anything.
func (k *KeyMap) empty() bool { return k == nil || len(k.commands) == 0 }

// find is the action of what has been dialled; more says that there may be one when more is. It is part of the tick.
func (k *KeyMap) find(dialled []byte) (a Action, more bool) {
	for i := range k.commands {
		keys := k.commands[i].Keys
		if len(keys) < len(dialled) || keys[:len(dialled)] != string(dialled) {
			continue
		}
		if len(keys) == len(dialled) {
			return k.commands[i].Action, false
		}
		more = true
	}
	return ActionNone, more
}
