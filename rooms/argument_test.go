package rooms

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms/sounds"
)

func TestNumbersBehindACommandAreReadOrRefused(t *testing.T) {
	notAllowed := sounds.NotAllowed
	for _, test := range []struct {
		name, keys  string
		heard, does string
	}{
		{"one number", "*###5 {ann}#", "enter-participant beep", "ann is changed"},
		{"two numbers", "*##3 {ann}#{bob}#", "enter-participant enter-second whisper-on", "bob is changed"},
		{"nobody's number", "*###5 99#", "enter-participant no-such-participant", ""},
		{"no number", "*###5 #", "enter-participant no-such-participant", ""},
		{"more digits than there are numbers", "*###5 " + strings.Repeat("9", maxArgumentKeys+1), "enter-participant invalid-key", ""},
		{"a letter", "*###5 1A", "enter-participant invalid-key", ""},
		{"a star begins another command", "*###5 1 *#1", "enter-participant now-locked", "locked"},
		{"the same command once more", "*###5 99 *###5 {ann}#", "enter-participant enter-participant beep", "ann is changed"},
		{"one is muted", "*###6 {ann}#", "enter-participant participant-muted", "ann is muted by a moderator"},
		{"one is muted, and not any more", "*###6 {ann}# *###6 {ann}#", "enter-participant participant-muted enter-participant participant-unmuted", "ann is muted by a moderator, ann is unmuted"},
		{"one is muted who is there no more", "*###6 99#", "enter-participant no-such-participant", ""},
		{"one hears nothing", "*###3 {ann}#", "enter-participant participant-deaf", "ann is changed"},
		{"one hears nothing, and again", "*###3 {ann}# *###3 {ann}#", "enter-participant participant-deaf enter-participant participant-hearing", "ann is changed, ann is changed"},
		{"one becomes a listener", "*###1 {ann}#3#", "enter-participant enter-role participant-listener", "ann is changed"},
		{"one becomes a listener and a speaker", "*###1 {ann}#3# *###1 {ann}#2#", "enter-participant enter-role participant-listener enter-participant enter-role participant-speaker", "ann is changed, ann is changed"},
		{"one becomes a moderator", "*###1 {ann}#1#", "enter-participant enter-role participant-moderator", "ann is changed"},
		{"a role that there is not", "*###1 {ann}#4#", "enter-participant enter-role invalid-key", ""},
		{"no role", "*###1 {ann}##", "enter-participant enter-role invalid-key", ""},
		{"nobody's role", "*###1 99#1#", "enter-participant enter-role no-such-participant", ""},
		{"one who whispers to oneself", "*##3 {ann}#{ann}#", "enter-participant enter-second invalid-key", ""},
		{"a ban without an end", "*##5 {ann}#0#", "enter-participant enter-minutes invalid-key", ""},
		{"a ban of more than a year", "*##5 {ann}#525601#", "enter-participant enter-minutes invalid-key", ""},
		{"a ban of a year", "*##5 {ann}#525600#", "enter-participant enter-minutes somebody-left", "ann is banned for 8760h0m0s, ann leaves: removed by moderator"},
		{"more minutes than can be counted", "*##5 {ann}#" + strings.Repeat("9", maxArgumentKeys) + "#", "enter-participant enter-minutes invalid-key", ""},
		{"a moderator", "*##5 {HOST}#1#", "enter-participant enter-minutes not-allowed", ""},
		{"a room that keys may not send to", "*##7 {ann}#1001#", "enter-participant enter-conference not-allowed", ""},
		{"a room that there is not", "*##7 {ann}#2999#", "enter-participant enter-conference no-such-conference", ""},
		{"no room", "*##7 {ann}##", "enter-participant enter-conference not-allowed", ""},
		{"the room that one is in", "*##8 {HOST}##", "enter-participant enter-second invalid-key", ""},
		{"back from nowhere", "*###0", notAllowed, ""},
		{"nothing to call", "*###9 #", "enter-dial invalid-key", ""},
		{"what may not be called", "*###9 0900#", "enter-dial not-allowed", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			atKeypads(t, Modes{}, Speech{Speaking: SpeakEvents, Announce: AnnounceWords}, func(k *keypads) {
				k.come("HOST", "ann", "bob")
				k.story()
				k.hears()
				k.dials("HOST", k.withNumbers(test.keys))
				if got := strings.Join(k.story(), ", "); got != test.does {
					t.Errorf("got %q, want %q", got, test.does)
				}
				if heard := k.hears(); len(heard) == 0 || heard[0] != "HOST hears: "+test.heard {
					t.Errorf("got %q, want %q", heard, test.heard)
				}
			})
		})
	}
}

