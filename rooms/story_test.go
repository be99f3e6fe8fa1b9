package rooms

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// StoryCall is what a program asks for in place of keys.
type StoryCall struct {
	What      string
	Who, Whom string // IDs
	Room      string // where to, or what is brought back
	Number    string // that is called
	On        bool
	DB        float64
	Role      Role
	For       time.Duration
	// Refused says that it cannot be, by whatever it is asked for.
	Refused bool
}

// StoryProgram steers a registry, of whose story it is told in room 1000; what calls numbers is there already.
type StoryProgram func(t *testing.T, g *Registry, numbers *StoryDialer) func(context.Context, StoryCall) error

// StoryDialer calls numbers: those that begin with 030 and no other ones. One that ends with 1 is busy.
type StoryDialer struct {
	t       *testing.T
	g       *Registry
	running sync.WaitGroup
}

// Dial implements Dialer.
func (d *StoryDialer) Dial(ctx context.Context, room, number string) error {
	if !strings.HasPrefix(number, "030") {
		return ErrNotAllowed
	}
	p, err := d.g.Dial(ctx, room, Caller{DisplayName: number, Address: "sip:" + number + "@192.0.2.9"})
	if err != nil {
		return err
	}
	d.running.Go(func() {
		_ = p.Progress(d.t.Context(), DialRinging) // ErrClosed: the room has let go
		if strings.HasSuffix(number, "1") {
			p.FailDial(ReasonBusy, 486)
			return
		}
		_ = p.Progress(d.t.Context(), DialAnswered) // likewise
		leg := newFakeLeg(d.t, pcmu, 0)
		leg.mute = true
		if err := p.Join(d.t.Context(), leg); err != nil {
			d.t.Errorf("%s has answered: %v", number, err)
		}
	})
	return nil
}

// tale is a meeting of twelve that is told, step by step.
type tale struct {
	*keypads
	call    func(context.Context, StoryCall) error // nil: all is done by keys
	watches map[string]*Watch                      // of rooms
	names   map[string]string                      // by ID
	text    strings.Builder                        // what has happened, and what was heard
	events  []string                               // what has happened, a line for each step
}

// TellStory has the meeting go through every mode and every key in virtual time, and returns what has happened in each step. With a program, that does what a moderator
// dials otherwise. Without one it is compared, with what was heard, with testdata/meeting.txt.
func TellStory(t *testing.T, by StoryProgram) (events []string) {
	t.Helper()
	numbers := new(StoryDialer)
	cfg := Config{
		Recorder: &fakeRecorder{}, MovesTo: []string{"2*"}, Dialer: numbers,
		Defaults: Settings{Speech: Speech{Keys: DefaultKeys(), Speaking: SpeakEvents, Announce: AnnounceWords}},
	}
	voice := &toneVoice{}
	if by == nil {
		cfg.Sounds = voice
	}
	inBubble(t, cfg, func(ctx context.Context, t *testing.T, g *Registry) {
		numbers.t, numbers.g = t, g
		set := Settings{MaxParticipants: 12, Modes: Modes{
			WaitForHost: true, AllowSelfUnmute: true, EndWithoutHost: true, HostGrace: 20 * time.Second, ReservedForHosts: 2,
			WarnBefore: [MaxWarnings]time.Duration{time.Minute},
		}}
		k := &keypads{meeting: newMeeting(ctx, t, g, set), voice: voice, silent: by != nil, legs: map[string]*fakeLeg{}, from: map[string]int{}}
		k.do(g.Update(ctx, "1000", SettingsPatch{RecordingTone: ptr(true)}))
		k.do(g.Create(ctx, "2000", Settings{}))
		k.do(g.Create(ctx, "2001", Settings{Locked: true}))
		s := &tale{keypads: k, watches: map[string]*Watch{}, names: map[string]string{}}
		if by != nil {
			s.call = by(t, g, numbers)
		}
		s.happened()
		s.gather()
		s.listen()
		s.lecture()
		s.record()
		s.door()
		s.wander()
		s.remove()
		s.disperse()
		s.over()
		numbers.running.Wait()
		events = s.events
		if by == nil {
			s.golden(t)
		}
	})
	return events
}

