package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Number says where calls to a dialled number lead.
type Number struct {
	// Dialled is the number, or its beginning and a star.
	Dialled string
	// Trunk is the trunk that the call must come by, or "anonymous"; empty: by any or none.
	Trunk string
	// Room is the number of the room; empty: an entrance, where callers dial it.
	Room string
	// Voice is that of the prompts; empty: the usual one.
	Voice string
}

const (
	maxNumbers    = 1000
	maxDialled    = 128 // bytes
	anonymousName = "anonymous"
)

var numberOfRoom = regexp.MustCompile(`^[-_.+*#A-Za-z0-9]{1,64}$`)

func numberFields() []field[Number] {
	return []field[Number]{
		{
			name: "number", needed: true,
			set: func(n *Number, s string) error {
				n.Dialled = s
				switch {
				case s == "" || len(s) > maxDialled:
					return fmt.Errorf("is not 1 to %d characters", maxDialled)
				case strings.HasSuffix(s, "*") && strings.Count(s, "*") > 1:
					return fmt.Errorf("%q has more than one star", s)
				}
				return nil
			},
			get: func(n *Number) string { return strconv.Quote(n.Dialled) },
		},
		{
			name: "trunk",
			set:  func(n *Number, s string) error { n.Trunk = s; return checkNotEmpty(s) },
			get:  func(n *Number) string { return unless(n.Trunk == "", strconv.Quote(n.Trunk)) },
		},
		{
			name: "room",
			set: func(n *Number, s string) error {
				if n.Room = s; !numberOfRoom.MatchString(s) {
					return fmt.Errorf("%q is not 1 to 64 letters, digits and -_.+*#", s)
				}
				return nil
			},
			get: func(n *Number) string { return unless(n.Room == "", strconv.Quote(n.Room)) },
		},
		{
			name: "voice",
			set: func(n *Number, s string) error {
				if n.Voice = s; !voiceName.MatchString(s) {
					return fmt.Errorf("%q is no voice, like en or de-anna: a language, and a name of its own after a hyphen", s)
				}
				return nil
			},
			get: func(n *Number) string { return unless(n.Voice == "", strconv.Quote(n.Voice)) },
		},
	}
}

func checkNotEmpty(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	return nil
}

// crossNumbers finds numbers that stand there twice, and says where both are; and trunks and voices that there are none of.
func (l *loader) crossNumbers() {
	type pattern struct{ dialled, trunk string }
	first := map[pattern]int{}
	numbers := l.cfg.Numbers
	for i, n := range numbers {
		path := fmt.Sprintf("numbers[%d]", i)
		p := pattern{n.Dialled, n.Trunk}
		if j, twice := first[p]; twice && n.Dialled != "" {
			l.fault(l.places[path], path, "%q stands in line %d already", n.Dialled, l.places[fmt.Sprintf("numbers[%d]", j)].line)
			continue
		}
		first[p] = i
		known := n.Trunk == "" || n.Trunk == anonymousName || slices.ContainsFunc(l.cfg.SIP.Trunks, func(t Trunk) bool { return t.Name == n.Trunk })
		if !known {
			l.fault(l.places[path], path+".trunk", "there is no trunk %q", n.Trunk)
		}
		if n.Voice != "" {
			l.checkVoice(l.places[path], path+".voice", n.Voice)
		}
	}
	if len(numbers) > maxNumbers {
		l.fault(l.places["numbers"], "numbers", "more than %d numbers", maxNumbers)
	}
}