func TestACommandThatWantsNumbersWaitsForThem(t *testing.T) {
	for _, test := range []struct {
		what string
		rest time.Duration
		want string
	}{
		{"a moment before it is too late", argumentPause - 100*time.Millisecond, "ann is changed"},
		{"too late", argumentPause + 100*time.Millisecond, ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
				k.come("HOST", "ann")
				k.story()
				keys := func(keys string) {
					for _, digit := range []byte(k.withNumbers(keys)) {
						k.do(nil, k.people["HOST"].Key(k.ctx, digit, 0))
					}
				}
				keys("*###5")
				time.Sleep(test.rest)
				keys("{ann}#")
				k.rest()
				if got := strings.Join(k.story(), ", "); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestWhoMayNotIsRefusedBeforeAnyNumber(t *testing.T) {
	atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
		k.come("HOST", "ann")
		k.story()
		for _, a := range []Action{
			ActionHeardQuieter, ActionHeardLouder, ActionHearsQuieter, ActionHearsLouder, ActionWhisper, ActionBan, ActionMove, ActionSide, ActionDial,
			ActionMuteOne, ActionDeafOne, ActionRole, ActionBack, ActionWho, ActionAdmitAll, ActionUnmuteAll, ActionYield,
		} {
			i := slices.IndexFunc(defaultCommands, func(c Command) bool { return c.Action == a })
			k.dials("ann", defaultCommands[i].Keys)
			if got := strings.Join(k.hears(), ", "); got != "ann hears: not-allowed" {
				t.Errorf("%v: got %q, want that it is not allowed", a, got)
			}
			k.dials("ann", k.withNumbers("{HOST}#")) // nobody waits for it
		}
		if got := append(k.story(), k.hears()...); len(got) > 0 {
			t.Errorf("got %q, want nothing", got)
		}
	})
}

func TestASideRoomHasNoSideRoom(t *testing.T) {
	atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
		k.come("HOST", "ann", "bob")
		k.dials("HOST", k.withNumbers("*##8{ann}##"))
		k.story()
		k.hears()
		k.dials("HOST", "*##8")
		if got := strings.Join(k.hears(), ", "); got != "HOST hears: not-allowed" {
			t.Errorf("got %q, want that it is not allowed", got)
		}
		k.dials("ann", "*###0") // who is there need not be a moderator
		if got := strings.Join(k.story(), ", "); got != "ann joins, HOST joins, HOST arrives as host" && got != "HOST joins, HOST arrives as host, ann joins" {
			t.Errorf("got %q, want both back", got)
		}
	})
}

