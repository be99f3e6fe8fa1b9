package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/confbridge/confbridge/rooms"
)

// Speech is what rooms say, and what keys do in them.
type Speech struct {
	// Speaking is SpeakAnswers or SpeakEvents; Announce is AnnounceNobody, AnnounceTone or AnnounceWords, in rooms of up to AnnounceLimit people.
	Speaking      string
	Announce      string
	AnnounceLimit int
	// Voice says it; empty: the one of Sounds.
	Voice string
	// Music is the name of the sound that those hear who wait; empty: that of the bridge.
	Music string
	// Keys are changes of the commands that rooms know.
	Keys []rooms.Command
	// MoveTo are patterns of the rooms that keys may send people to: "1000", "2*".
	MoveTo []string
	// DialTrunk is the name of the trunk that numbers are called through which are dialled in rooms; empty: none are.
	DialTrunk string
}

// What Speech.Speaking and Speech.Announce can be.
const (
	SpeakAnswers   = "answers"
	SpeakEvents    = "events"
	AnnounceNobody = "none"
	AnnounceTone   = "tone"
	AnnounceWords  = "words"
)

const (
	maxAnnounceLimit = 100_000
	maxMusic         = 255 // bytes
)

func defaultSpeech() Speech {
	return Speech{Speaking: SpeakAnswers, Announce: AnnounceNobody, AnnounceLimit: 20}
}

// speechKeys are those of rooms that are about what is said, and about keys.
func speechKeys() []key {
	return []key{
		{
			path: "rooms.speaking",
			set:  func(c *Config, s string) error { c.Rooms.Speaking = s; return oneOf(s, SpeakAnswers, SpeakEvents) },
			get:  func(c *Config) string { return c.Rooms.Speaking },
		},
		{
			path: "rooms.announce",
			set: func(c *Config, s string) error {
				c.Rooms.Announce = s
				return oneOf(s, AnnounceNobody, AnnounceTone, AnnounceWords)
			},
			get: func(c *Config) string { return c.Rooms.Announce },
		},
		{
			path: "rooms.announce_limit",
			set: func(c *Config, s string) (err error) {
				c.Rooms.AnnounceLimit, err = parseCount(s, 1, maxAnnounceLimit)
				return err
			},
			get: func(c *Config) string { return strconv.Itoa(c.Rooms.AnnounceLimit) },
		},
		{
			path: "rooms.voice",
			set: func(c *Config, s string) error {
				if c.Rooms.Voice = s; s != "" && !voiceName.MatchString(s) {
					return fmt.Errorf("%q is no voice, like en or de-anna: a language, and a name of its own after a hyphen", s)
				}
				return nil
			},
			get: func(c *Config) string { return strconv.Quote(c.Rooms.Voice) },
		},
		{
			path: "rooms.music",
			set: func(c *Config, s string) error {
				if c.Rooms.Music = s; len(s) > maxMusic {
					return fmt.Errorf("is longer than %d bytes", maxMusic)
				}
				return nil
			},
			get: func(c *Config) string { return strconv.Quote(c.Rooms.Music) },
		},
		{
			path: "rooms.keys", shape: table,
			put: func(c *Config, name, s string) error { return addCommand(&c.Rooms.Keys, name, s) },
			get: func(c *Config) string { return commandsYAML(c.Rooms.Keys) },
		},
		{
			path: "rooms.move_to", shape: list, empty: true,
			clear: func(c *Config) { c.Rooms.MoveTo = nil },
			set:   func(c *Config, s string) error { return addText(checkRoomPattern)(&c.Rooms.MoveTo, s) },
			get:   func(c *Config) string { return quotedList(c.Rooms.MoveTo, strings.Clone) },
		},
		{
			path: "rooms.dial_trunk",
			set:  func(c *Config, s string) error { c.Rooms.DialTrunk = s; return nil },
			get:  func(c *Config) string { return strconv.Quote(c.Rooms.DialTrunk) },
		},
	}
}

// checkRoomPattern is for numbers that are dialled: keys have no letters.
func checkRoomPattern(s string) error {
	if digits := strings.TrimSuffix(s, "*"); digits == "" && s != "*" || strings.Trim(digits, "0123456789") != "" {
		return fmt.Errorf("%q is neither digits nor digits and a star behind them", s)
	}
	return nil
}

func addCommand(to *[]rooms.Command, keys, name string) error {
	a, err := rooms.ParseAction(name)
	if err != nil {
		return plain(err)
	}
	c := rooms.Command{Keys: keys, Action: a}
	if _, err := new(rooms.KeyMap).Change(c); err != nil { // how they go together is seen when all are there
		return plain(err)
	}
	*to = append(*to, c)
	return nil
}

// plain is an error of rooms as one line of a file's faults.
func plain(err error) error {
	text := strings.ReplaceAll(err.Error(), ": "+rooms.ErrInvalid.Error(), "")
	return errors.New(strings.ReplaceAll(text, "\n", "; "))
}

func commandsYAML(all []rooms.Command) string {
	parts := make([]string, len(all))
	for i, c := range all {
		parts[i] = strconv.Quote(c.Keys) + ": " + c.Action.String()
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// crossCommands looks for commands that are the beginning of others, and for the trunk that they call through.
func (l *loader) crossCommands() {
	keys, err := rooms.DefaultKeys().Change(l.cfg.Rooms.Keys...)
	if err != nil {
		l.fault(l.places["rooms.keys"], "rooms.keys", "%v", plain(err))
		return
	}
	if name := l.cfg.Rooms.DialTrunk; name != "" {
		i := slices.IndexFunc(l.cfg.SIP.Trunks, func(t Trunk) bool { return t.Name == name })
		if i < 0 || len(l.cfg.SIP.Trunks[i].Dial.Prefixes) == 0 {
			l.fault(l.places["rooms.dial_trunk"], "rooms.dial_trunk", "%q is none of sip.trunks that has dial.prefixes", name)
		}
	}
	for i, r := range l.cfg.Rooms.List {
		path := fmt.Sprintf("rooms.list[%d].keys", i)
		remap, err := rooms.NewRemap(r.Keys)
		if err == nil {
			_, err = keys.Remap(remap)
		}
		if err != nil {
			l.fault(l.places[path], path, "%v", plain(err))
		}
	}
}
