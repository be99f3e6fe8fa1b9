package entry

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/schedule"
)

// said are prompts as outcome has them.
const (
	asked    = "welcome enter-pin"
	entrance = "welcome enter-conference"
	bye      = " goodbye"
)

// step is what a caller does: waits, then dials.
type step struct {
	after time.Duration
	keys  string
}

func TestTheWayIn(t *testing.T) {
	for _, row := range []struct {
		name   string
		number string
		from   rooms.Origin
		steps  []step
		want   outcome
	}{
		{"no PIN is asked for where there is none", "3000", rooms.Origin{}, nil, outcome{room: "3000"}},
		{"the right PIN", "1000", rooms.Origin{}, []step{{3 * time.Second, "1357#"}}, outcome{room: "1000", said: asked + " entering"}},
		{"without the pound key, after a pause", "1000", rooms.Origin{}, []step{{3 * time.Second, "1357"}}, outcome{room: "1000", said: asked + " entering"}},
		{"during the prompt", "1000", rooms.Origin{}, []step{{500 * time.Millisecond, "1357#"}}, outcome{room: "1000", said: asked + " entering"}},
		{"a star begins anew", "1000", rooms.Origin{}, []step{{3 * time.Second, "99*1357#"}}, outcome{room: "1000", said: asked + " entering"}},
		{"the moderators' PIN", "1000", rooms.Origin{}, []step{{3 * time.Second, "2468#"}}, outcome{room: "1000", role: rooms.RoleModerator, said: asked + " entering"}},
		{
			"wrong twice, then right", "1000",
			rooms.Origin{},
			[]step{{3 * time.Second, "1111#"}, {3 * time.Second, "2222#"}, {3 * time.Second, "1357#"}},
			outcome{room: "1000", said: asked + " wrong-pin wrong-pin entering"},
		},
		{
			"wrong thrice", "1000",
			rooms.Origin{},
			[]step{{3 * time.Second, "1111#"}, {3 * time.Second, "2222#"}, {3 * time.Second, "3333#"}},
			outcome{why: rooms.ReasonWrongPIN, said: asked + " wrong-pin wrong-pin wrong-pin-goodbye"},
		},
		{
			"too short and too long are wrong", "1000",
			rooms.Origin{},
			[]step{{3 * time.Second, "1#"}, {3 * time.Second, "12345678901234567"}, {3 * time.Second, "135#"}},
			outcome{why: rooms.ReasonWrongPIN, said: asked + " wrong-pin wrong-pin wrong-pin-goodbye"},
		},
		{
			"no keys at all", "1000",
			rooms.Origin{},
			nil,
			outcome{why: rooms.ReasonNothingEntered, said: asked + " nothing-entered enter-pin nothing-entered enter-pin nothing-entered" + bye},
		},
		{
			"stars for ever", "1000",
			rooms.Origin{},
			[]step{{0, stars(1000)}},
			outcome{why: rooms.ReasonNothingEntered, said: asked + " nothing-entered enter-pin nothing-entered enter-pin nothing-entered" + bye},
		},
		{"where only hosts have a PIN, others press the pound key", "2000", rooms.Origin{}, []step{{3 * time.Second, "#"}}, outcome{room: "2000", said: asked + " entering"}},
		{"or nothing, twice", "2000", rooms.Origin{}, nil, outcome{room: "2000", said: asked + " nothing-entered enter-pin entering"}},
		{
			"and hosts theirs when they are asked again", "2000",
			rooms.Origin{},
			[]step{{14 * time.Second, "2468#"}},
			outcome{room: "2000", role: rooms.RoleModerator, said: asked + " nothing-entered enter-pin entering"},
		},
		{
			"or when they are in already", "2000",
			rooms.Origin{},
			[]step{{35 * time.Second, "2468#"}},
			outcome{room: "2000", role: rooms.RoleModerator, said: asked + " nothing-entered enter-pin entering"},
		},
		{
			"without the pound key too, and behind a wrong one", "2000",
			rooms.Origin{},
			[]step{{30 * time.Second, "1111#"}, {14 * time.Second, "2468"}},
			outcome{room: "2000", role: rooms.RoleModerator, said: asked + " nothing-entered enter-pin entering wrong-pin"},
		},
		{
			"but not after three", "2000",
			rooms.Origin{},
			[]step{{30 * time.Second, "1111#2222#3333#"}, {5 * time.Second, "2468#"}},
			outcome{room: "2000", said: asked + " nothing-entered enter-pin entering wrong-pin wrong-pin"},
		},
		{
			"and not when it is too late", "2000",
			rooms.Origin{},
			[]step{{50 * time.Second, "2468#"}},
			outcome{room: "2000", said: asked + " nothing-entered enter-pin entering"},
		},
		{"and hosts theirs", "2000", rooms.Origin{}, []step{{3 * time.Second, "2468#"}}, outcome{room: "2000", role: rooms.RoleModerator, said: asked + " entering"}},
		{
			"an entrance", "9000",
			rooms.Origin{},
			[]step{{3 * time.Second, "1000#"}, {3 * time.Second, "1357#"}},
			outcome{room: "1000", said: entrance + " enter-pin entering"},
		},
		{"all dialled ahead", "9000", rooms.Origin{}, []step{{0, "1000#1357#"}}, outcome{room: "1000", said: entrance + " enter-pin entering"}},
		{"an entrance to a room without a PIN", "9000", rooms.Origin{}, []step{{3 * time.Second, "3000"}}, outcome{room: "3000", said: entrance + " entering"}},
		{
			"an entrance, and a room that is not there", "9000",
			rooms.Origin{},
			[]step{{3 * time.Second, "7#"}, {4 * time.Second, "3000#"}},
			outcome{room: "3000", said: entrance + " no-such-conference enter-conference entering"},
		},
		{
			"rooms that are not there, and keys dialled ahead of what was wrong", "9000",
			rooms.Origin{},
			[]step{{3 * time.Second, "7#8#9#"}, {4 * time.Second, "8#"}, {4 * time.Second, "9#"}},
			outcome{why: rooms.ReasonNoRoom, said: entrance + " no-such-conference enter-conference no-such-conference enter-conference no-such-conference" + bye},
		},
		{
			"nothing at the entrance", "9000",
			rooms.Origin{},
			nil,
			outcome{why: rooms.ReasonNothingEntered, said: entrance + " nothing-entered enter-conference nothing-entered enter-conference nothing-entered" + bye},
		},
		{
			"an entrance leads nowhere where the trunk may not call", "9000",
			rooms.Origin{May: func(n string) bool { return n == "3000" }},
			[]step{{3 * time.Second, "1000#"}, {4 * time.Second, "3000#"}},
			outcome{room: "3000", said: entrance + " no-such-conference enter-conference entering"},
		},
		{"the right PIN of a locked room", "4000", rooms.Origin{}, []step{{3 * time.Second, "1357#"}}, outcome{why: rooms.ReasonRoomLocked, said: asked + " conference-locked" + bye}},
		{
			"mashed at fifty a second", "1000",
			rooms.Origin{},
			[]step{{0, digits(10000)}},
			outcome{why: rooms.ReasonWrongPIN, said: asked + " wrong-pin wrong-pin wrong-pin-goodbye"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bridge) {
				c := b.dial(row.number, row.from)
				for _, s := range row.steps {
					time.Sleep(s.after)
					c.leg.press(s.keys)
				}
				time.Sleep(2 * time.Minute)
				row.want.name = b.of(c).name // not what this test is about
				if got := b.of(c); got != row.want {
					t.Errorf("got  %+v\nwant %+v", got, row.want)
				}
				c.Leave(rooms.ReasonHangup)
			})
		})
	}
}