func TestNumbersArePeoplesOwn(t *testing.T) {
	atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
		want := func(name string, want int) {
			t.Helper()
			info, err := k.g.Participant(k.ctx, k.people[name].Room(), k.id(name))
			k.do(info, err)
			if info.Number != want {
				t.Errorf("%s has number %d, want %d", name, info.Number, want)
			}
		}
		k.come("ann", "bob", "cid")
		k.goes("bob")
		k.come("dan")
		want("dan", 4) // bob's is nobody else's
		side, err := k.g.OpenSideRoom(k.ctx, "1000", k.id("ann"), k.id("dan"))
		k.do(side, err)
		want("dan", 4)
		k.come("eve")
		want("eve", 5)
		k.do(nil, k.g.CloseSideRoom(k.ctx, side.Number))
		want("ann", 1)
		want("dan", 4)
		k.do(k.g.Create(k.ctx, "2000", Settings{}))
		k.do(k.g.Move(k.ctx, "1000", k.id("ann"), "2000"))
		k.do(k.g.Move(k.ctx, "1000", k.id("dan"), "2000"))
		want("dan", 2)
		k.do(k.g.Move(k.ctx, "2000", k.id("dan"), "1000"))
		want("dan", 6)
		time.Sleep(30 * time.Second) // nobody comes back from the side room any more
		for _, name := range []string{"cid", "dan", "eve"} {
			k.goes(name)
		}
		k.come("fay") // in the next conference
		want("fay", 1)
	})
}

func TestWhoIsThereIsToldByNumberAndName(t *testing.T) {
	atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
		k.come("HOST", "ann", "bob")
		name := k.voice.Prompt("", "ann's name")
		short := *name
		short.RateHz, short.PCM = 16000, resampled(name, 16000).PCM
		k.do(nil, k.people["ann"].withMember(k.ctx, func(_ *state, m *member) error { m.name = &short; return nil }))
		k.legs["bob"].with(func(l *fakeLeg) { l.toneHz = 3800 }) // no prompt has that
		time.Sleep(time.Second)
		k.hears()
		k.dials("HOST", "*##2")
		time.Sleep(2 * time.Second)
		got := strings.Join(k.hears(), "; ")
		if want := "person number/3 is-speaking person number/1 person number/2 ann's name"; !strings.Contains(got, "HOST hears: "+want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestOfManyNoMoreAreToldThanCanBeListenedTo(t *testing.T) {
	for further, last := range map[int]string{0: " number/20", 1: " further-participants number/1", 12: " further-participants number/12"} {
		atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
			k.come("HOST")
			for i := range mostTold + further - 1 {
				k.come("guest" + strconv.Itoa(i))
			}
			k.hears()
			k.dials("HOST", "*##2")
			time.Sleep(15 * time.Second)
			heard := k.hears()
			if got := strings.Count(heard[0], "person"); got != mostTold || !strings.HasSuffix(heard[0], last) {
				t.Errorf("%d more: %d are told, want %d, in %q, want its end to be %q", further, got, mostTold, heard, last)
			}
		})
	}
}

func TestWhomAMuteByKeysMeans(t *testing.T) {
	atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
		k.come("HOST", "ann", "bob")
		step := func(who, keys, does string) {
			t.Helper()
			k.dials(who, k.withNumbers(keys))
			if got := strings.Join(k.story(), ", "); got != does {
				t.Errorf("%s dials %s: got %q, want %q", who, keys, got, does)
			}
		}
		k.story()
		step("ann", "*6", "ann is muted by itself")
		step("HOST", "*###6 {ann}#", "ann is changed") // by a moderator from now on, and not heard
		step("HOST", "*###6 {ann}#", "ann is changed") // by itself again
		step("HOST", "*#6", "all muted, ann is changed, bob is muted by a moderator")
		step("HOST", "*###6 {ann}#", "ann is changed")
		step("HOST", "*##6", "all unmuted, bob is unmuted")
		step("HOST", "*#3", "settings, ann is changed, bob is muted by the lecture")
		k.hears()
		step("HOST", "*###6 {ann}#", "ann has the floor, ann is changed")
		if got, want := strings.Join(k.hears(), ", "), "HOST hears: enter-participant participant-muted"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		step("ann", "*6", "ann is unmuted") // it has the floor
		step("HOST", "*#3", "settings, bob is unmuted")
		step("HOST", "*###6 {ann}#", "ann gives the floor back, ann is muted by a moderator")
		step("HOST", "*###6 {ann}#", "ann is unmuted")
		step("HOST", "*###6 {HOST}#", "HOST is muted by a moderator")
		step("HOST", "*6", "HOST is unmuted")
		step("HOST", "*#3", "settings, ann is muted by the lecture, bob is muted by the lecture")
		step("HOST", "*###6 {ann}#", "ann has the floor, ann is unmuted")
		step("HOST", "*###1 {bob}#3#", "bob is changed")
		k.hears()
		step("HOST", "*###6 {bob}#", "") // a listener has no floor
		if got, want := strings.Join(k.hears(), ", "), "HOST hears: enter-participant participant-muted"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestKeysTakeNoModeratorsRole(t *testing.T) {
	atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
		k.come("HOST", "KIM")
		k.story()
		k.hears()
		k.dials("HOST", k.withNumbers("*###1 {KIM}#3#"))
		if got, want := strings.Join(append(k.story(), k.hears()...), ", "), "HOST hears: enter-participant enter-role not-allowed"; got != want {
			t.Errorf("another's: got %q, want %q", got, want)
		}
		k.dials("HOST", k.withNumbers("*###1 {HOST}#2#"))
		if got, want := strings.Join(append(k.story(), k.hears()...), ", "), "HOST is changed, HOST hears: enter-participant enter-role now-speaker"; got != want {
			t.Errorf("one's own: got %q, want %q", got, want)
		}
		k.dials("HOST", k.withNumbers("*###1 {HOST}#1#"))
		if got, want := strings.Join(append(k.story(), k.hears()...), ", "), "HOST hears: not-allowed"; !strings.HasPrefix(got, want) {
			t.Errorf("back: got %q, want %q", got, want)
		}
	})
}

