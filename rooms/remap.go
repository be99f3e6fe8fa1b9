package rooms

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Remap is which keys actions have in one room in place of those that they have elsewhere: `lock *51,mute ` is that the room is locked by *51, and that nobody mutes
// oneself by keys. The actions stand in alphabetical order; the zero value changes nothing.
type Remap string

// NewRemap is a Remap of keys by the names of actions; no keys take an action away (ErrInvalid). Whether they go together with the other commands of a room is
// seen when they are given to it.
func NewRemap(keys map[string]string) (Remap, error) {
	var faults []error
	all := make([]string, 0, len(keys))
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		a, err := ParseAction(name)
		switch {
		case err != nil:
			faults = append(faults, err)
		case a == ActionNone:
			faults = append(faults, fmt.Errorf("%q has no keys; an action without keys is one that is taken away: %w", name, ErrInvalid))
		case keys[name] != "":
			if err := (Command{Keys: keys[name], Action: a}).check(); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
			}
		}
		all = append(all, name+" "+keys[name])
	}
	return Remap(strings.Join(all, ",")), errors.Join(faults...)
}

// Keys are the keys by the names of actions; nil where nothing is changed.
func (r Remap) Keys() map[string]string {
	if r == "" {
		return nil
	}
	keys := map[string]string{}
	for entry := range strings.SplitSeq(string(r), ",") {
		name, k, _ := strings.Cut(entry, " ")
		keys[name] = k
	}
	return keys
}

// check is for one that NewRemap has not made.
func (r Remap) check() error {
	made, err := NewRemap(r.Keys())
	if err == nil && made != r {
		err = fmt.Errorf("keys %q: %w", string(r), ErrInvalid)
	}
	return err
}

// Remap is the map with the keys of a room in it. They have to differ from those of all other commands, and neither may be the beginning of the other
// (ErrInvalid).
func (k *KeyMap) Remap(r Remap) (*KeyMap, error) {
	if r == "" {
		return k, nil
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if k == nil {
		k = new(KeyMap)
	}
	moved := r.Keys()
	commands := make([]Command, 0, len(k.commands)+len(moved))
	for _, c := range k.commands { // who is told of the keys is told in the same order
		if keys, ok := moved[c.Action.String()]; ok {
			if keys != "" && !slices.Contains(commands, Command{keys, c.Action}) {
				commands = append(commands, Command{keys, c.Action})
			}
			continue
		}
		commands = append(commands, c)
	}
	for _, name := range slices.Sorted(maps.Keys(moved)) {
		a, err := ParseAction(name)
		if err != nil {
			return nil, err
		}
		if c := (Command{moved[name], a}); c.Keys != "" && !slices.Contains(commands, c) {
			commands = append(commands, c)
		}
	}
	var faults []error
	for i, c := range commands {
		for _, o := range commands[i+1:] {
			if c.Keys == o.Keys {
				faults = append(faults, fmt.Errorf("%s is for %v and for %v: %w", c.Keys, c.Action, o.Action, ErrInvalid))
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return new(KeyMap).Change(commands...)
}

// keysOf are the commands of a room that is set so (ErrInvalid).
func (g *Registry) keysOf(set Settings) (*KeyMap, error) {
	keys := set.Keys
	if keys == nil {
		keys = g.cfg.Defaults.Keys
	}
	return keys.Remap(set.Remap)
}

// learnKeys has the room's commands be those that are set. Where those that its Remap is of have been changed since, in the file, so that they do not go together
// any more, the room has these: its own Keys, or the bridge's.
func (s *state) learnKeys() {
	keys, err := s.room.registry.keysOf(s.set)
	if err != nil {
		s.room.registry.cfg.Log.Warn("the keys of a room do not go together with those that it has otherwise: it has these", "room", s.room.number, "err", err)
		set := s.set
		set.Remap = ""
		keys, _ = s.room.registry.keysOf(set) // without a Remap nothing fails
	}
	s.commands = keys
}