func stars(n int) string { return string(repeat("*", n)) }

func digits(n int) string { return string(repeat("0123456789", n)) }

func repeat(keys string, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = keys[i%len(keys)]
	}
	return out
}

func TestAFullRoomIsTold(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		first := b.dial("5000", rooms.Origin{})
		first.leg.press("1357#")
		time.Sleep(10 * time.Second)
		b.voice.said = nil
		second := b.dial("5000", rooms.Origin{})
		second.leg.press("1357#")
		time.Sleep(10 * time.Second)
		if got, want := b.of(second), (outcome{why: rooms.ReasonRoomFull, said: asked + " conference-full" + bye}); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if got := b.of(first).room; got != "5000" {
			t.Errorf("the first is in %q", got)
		}
	})
}

func TestARoomThatIsNotOpenIsTold(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		hours, err := schedule.Parse([]schedule.Window{{Start: time.Now().Add(24 * time.Hour).UTC().Format("2006-01-02T15:04"), Zone: "UTC", Duration: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.rooms.Update(b.ctx, "1000", rooms.SettingsPatch{Schedule: &hours}); err != nil {
			t.Fatal(err)
		}
		c := b.dial("1000", rooms.Origin{})
		c.leg.press("1357#")
		time.Sleep(10 * time.Second)
		if got, want := b.of(c), (outcome{why: rooms.ReasonClosed, said: asked + " not-open" + bye}); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestWhoHasToWaitIsToldForWhat(t *testing.T) {
	yes := true
	for name, row := range map[string]struct {
		set  rooms.ModesPatch
		want string
	}{
		"for a host":   {rooms.ModesPatch{WaitForHost: &yes}, " waiting-host"},
		"in the lobby": {rooms.ModesPatch{Lobby: &yes}, " lobby-wait"},
	} {
		inBubble(t, Config{}, func(b *bridge) {
			if _, err := b.rooms.Update(b.ctx, "1000", rooms.SettingsPatch{ModesPatch: row.set}); err != nil {
				t.Fatal(err)
			}
			c := b.dial("1000", rooms.Origin{})
			c.leg.press("1357#")
			time.Sleep(10 * time.Second)
			if got := b.of(c); got.room != "1000" || got.said != asked+row.want {
				t.Errorf("%s: got %+v", name, got)
			}
			b.voice.said = nil
			host := b.dial("1000", rooms.Origin{})
			host.leg.press("2468#")
			time.Sleep(10 * time.Second)
			if got := b.of(host); got.room != "1000" || got.said != asked+" entering" {
				t.Errorf("%s, the host: got %+v", name, got)
			}
		})
	}
}

func TestWhoIsBannedIsToldThatTheRoomIsLocked(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		banned := func() caller {
			c := b.dialAs("1000", rooms.Caller{Address: "sip:ann@example.org"})
			c.leg.press("1357#")
			time.Sleep(10 * time.Second)
			return c
		}
		if err := b.rooms.Ban(b.ctx, "1000", banned().ID(), time.Hour); err != nil {
			t.Fatal(err)
		}
		b.voice.said = nil
		if got, want := b.of(banned()), (outcome{why: rooms.ReasonRoomLocked, said: asked + " conference-locked" + bye}); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestAHangUpEndsTheDialogueWhereverItIs(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		for at := time.Duration(0); at < 35*time.Second; at += 250 * time.Millisecond {
			c := b.dial("9000", rooms.Origin{Source: "192.0.2.1"})
			go func() { // a room, what is no PIN, and the right one
				for _, s := range []step{{3 * time.Second, "1000#"}, {3 * time.Second, "99"}, {8 * time.Second, "1357#"}} {
					time.Sleep(s.after)
					c.leg.press(s.keys)
				}
			}()
			time.Sleep(at)
			c.Leave(rooms.ReasonHangup)
			if got := b.of(c).why; got != rooms.ReasonHangup {
				t.Errorf("after %v: left as %v", at, got)
			}
			if n := b.desk.metrics.asking.Load(); n != 0 {
				t.Fatalf("after %v: %d dialogues go on without a caller", at, n)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestWhoIsNeverConnectedIsAskedNothing(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		p, err := b.desk.Admit(b.ctx, "1000", rooms.Caller{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		p.Leave(rooms.ReasonFailed)
		time.Sleep(time.Second)
		if said := b.voice.all(); len(said) != 0 || p.Reason() != rooms.ReasonFailed {
			t.Errorf("said %q, left as %v", said, p.Reason())
		}
	})
}

func TestCloseEndsDialogues(t *testing.T) {
	inBubble(t, Config{}, func(b *bridge) {
		c := b.dial("1000", rooms.Origin{})
		p, err := b.desk.Admit(b.ctx, "1000", rooms.Caller{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := b.desk.Close(b.ctx); err != nil {
			t.Error(err)
		}
		if got := b.of(c).why; got != rooms.ReasonDraining || p.Reason() != rooms.ReasonDraining {
			t.Errorf("left as %v and %v, want ReasonDraining", got, p.Reason())
		}
		if _, err := b.desk.Admit(b.ctx, "1000", rooms.Caller{}); err == nil {
			t.Error("a closed desk lets in")
		}
	})
}

func TestKeysOfADialogueAreInNoEvent(t *testing.T) {
	for name, row := range map[string]struct {
		number, room string
		steps        []step // before the 6
	}{
		"an entrance":                 {"9000", "1000", []step{{0, "1000#9999#"}, {5 * time.Second, "1357#"}, {10 * time.Second, ""}}},
		"a PIN that comes late":       {"2000", "2000", []step{{35 * time.Second, "2468#"}, {time.Second, ""}}},
		"a late PIN that is wrong":    {"2000", "2000", []step{{35 * time.Second, "2467#"}, {5 * time.Second, "2468#"}, {time.Second, ""}}},
		"who wants to ask for no PIN": {"2000", "2000", []step{{35 * time.Second, "#"}, {time.Second, ""}}},
		"who waits":                   {"2000", "2000", []step{{50 * time.Second, ""}}},
	} {
		inBubble(t, Config{}, func(b *bridge) {
			watch, err := b.rooms.Watch(b.ctx, row.room, nil)
			if err != nil {
				t.Fatal(err)
			}
			c := b.dial(row.number, rooms.Origin{})
			for _, s := range row.steps {
				time.Sleep(s.after)
				c.leg.press(s.keys)
			}
			c.leg.press("6")
			time.Sleep(time.Second)
			c.Leave(rooms.ReasonHangup)
			keys, told := "", 0
			for kind := rooms.KindUnspecified; kind != rooms.KindEnded; told++ {
				e, err := watch.Next(b.ctx)
				if err != nil {
					t.Fatal(err)
				}
				if kind = e.Kind; kind == rooms.KindKeyPressed {
					keys += string(e.Key)
				}
				if told == 0 && kind != rooms.KindJoined {
					t.Errorf("%s: the room is told of %v first", name, kind)
				}
			}
			if keys != "6" {
				t.Errorf("%s: the room was told of keys %q in %d events, want 6 alone", name, keys, told)
			}
		})
	}
}