func TestWhomItIsAboutHearsWhatTheyMayDo(t *testing.T) {
	atKeypads(t, Modes{}, Speech{Speaking: SpeakEvents}, func(k *keypads) {
		k.come("HOST", "ann")
		k.hears()
		for _, step := range []struct{ keys, heard string }{
			{"*###1 {ann}#3#", "now-listener"},
			{"*###1 {ann}#2#", "now-speaker"},
			{"*###1 {ann}#1#", "now-moderator"},
			{"*###3 {ann}#", "deaf"},
			{"*###3 {ann}#", "hearing"},
			{"*###6 {ann}#", "muted-by-host"},
			{"*###6 {ann}#", "unmuted"},
		} {
			k.dials("HOST", k.withNumbers(step.keys))
			if got := k.hears(); !slices.Contains(got, "ann hears: "+step.heard) {
				t.Errorf("%s: got %q, want %q", step.keys, got, step.heard)
			}
		}
	})
}

// FuzzDialled is for what telephones send that nobody dials by hand.
func FuzzDialled(f *testing.F) {
	for _, seed := range []string{"*6", "*##5 12#60#", "*##3 1##", "*###9 0301234567#", "*##7 ##", "*##5 123456789012345678901234567890#", "*##*##*##5#*#", "*##8 1A", "#1*#"} {
		f.Add(seed)
	}
	s := newStage(f, Settings{Speech: Speech{Keys: DefaultKeys()}})
	p := newParticipant(s.room, Caller{})
	s.seats = append(s.seats, p)
	if err := s.join(p, newScriptLeg(f, pcmuProfile(), silent)); err != nil {
		f.Fatal(err)
	}
	m := s.members[0]
	f.Fuzz(func(t *testing.T, keys string) {
		s.orders, m.dialled = s.orders[:0], dialled{}
		now := time.Now()
		for _, digit := range []byte(keys) {
			if isKey(digit) {
				m.dial(digit, now)
			}
		}
		for _, o := range s.orders {
			list := o.args.list()
			switch asks := len(o.action.asks()); {
			case o.action == ActionNone, o.args.n == 0:
			case o.args.n > asks || len(list) != o.args.n:
				t.Errorf("%q: %v has %d arguments, %q, of %d", keys, o.action, o.args.n, list, asks)
			}
			for _, arg := range list {
				if len(arg) > maxArgumentKeys || strings.Trim(arg, "0123456789") != "" {
					t.Errorf("%q: %v has the argument %q", keys, o.action, arg)
				}
			}
		}
	})
}