// golden compares what was told with its file, or writes it, and wants every key to be in it.
func (s *tale) golden(t *testing.T) {
	t.Helper()
	const file = "testdata/meeting.txt"
	got := s.text.String()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the story is another one than in %s (write it anew with -update, and read what has changed):\n%s", file, cmp.Diff(string(want), got))
	}
	for _, c := range defaultCommands {
		if !regexp.MustCompile(" dials " + regexp.QuoteMeta(c.Keys) + "[ \n]").MatchString(got) {
			t.Errorf("nobody dials %s, %v", c.Keys, c.Action)
		}
	}
}

// tell writes down what has happened and what was heard.
func (s *tale) tell(what string) {
	events := s.happened()
	fmt.Fprintln(&s.text, what)
	for _, line := range slices.Concat(events, s.hears()) {
		fmt.Fprintln(&s.text, "   ", line)
	}
	s.events = append(s.events, what+": "+strings.Join(events, ", "))
}

// happened is what has happened since it was asked last, in all rooms.
func (s *tale) happened() []string {
	s.Helper()
	infos, err := s.g.List(s.ctx, "", 100)
	s.do(infos, err)
	for _, info := range infos {
		if s.watches[info.Number] == nil {
			w, err := s.g.Watch(s.ctx, info.Number, new(uint64))
			s.do(w, err)
			s.watches[info.Number] = w
		}
	}
	var all []string
	for _, number := range slices.Sorted(maps.Keys(s.watches)) {
		where := map[bool]string{true: "aside: "}[strings.Contains(number, sideMark)]
		if number[0] == '2' {
			where = number + ": "
		}
		for w := s.watches[number]; w.seen < w.log.shown(0); {
			e, err := w.Next(s.ctx)
			s.do(e, err)
			if line := s.line(e); line != "" {
				all = append(all, where+line)
			}
		}
	}
	return all
}

// line is storyLine with all that can be changed of people and of the room.
func (s *tale) line(e Event) string {
	p := e.Participant
	if p.ID != "" {
		s.names[p.ID] = p.DisplayName
	}
	switch {
	case e.Kind.aboutRecording():
		return recordingTexts[e.Kind]
	case e.Kind == KindDialFailed:
		return p.DisplayName + " is not reached: " + e.Reason.String()
	case e.Kind == KindUpdated && p.ID != "":
		return fmt.Sprintf("%s: %v, deaf %v, gain %v, hears %v, is heard by %q", p.DisplayName, p.Role, p.Deaf, p.GainDB, p.HearingGainDB, s.names[p.WhisperTo])
	case e.Kind == KindUpdated && e.Info != nil:
		i := e.Info
		return fmt.Sprintf("settings: lecture %v, lobby %v, waits for host %v, mute on entry %v, self-unmute %v, limited %v",
			i.Lecture, i.Lobby, i.WaitForHost, i.MuteOnEntry, i.AllowSelfUnmute, i.MaxDuration > 0)
	}
	return storyLine(e)
}

// by has somebody dial keys behind which people stand in braces, for their numbers, or a program ask for the same. What is nothing is dialled in any case: it is about oneself, or
// words alone.
func (s *tale) by(who, keys string, c StoryCall) {
	s.Helper()
	switch {
	case s.call == nil || c.What == "":
		s.dials(who, s.withNumbers(keys))
	default:
		if err := s.call(s.ctx, c); (err != nil) != c.Refused {
			s.Errorf("in place of %s, %s: got %v, refused %v", keys, c.What, err, c.Refused)
		}
		s.rest()
	}
	s.tell(who + " dials " + keys)
}

func (s *tale) arrive(names ...string) {
	s.Helper()
	s.come(names...)
	s.tell(strings.Join(names, " ") + " come")
}

