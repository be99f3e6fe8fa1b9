package rooms

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
)

var update = flag.Bool("update", false, "write the golden files anew")

// meeting is a room with people in it who are called by their names.
type meeting struct {
	*testing.T
	ctx    context.Context
	g      *Registry
	start  time.Time
	people map[string]*Participant
	watch  *Watch
}

// newMeeting makes room 1000 and follows its story.
func newMeeting(ctx context.Context, t *testing.T, g *Registry, set Settings) *meeting {
	t.Helper()
	if _, err := g.Create(ctx, "1000", set); err != nil {
		t.Fatal(err)
	}
	w, err := g.Watch(ctx, "1000", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &meeting{T: t, ctx: ctx, g: g, start: time.Now(), people: map[string]*Participant{}, watch: w}
}

// atMeeting runs f in virtual time with a room of these modes.
func atMeeting(t *testing.T, modes Modes, f func(m *meeting)) {
	t.Helper()
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		m := newMeeting(ctx, t, g, Settings{Modes: modes})
		f(m)
		m.over()
	})
}

// over sends everybody home.
func (m *meeting) over() {
	for _, p := range m.people {
		p.Leave(ReasonHangup)
	}
}

// calls lets somebody call in; hosts have names in capitals.
func (m *meeting) calls(name string, leg Leg) error {
	c := Caller{DisplayName: name, Address: "sip:" + name + "@192.0.2.1"}
	if name == strings.ToUpper(name) {
		c.Role = RoleModerator
	}
	p, err := m.g.Admit(m.ctx, "1000", c)
	if err != nil {
		return err
	}
	m.people[name] = p
	return p.Join(m.ctx, leg)
}

// comes is calls for people who say nothing and are let in.
func (m *meeting) comes(names ...string) {
	m.Helper()
	for _, name := range names {
		leg := newFakeLeg(m, pcmu, 0)
		leg.mute = true
		m.do(nil, m.calls(name, leg))
	}
}

// refused wants a call to fail so.
func (m *meeting) refused(name string, want error) {
	m.Helper()
	if err := m.calls(name, newFakeLeg(m, pcmu, 0)); !errors.Is(err, want) {
		m.Errorf("%s calls: got %v, want %v", name, err, want)
	}
}

func (m *meeting) goes(name string) { m.people[name].Leave(ReasonHangup) }

func (m *meeting) id(name string) string { return m.people[name].ID() }

// set changes the room's modes.
func (m *meeting) set(p ModesPatch) {
	m.Helper()
	m.do(m.g.Update(m.ctx, "1000", SettingsPatch{ModesPatch: p}))
}

// patch changes somebody.
func (m *meeting) patch(name string, p ParticipantPatch) {
	m.Helper()
	m.do(m.g.UpdateParticipant(m.ctx, "1000", m.id(name), p))
}