func (s *tale) hangUp(name string) {
	s.Helper()
	s.goes(name)
	s.rest()
	s.tell(name + " hangs up")
}

// change is what only programs can do.
func (s *tale) change(what string, p SettingsPatch) {
	s.Helper()
	s.do(s.g.Update(s.ctx, "1000", p))
	s.rest()
	s.tell(what)
}

// gather has people come: the first wait for the host, and the last seat is a host's.
func (s *tale) gather() {
	s.arrive("ann", "bob")
	s.arrive("HOST")
	s.arrive("cid", "dan", "eve", "fay", "gus", "hal", "ida", "jon")
	s.refused("leo", ErrFull)
	s.arrive("KIM")
}

// listen has people change what they hear and how they are heard, by themselves and by the host.
func (s *tale) listen() {
	ann, dan := s.id("ann"), s.id("dan")
	gain := func(what, who string, db float64) StoryCall { return StoryCall{What: what, Who: who, DB: db} }
	s.by("ann", "*2", StoryCall{})
	s.by("ann", "*6", StoryCall{})
	s.by("ann", "*6", StoryCall{})
	s.by("ann", "*3", StoryCall{What: "deaf", Who: ann, On: true})
	s.by("ann", "*3", StoryCall{What: "deaf", Who: ann})
	s.by("ann", "*4", gain("hearing", ann, -3))
	s.by("ann", "*7", gain("hearing", ann, 0))
	s.by("ann", "*5", gain("gain", ann, -3))
	s.by("ann", "*8", gain("gain", ann, 0))
	s.by("ann", "*55", gain("gain", ann, -3))
	s.by("ann", "*#1", StoryCall{})
	s.by("ann", "*##5", StoryCall{})
	s.by("ann", "*1", StoryCall{})
	s.by("HOST", "*1", StoryCall{})
	s.by("HOST", "*##2", StoryCall{})
	s.by("HOST", "*#2", StoryCall{})
	s.by("HOST", "*###5 {dan}#", gain("gain", dan, -3))
	s.by("HOST", "*###8 {dan}#", gain("gain", dan, 0))
	s.by("HOST", "*###4 {dan}#", gain("hearing", dan, -3))
	s.by("HOST", "*###7 {dan}#", gain("hearing", dan, 0))
	s.by("HOST", "*###7 99#", StoryCall{What: "hearing", Who: "nobody", Refused: true})
	s.by("HOST", "*###3 {dan}#", StoryCall{What: "deaf", Who: dan, On: true})
	s.by("HOST", "*###3 {dan}#", StoryCall{What: "deaf", Who: dan})
	s.by("HOST", "*##3 {ann}##", StoryCall{What: "whisper", Who: s.id("HOST"), Whom: ann})
	s.by("HOST", "*##3 {ann}##", StoryCall{What: "whisper", Who: s.id("HOST")})
	s.by("KIM", "*##3 {ann}#{dan}#", StoryCall{What: "whisper", Who: dan, Whom: ann})
	s.by("KIM", "*##3 {ann}#{dan}#", StoryCall{What: "whisper", Who: dan})
	s.by("KIM", "*##3 {ann}#{ann}#", StoryCall{What: "whisper", Who: ann, Whom: ann, Refused: true})
}