// do fails the test where something has failed.
func (m *meeting) do(_ any, err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// cannot wants something to fail so.
func (m *meeting) cannot(want, err error) {
	m.Helper()
	if !errors.Is(err, want) {
		m.Errorf("got %v, want %v", err, want)
	}
}

// tells wants these lines to be all that has happened since it was asked last.
func (m *meeting) tells(want ...string) {
	m.Helper()
	var got []string
	for _, e := range m.events() {
		if line := storyLine(e); line != "" {
			got = append(got, line)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		m.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// events is what has happened since it was asked last.
func (m *meeting) events() []Event {
	m.Helper()
	info, err := m.g.Info(m.ctx, "1000")
	m.do(info, err)
	var all []Event
	for m.watch.seen < info.Sequence {
		e, err := m.watch.Next(m.ctx)
		m.do(e, err)
		all = append(all, e)
	}
	return all
}

var placeTexts = map[Place]string{
	PlaceInside: "inside", PlaceWaiting: "waits for the host", PlaceAsked: "is asked", PlaceLobby: "in the lobby",
}

var muterTexts = map[MutedBy]string{MutedBySelf: "itself", MutedByModerator: "a moderator", MutedByLecture: "the lecture"}

// plainTexts are lines that say who, and no more.
var plainTexts = map[Kind]string{
	KindUnmuted: "is unmuted", KindLetIn: "is let in", KindHostArrived: "arrives as host", KindHostLeft: "was the last host",
	KindHandLowered: "lowers the hand", KindFloorGiven: "has the floor", KindFloorReturned: "gives the floor back",
	KindUnmuteRefused: "may not unmute", KindUpdated: "is changed", KindDialing: "is called", KindRinging: "is rung", KindAnswered: "answers",
}

// roomTexts are lines about the room.
var roomTexts = map[Kind]string{
	KindLocked: "locked", KindUnlocked: "unlocked", KindUpdated: "settings", KindAllMuted: "all muted", KindAllUnmuted: "all unmuted",
}

// storyLine is an event as a line of a story; empty for who talks and for keys.
func storyLine(e Event) string {
	who := e.Participant.DisplayName
	switch e.Kind {
	case KindJoined:
		if e.Participant.Muted {
			return who + " joins, muted by " + muterTexts[e.Participant.MutedBy]
		}
		return who + " joins"
	case KindLeft:
		return who + " leaves: " + e.Reason.String()
	case KindMuted:
		return who + " is muted by " + muterTexts[e.Participant.MutedBy]
	case KindEnded:
		return "ends: " + e.Reason.String()
	case KindWaiting:
		return who + " " + placeTexts[e.Participant.Place]
	case KindHandRaised:
		return fmt.Sprintf("%s raises a hand, number %d", who, e.Participant.HandPosition)
	case KindTimeWarning:
		return "ends in " + e.Remaining.String()
	case KindBanned:
		return who + " is banned for " + e.Ban.Expires.Sub(e.Ban.Created).String()
	case KindUnbanned:
		return e.Ban.Address + " is banned no longer"
	}
	if text := plainTexts[e.Kind]; text != "" && who != "" {
		return who + " " + text
	}
	return roomTexts[e.Kind]
}

func TestInALectureIsHeardWhoHasTheFloor(t *testing.T) {
	atMeeting(t, Modes{}, func(m *meeting) {
		legs := map[string]*fakeLeg{}
		for i, name := range []string{"HOST", "ann", "bob", "cy"} {
			legs[name] = newFakeLeg(m, pcmu, toneHz(i))
			m.do(nil, m.calls(name, legs[name]))
		}
		hears := func(who string) (names string) {
			for i, name := range []string{"HOST", "ann", "bob", "cy"} {
				if measure.ToneDBFS(legs[who].lastHeard(500*time.Millisecond), 8000, toneHz(i)) > -60 {
					names += name + " "
				}
			}
			return names
		}
		check := func(what, who, want string) {
			m.Helper()
			time.Sleep(time.Second)
			if got := hears(who); got != want {
				m.Errorf("%s: %s hears %q, want %q", what, who, got, want)
			}
		}
		check("at first", "cy", "HOST ann bob ")
		m.set(ModesPatch{Lecture: ptr(true)})
		check("in the lecture", "cy", "HOST ")
		for _, name := range []string{"bob", "ann"} {
			m.do(m.g.RaiseHand(m.ctx, "1000", m.id(name)))
			m.do(m.g.NextHand(m.ctx, "1000"))
			check(name+" has the floor", "cy", "HOST "+name+" ")
		}
		m.patch("bob", ParticipantPatch{Role: ptr(RoleModerator)})
		check("bob is a moderator", "cy", "HOST ann bob ")
		m.set(ModesPatch{Lecture: ptr(false)})
		check("after it", "bob", "HOST ann cy ")
	})
}

func TestWhoIsMovedIsMutedAsItWas(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		m := newMeeting(ctx, t, g, Settings{Modes: Modes{Lobby: true, AllowSelfUnmute: true}})
		side := Modes{Lobby: true, WaitForHost: true, MuteOnEntry: true, Lecture: true}
		m.do(g.Create(ctx, "2000", Settings{Modes: side}))
		m.comes("EVE", "ann", "bob", "cy")
		m.do(g.LetIn(ctx, "1000", m.id("ann")))
		m.do(g.LetIn(ctx, "1000", m.id("cy")))
		m.patch("ann", ParticipantPatch{Muted: ptr(true)})
		m.do(g.RaiseHand(ctx, "1000", m.id("ann")))
		move := func(name, to string) ParticipantInfo {
			m.Helper()
			info, err := g.Move(ctx, m.people[name].Room(), m.id(name), to)
			m.do(info, err)
			return info
		}
		if info := move("ann", "2000"); info.Place != PlaceWaiting || info.MutedBy != MutedByModerator || info.HandPosition != 0 {
			t.Errorf("ann: got %+v, want her to wait for a host, muted as she was", info)
		}
		m.cannot(ErrNotAllowed, m.people["ann"].ToggleSelfMute(ctx)) // the other room does not let her
		if info := move("bob", "2000"); info.Place != PlaceLobby || info.MutedBy != MutedByModerator {
			t.Errorf("bob: got %+v, want him in the other lobby, muted on entry: nobody had let him in", info)
		}
		if info := move("EVE", "2000"); info.Place != PlaceInside || info.Muted {
			t.Errorf("EVE: got %+v, want her inside", info)
		}
		if info := move("cy", "2000"); info.Place != PlaceInside || info.MutedBy != MutedByLecture {
			t.Errorf("cy: got %+v, want cy inside, without the lobby, in the lecture", info)
		}
		if info, err := g.Participant(ctx, "2000", m.id("ann")); err != nil || info.Place != PlaceInside {
			t.Errorf("ann: got %+v, %v, want her inside with the host", info, err)
		}
		if info := move("ann", "1000"); info.Place != PlaceInside || info.MutedBy != MutedByModerator {
			t.Errorf("ann: got %+v, want her inside again", info)
		}
		m.do(nil, m.people["ann"].ToggleSelfMute(ctx))
		m.over()
	})
}

func TestHostsMovedAwayAreMissed(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		m := newMeeting(ctx, t, g, Settings{Modes: Modes{WaitForHost: true, EndWithoutHost: true, HostGrace: 10 * time.Second}})
		m.comes("EVE", "ann")
		m.do(g.Move(ctx, "1000", m.id("EVE"), "2000"))
		m.tells("EVE joins", "EVE arrives as host", "ann joins", "EVE leaves: moved to another room", "EVE was the last host")
		time.Sleep(5 * time.Second)
		m.do(g.Move(ctx, "2000", m.id("EVE"), "1000"))
		time.Sleep(10 * time.Second)
		m.tells("EVE joins", "EVE arrives as host")
		m.over()
	})
}