// lecture has all be muted, in every way, and one after the other speak as they raise their hands.
func (s *tale) lecture() {
	s.by("HOST", "*#6", StoryCall{What: "mute-all", On: true})
	s.by("ann", "*6", StoryCall{})
	s.by("HOST", "*##6", StoryCall{What: "unmute-all"})
	s.by("HOST", "*###6 {cid}#", StoryCall{What: "mute", Who: s.id("cid"), On: true})
	s.by("KIM", "*###6 {cid}#", StoryCall{What: "mute", Who: s.id("cid")})
	s.by("HOST", "*###1 {eve}#3#", StoryCall{What: "role", Who: s.id("eve"), Role: RoleListener})
	s.by("eve", "*9", StoryCall{What: "raise", Who: s.id("eve"), Refused: true})
	s.by("KIM", "*###1 {eve}#2#", StoryCall{What: "role", Who: s.id("eve"), Role: RoleSpeaker})
	s.by("HOST", "*###1 {KIM}#3#", StoryCall{}) // moderators' roles are taken by programs alone
	s.change("nobody may unmute themselves any more", SettingsPatch{ModesPatch: ModesPatch{AllowSelfUnmute: ptr(false)}})
	s.by("HOST", "*#6", StoryCall{What: "mute-all"})
	s.by("ann", "*6", StoryCall{})
	s.by("HOST", "*#6", StoryCall{What: "unmute-all"})
	s.by("HOST", "*#3", StoryCall{What: "lecture", On: true})
	s.by("bob", "*6", StoryCall{})
	s.by("KIM", "*###6 {fay}#", StoryCall{What: "mute", Who: s.id("fay")})
	s.by("KIM", "*###6 {fay}#", StoryCall{What: "mute", Who: s.id("fay"), On: true})
	s.by("KIM", "*###6 {fay}#", StoryCall{What: "mute", Who: s.id("fay")})
	s.by("fay", "*##9", StoryCall{What: "yield", Who: s.id("fay")})
	s.by("bob", "*##9", StoryCall{})
	for _, name := range []string{"bob", "cid", "dan"} {
		s.by(name, "*9", StoryCall{What: "raise", Who: s.id(name)})
	}
	s.by("dan", "*9", StoryCall{What: "lower", Who: s.id("dan")})
	s.by("KIM", "*#9", StoryCall{What: "next"})
	s.by("bob", "*##9", StoryCall{What: "yield", Who: s.id("bob")})
	s.by("bob", "*##9", StoryCall{What: "yield", Who: s.id("bob"), Refused: true})
	s.by("KIM", "*#9", StoryCall{What: "next"})
	s.by("KIM", "*#9", StoryCall{What: "next"})
	s.by("HOST", "*#3", StoryCall{What: "lecture"})
}

// record has the recording start, pause, go on and stop.
func (s *tale) record() {
	s.by("HOST", "*#8", StoryCall{What: "record"})
	s.by("HOST", "*#0", StoryCall{What: "pause"})
	s.by("HOST", "*#0", StoryCall{What: "resume"})
	s.by("HOST", "*#8", StoryCall{What: "stop"})
	s.by("HOST", "*#0", StoryCall{What: "pause", Refused: true})
}

// door has people be let in and sent away, and the room be locked.
func (s *tale) door() {
	s.by("HOST", "*#1", StoryCall{What: "lock", On: true})
	s.hangUp("hal")
	s.refused("leo", ErrLocked)
	s.by("HOST", "*#1", StoryCall{What: "lock"})
	s.change("newcomers are muted", SettingsPatch{MaxParticipants: ptr(20), ModesPatch: ModesPatch{MuteOnEntry: ptr(true)}})
	s.by("HOST", "*###2", StoryCall{What: "lobby", On: true})
	s.by("HOST", "*#4", StoryCall{})
	s.arrive("leo", "max", "ned", "oli")
	s.by("leo", "*9", StoryCall{What: "raise", Who: s.id("leo"), Refused: true})
	s.by("HOST", "*#4", StoryCall{What: "admit", Who: s.id("leo")})
	s.by("KIM", "*#5", StoryCall{What: "remove", Who: s.id("max")})
	s.by("KIM", "*##4", StoryCall{What: "admit-all"})
	s.by("KIM", "*###2", StoryCall{What: "lobby"})
	s.change("newcomers are muted no longer", SettingsPatch{ModesPatch: ModesPatch{MuteOnEntry: ptr(false)}})
	s.by("HOST", "*#7", StoryCall{What: "wait-for-host"})
	s.by("HOST", "*#7", StoryCall{What: "wait-for-host", On: true})
}

// side is the number of the one side room that there is.
func (s *tale) side() string {
	for number, w := range s.watches {
		if strings.Contains(number, sideMark) && s.g.room(number) != nil && w != nil {
			return number
		}
	}
	return "none"
}

// wander has people go aside and come back, and to another room.
func (s *tale) wander() {
	ann, bob, jon := s.id("ann"), s.id("bob"), s.id("jon")
	s.by("HOST", "*##8 {ann}##", StoryCall{What: "side", Who: ann, Whom: s.id("HOST")})
	s.by("ann", "*###0", StoryCall{What: "back", Room: s.side()})
	time.Sleep(30 * time.Second) // the side room is forgotten
	s.by("KIM", "*##8 {ann}#{bob}#", StoryCall{What: "side", Who: ann, Whom: bob})
	s.by("KIM", "*###0", StoryCall{What: "back", Room: s.side()})
	s.by("KIM", "*##8 {ann}#{ann}#", StoryCall{What: "side", Who: ann, Whom: ann, Refused: true})
	s.by("HOST", "*##7 {jon}#2000#", StoryCall{What: "move", Who: jon, Room: "2000"})
	s.by("HOST", "*##7 {ida}#2001#", StoryCall{What: "move", Who: s.id("ida"), Room: "2001", Refused: true})
	s.by("KIM", "*##7 #2000#", StoryCall{What: "move", Who: s.id("KIM"), Room: "2000"})
	s.by("HOST", "*##7 {ida}#1001#", StoryCall{}) // keys may not
	s.by("HOST", "*###9 03012345#", StoryCall{What: "dial", Number: "03012345"})
	s.by("HOST", "*###9 0301#", StoryCall{What: "dial", Number: "0301"})
	s.by("HOST", "*###9 0900123#", StoryCall{What: "dial", Number: "0900123", Refused: true})
}

// remove has people be sent away, for a time and for good.
func (s *tale) remove() {
	s.by("HOST", "*##5 {ida}#60#", StoryCall{What: "ban", Who: s.id("ida"), For: time.Hour})
	s.refused("ida", ErrBanned)
	bans, err := s.g.Bans("1000")
	s.do(bans, err)
	s.do(nil, s.g.Unban(s.ctx, "1000", bans[0].ID))
	s.arrive("ida")
	s.by("HOST", "*##5 {gus}##", StoryCall{What: "remove", Who: s.id("gus")})
	s.by("HOST", "*##5 {HOST}#1#", StoryCall{}) // moderators are sent away by programs alone
	s.by("HOST", "*##1", StoryCall{What: "remove", Who: s.last()})
	s.by("fay", "*0", StoryCall{})
}

// last is who came last and is no moderator.
func (s *tale) last() string {
	s.Helper()
	all, err := s.g.Participants(s.ctx, "1000")
	s.do(all, err)
	for _, p := range slices.Backward(all) {
		if p.Role != RoleModerator {
			return p.ID
		}
	}
	return ""
}

// disperse lets the time run out nearly and ends the conference; of the next one the host leaves.
func (s *tale) disperse() {
	info, err := s.g.Info(s.ctx, "1000")
	s.do(info, err)
	s.change("there are two minutes left", SettingsPatch{MaxDuration: ptr(time.Since(info.Started).Round(time.Second) + 2*time.Minute)})
	time.Sleep(61 * time.Second)
	s.tell("a minute goes by")
	s.by("HOST", "*##0 *##0", StoryCall{What: "end"})
	s.arrive("ann", "HOST")
	s.hangUp("HOST")
	s.arrive("bob")
	s.arrive("HOST")
	s.by("HOST", "*###1 {bob}#1#", StoryCall{What: "role", Who: s.id("bob"), Role: RoleModerator})
	s.hangUp("HOST")
	s.by("bob", "*###1 {bob}#2#", StoryCall{What: "role", Who: s.id("bob"), Role: RoleSpeaker})
	time.Sleep(20 * time.Second)
	s.tell("no host has come back")
	for _, name := range s.order {
		select {
		case <-s.people[name].Left():
		default:
			if s.people[name].Room() == "1000" {
				s.Errorf("%s is still there", name)
			}
		}
	}
}