func TestALectureWithHandsCostsNoAllocation(t *testing.T) {
	s := newTestState(t)
	s.set.Lecture = true
	for i := range 20 {
		m := seat(t, s, loopLeg{newFakeLeg(t, pcmu, toneHz(i%8))})
		if i < 5 {
			m.caller.Role = RoleModerator // they talk, the others would
			m.settle()
		}
		if err := s.raiseHand(m); err != nil {
			t.Fatal(err)
		}
	}
	s.nextHand()
	s.members[19].goTo(PlaceLobby)
	s.publish()
	now := time.Now()
	second := func() {
		for range framesPerSecond {
			now = now.Add(frameDuration)
			s.tick(now)
			s.pending = s.pending[:0]
		}
		for i, m := range s.members { // voices come and go
			m.leg.(loopLeg).toneHz = toneHz(i%8) * float64(int(s.mix.ticks)/framesPerSecond%2)
		}
	}
	second()
	if got := testing.AllocsPerRun(5, second); got != 0 {
		t.Errorf("%.1f allocations a second, want 0", got)
	}
}

func TestAHostInASideRoomDoesNotEndTheConference(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		m := newMeeting(ctx, t, g, Settings{Modes: Modes{
			WaitForHost: true, EndWithoutHost: true, HostGrace: 5 * time.Second, Lobby: true, Lecture: true, MuteOnEntry: true,
		}})
		m.comes("EVE", "ann", "bob", "cy")
		m.do(g.LetAllIn(ctx, "1000"))
		m.patch("bob", ParticipantPatch{WhisperTo: ptr(m.id("EVE"))})
		side, err := g.OpenSideRoom(ctx, "1000", m.id("EVE"), m.id("ann"))
		m.do(side, err)
		info, err := g.Participant(ctx, side.Number, m.id("ann"))
		m.do(info, err)
		if info.Place != PlaceInside || info.MutedBy != MutedByModerator {
			t.Errorf("ann: got %+v, want her inside, muted as she was", info)
		}
		m.do(nil, m.people["ann"].ToggleSelfMute(ctx)) // nobody presides there
		if info, err := g.Participant(ctx, "1000", m.id("bob")); err != nil || info.MutedBy != MutedByModerator {
			t.Errorf("bob, who has whispered: got %+v, %v, want him muted", info, err)
		}
		time.Sleep(30 * time.Second)
		m.do(nil, g.CloseSideRoom(ctx, side.Number))
		time.Sleep(30 * time.Second)
		for _, name := range []string{"EVE", "ann", "bob", "cy"} {
			info, err := g.Participant(ctx, "1000", m.id(name))
			m.do(info, err)
			if info.Place != PlaceInside {
				t.Errorf("%s: got %+v, want all inside again", name, info)
			}
		}
		m.goes("EVE")
		time.Sleep(6 * time.Second)
		for _, name := range []string{"ann", "bob", "cy"} {
			if why := m.people[name].Reason(); why != ReasonHostLeft {
				t.Errorf("%s: left because %v, want %v", name, why, ReasonHostLeft)
			}
		}
	})
}

func TestWhoWhispersInALectureIsHeardByOne(t *testing.T) {
	atMeeting(t, Modes{}, func(m *meeting) {
		legs := map[string]*fakeLeg{}
		for i, name := range []string{"HOST", "ann", "bob"} {
			legs[name] = newFakeLeg(m, pcmu, toneHz(i))
			m.do(nil, m.calls(name, legs[name]))
		}
		m.set(ModesPatch{Lecture: ptr(true)})
		m.patch("ann", ParticipantPatch{WhisperTo: ptr(m.id("HOST"))})
		hears := func(who string) bool {
			time.Sleep(2 * time.Second)
			return measure.ToneDBFS(legs[who].lastHeard(500*time.Millisecond), 8000, toneHz(1)) > -50
		}
		if !hears("HOST") || hears("bob") {
			m.Error("the lecture keeps a whisper from whom it is for, or not from the others")
		}
		m.patch("ann", ParticipantPatch{Muted: ptr(true)})
		if hears("HOST") {
			m.Error("who whispers is heard although muted")
		}
		m.patch("ann", ParticipantPatch{Muted: ptr(false)}) // gives her the floor
		if !hears("HOST") {
			m.Error("who whispers is not heard when it is unmuted")
		}
	})
}
