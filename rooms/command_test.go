package rooms

import (
	"context"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// toneVoice says every prompt as a fifth of a second of a tone that no other prompt has, so that one can hear which it was.
type toneVoice struct {
	mu    sync.Mutex
	names []string
}

const (
	toneVoiceHz   = 300 // of the first prompt
	toneVoiceStep = 20
	beepHz        = 880
)

// toneOf is the tone of a prompt, in Hz; none is near that of the beep.
func toneOf(i int) float64 {
	hz := toneVoiceHz + i*toneVoiceStep
	if hz > beepHz-2*toneVoiceStep {
		hz += 4 * toneVoiceStep
	}
	return float64(hz)
}

func (v *toneVoice) Language(string) string { return sounds.English }

func (v *toneVoice) Clip(_ context.Context, voice, name string) (*mixer.Clip, error) {
	return v.Prompt(voice, name), nil
}

func (v *toneVoice) Prompt(_, name string) *mixer.Clip {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := slices.Index(v.names, name)
	if i < 0 {
		if i = len(v.names); toneOf(i) > 3700 {
			panic("there are more prompts than tones")
		}
		v.names = append(v.names, name)
	}
	c := &mixer.Clip{Name: name, RateHz: 8000, PCM: make([]int16, 1600)}
	for n := range c.PCM {
		c.PCM[n] = int16(6000 * math.Sin(2*math.Pi*toneOf(i)*float64(n)/8000))
	}
	return c
}

// recognise is which prompts are in a sound of 8000 Hz, in order. The beep is two tones, between which there is less than what is looked at at a time.
func (v *toneVoice) recognise(pcm []int16) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var heard []string
	last := ""
	tones := map[string]float64{beep: beepHz}
	for i, name := range v.names {
		tones[name] = toneOf(i)
	}
	beeped := 0 // the next so many pieces may have the second tone of a beep
	for ; len(pcm) >= 800; pcm = pcm[800:] {
		best, loudest := "", -40.
		beeped--
		rms := measure.RMSDBFS(pcm[:800])
		for name, hz := range tones {
			if rms <= loudest+1 { // silence, or the one that it is
				break
			}
			if level := measure.ToneDBFS(pcm[:800], 8000, hz); level > loudest {
				best, loudest = name, level
			}
		}
		switch {
		case best != "" && rms > loudest+1: // of two, or of one that comes or goes
			continue
		case best == beep && (beeped >= 0 || last == beep):
		case best != last && best != "":
			heard = append(heard, best)
			if best == beep {
				beeped = 2
			}
		}
		last = best
	}
	return heard
}

// keypads is a meeting whose people dial commands.
type keypads struct {
	*meeting
	voice  *toneVoice
	silent bool     // nobody says anything, nor does the room
	order  []string // who has come
	legs   map[string]*fakeLeg
	from   map[string]int
}

// atKeypads runs f in virtual time with a room that speaks.
func atKeypads(t *testing.T, modes Modes, speech Speech, f func(k *keypads)) {
	t.Helper()
	voice := &toneVoice{}
	if speech.Keys == nil {
		speech.Keys = DefaultKeys()
	}
	cfg := Config{Sounds: voice, Recorder: &fakeRecorder{}, Defaults: Settings{Speech: speech}, MovesTo: []string{"2*"}, Dialer: new(StoryDialer)}
	inBubble(t, cfg, func(ctx context.Context, t *testing.T, g *Registry) {
		k := &keypads{meeting: newMeeting(ctx, t, g, Settings{Modes: modes}), voice: voice, legs: map[string]*fakeLeg{}, from: map[string]int{}}
		k.do(g.Update(ctx, "1000", SettingsPatch{RecordingTone: ptr(true)}))
		k.story()
		f(k)
		k.over()
	})
}

// spoken is how long the longest sentence but help takes.
const spoken = 1500 * time.Millisecond

// come lets people in, and waits until all has been said.
func (k *keypads) come(names ...string) {
	k.Helper()
	for _, name := range names {
		k.legs[name], k.from[name] = newFakeLeg(k, pcmu, 0), 0
		k.legs[name].mute = k.silent
		k.do(nil, k.calls(name, k.legs[name]))
		if !slices.Contains(k.order, name) {
			k.order = append(k.order, name)
		}
		k.rest()
	}
}

// rest waits until what is said has been.
func (k *keypads) rest() {
	if k.silent {
		time.Sleep(time.Second)
		return
	}
	time.Sleep(spoken)
}

// dials presses keys, and waits until what is said has been.
func (k *keypads) dials(name, keys string) {
	k.Helper()
	for _, digit := range []byte(keys) {
		if err := k.people[name].Key(k.ctx, digit, 100*time.Millisecond); err != nil {
			k.Fatalf("%s dials %s: %v", name, keys, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	k.rest()
}

var braces = regexp.MustCompile(`\{(\w+)\}`)

// withNumbers puts people's numbers in place of their names.
func (k *keypads) withNumbers(keys string) string {
	return strings.ReplaceAll(braces.ReplaceAllStringFunc(keys, func(name string) string {
		name = strings.Trim(name, "{}")
		info, err := k.g.Participant(k.ctx, k.people[name].Room(), k.id(name))
		k.do(info, err)
		return strconv.Itoa(info.Number)
	}), " ", "")
}

// hears is what people have heard since it was asked last, a line for each who has heard anything.
func (k *keypads) hears() []string {
	k.Helper()
	var all []string
	if k.silent {
		return nil
	}
	for _, name := range k.order {
		pcm := k.legs[name].lastHeard(time.Hour)
		if heard := k.voice.recognise(pcm[k.from[name]:]); len(heard) > 0 {
			all = append(all, name+" hears: "+strings.Join(heard, " "))
		}
		k.from[name] = len(pcm)
	}
	return all
}

// story is what has happened since it was asked last, in a few words.
func (k *keypads) story() []string {
	k.Helper()
	var all []string
	for _, e := range k.events() {
		line := storyLine(e)
		if e.Kind.aboutRecording() {
			line = recordingTexts[e.Kind]
		}
		if line != "" {
			all = append(all, line)
		}
	}
	return all
}

var recordingTexts = map[Kind]string{
	KindRecordingStarted: "the recording starts", KindRecordingPaused: "the recording pauses", KindRecordingResumed: "the recording goes on",
	KindRecordingStopped: "the recording stops", KindRecordingFailed: "the recording fails",
}

func TestACommandThatRestsIsForgotten(t *testing.T) {
	tests := []struct {
		what string
		rest time.Duration
		want string
	}{
		{"at once", 0, "ann is muted by itself"},
		{"a moment before it is too late", commandPause - 100*time.Millisecond, "ann is muted by itself"},
		{"too late", commandPause + 100*time.Millisecond, ""},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
				k.come("ann")
				k.story()
				k.do(nil, k.people["ann"].Key(k.ctx, '*', 0))
				time.Sleep(test.rest)
				k.do(nil, k.people["ann"].Key(k.ctx, '6', 0))
				if got := strings.Join(k.story(), ", "); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestKeysAloneAreEventsAndNoCommands(t *testing.T) {
	atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
		k.come("ann")
		k.story()
		k.hears()
		before, err := k.g.Info(k.ctx, "1000")
		k.do(nil, err)
		k.dials("ann", "6909#*6")
		after, err := k.g.Info(k.ctx, "1000")
		k.do(nil, err)
		if n := after.Sequence - before.Sequence; n != 8 {
			t.Errorf("%d events of seven keys and a mute, want 8", n)
		}
		if got := strings.Join(k.hears(), ", "); got != "ann hears: muted" {
			t.Errorf("got %q, want the answer to the one command", got)
		}
	})
}

func TestARoomThatOnlyAnswersSaysNothingElse(t *testing.T) {
	atKeypads(t, Modes{}, Speech{Speaking: SpeakAnswers}, func(k *keypads) {
		k.come("HOST", "ann")
		k.do(k.g.MuteAll(k.ctx, "1000", true))
		time.Sleep(time.Second)
		if got := k.hears(); len(got) > 0 {
			t.Errorf("said without being asked: %q", got)
		}
		k.dials("HOST", "*#1")
		if got := strings.Join(k.hears(), ", "); got != "HOST hears: now-locked" {
			t.Errorf("got %q, want the moderator alone to hear that it is locked", got)
		}
	})
}

func TestBigRoomsTellNobodyWhoComes(t *testing.T) {
	atKeypads(t, Modes{}, Speech{Speaking: SpeakEvents, Announce: AnnounceWords, AnnounceLimit: 2}, func(k *keypads) {
		k.come("ann", "bob")
		if got := strings.Join(k.hears(), ", "); !strings.Contains(got, sounds.SomebodyJoined) {
			t.Errorf("got %q, want the first to be told of the second", got)
		}
		k.come("cid")
		if got := strings.Join(k.hears(), ", "); strings.Contains(got, sounds.SomebodyJoined) || !strings.HasPrefix(got, "cid hears: there-are") {
			t.Errorf("got %q, want nobody but the newcomer to be told anything", got)
		}
	})
}

func TestTonesTellOfComingsAndGoings(t *testing.T) {
	atKeypads(t, Modes{}, Speech{Announce: AnnounceTone}, func(k *keypads) {
		k.come("ann", "bob")
		wantTones(t, k.legs["ann"].lastHeard(spoken), chimeCome)
		k.goes("bob")
		time.Sleep(spoken)
		wantTones(t, k.legs["ann"].lastHeard(spoken), chimeGo)
	})
}

// wantTones wants a chime in a sound of 8000 Hz.
func wantTones(t *testing.T, pcm []int16, c []note) {
	t.Helper()
	for _, n := range c {
		loudest := math.Inf(-1)
		for at := 0; at+400 <= len(pcm); at += 100 {
			loudest = max(loudest, measure.ToneDBFS(pcm[at:at+400], 8000, n.hz))
		}
		if loudest < -25 {
			t.Errorf("%v Hz at %.0f dBFS", n.hz, loudest)
		}
	}
}

// slowVoice reads for as long as it is told to.
type slowVoice struct {
	toneVoice
	wait chan struct{}
}

func (v *slowVoice) Prompt(voice, name string) *mixer.Clip {
	<-v.wait
	return v.toneVoice.Prompt(voice, name)
}

func TestWordsThatCannotBeSaidAreLeftOutAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		voice := &slowVoice{wait: make(chan struct{})}
		g := NewRegistry(Config{Sounds: voice, Defaults: Settings{Speech: Speech{Keys: DefaultKeys()}}})
		m := newMeeting(t.Context(), t, g, Settings{})
		m.comes("ann")
		const dialled = 100
		for range dialled {
			m.do(nil, m.people["ann"].Key(m.ctx, '*', 0))
			m.do(nil, m.people["ann"].Key(m.ctx, '2', 0))
			time.Sleep(20 * time.Millisecond)
		}
		if got := g.metrics.wordsDropped.Load(); got != dialled-maxJobs-1 {
			t.Errorf("%d lines dropped of %d, want all but the %d that wait and the one that is read", got, dialled, maxJobs)
		}
		m.people["ann"].Leave(ReasonHangup)
		close(voice.wait)
		if err := g.Close(t.Context()); err != nil { // waits for what is left
			t.Error(err)
		}
	})
}

func TestHelpIsHeardWholeHoweverLongItIs(t *testing.T) {
	atKeypads(t, Modes{}, Speech{}, func(k *keypads) {
		k.come("HOST")
		k.do(k.g.RaiseHand(k.ctx, "1000", k.id("HOST")))
		k.do(k.g.NextHand(k.ctx, "1000")) // who has the floor can give it back
		k.hears()
		k.dials("HOST", "*1")
		time.Sleep(time.Minute)
		got := strings.Join(k.hears(), " ")
		for _, c := range defaultCommands {
			if !strings.Contains(got, helpPrompts[c.Action]) {
				t.Errorf("help does not tell of %v", c.Action)
			}
		}
	})
}

func TestTheEndIsSaidBeforeItComes(t *testing.T) {
	tests := []struct {
		speaking Speaking
		heard    string
	}{
		{SpeakEvents, "ann hears: alone ends-in number/1 minute conference-over"},
		{SpeakAnswers, ""},
	}
	for _, test := range tests {
		atKeypads(t, Modes{WarnBefore: [MaxWarnings]time.Duration{time.Minute}}, Speech{Speaking: test.speaking}, func(k *keypads) {
			k.do(k.g.Update(k.ctx, "1000", SettingsPatch{MaxDuration: ptr(90 * time.Second)}))
			k.come("ann")
			time.Sleep(2 * time.Minute)
			if got := strings.Join(k.hears(), ", "); got != test.heard {
				t.Errorf("got %q, want %q", got, test.heard)
			}
			if got := strings.Join(k.story(), ", "); !strings.HasSuffix(got, "ends: maximum duration reached") {
				t.Errorf("got %q, want it to have ended", got)
			}
		})
	}
}

func TestKeysChangeTheStateOfWhatTheFileDeclares(t *testing.T) {
	voice := &toneVoice{}
	cfg := Config{Sounds: voice, Defaults: Settings{Speech: Speech{Keys: DefaultKeys()}}}
	inBubble(t, cfg, func(ctx context.Context, t *testing.T, g *Registry) {
		if err := g.Restore(ctx, Memory{Declared: []Kept{{Number: "1000"}}}); err != nil {
			t.Fatal(err)
		}
		w, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		k := &keypads{
			meeting: &meeting{T: t, ctx: ctx, g: g, people: map[string]*Participant{}, watch: w},
			voice:   voice, legs: map[string]*fakeLeg{}, from: map[string]int{},
		}
		k.come("HOST")
		k.story()
		k.dials("HOST", "*#3")
		if got := strings.Join(append(k.story(), k.hears()...), ", "); got != "settings, HOST hears: lecture-on" {
			t.Errorf("a lecture: got %q, want it to begin", got)
		}
		k.dials("HOST", "*#7")
		if info, err := g.Info(ctx, "1000"); err != nil || !info.WaitForHost || !info.Lecture {
			t.Errorf("got %+v, %v; want a lecture that waits for its host", info, err)
		}
		if got := k.hears(); len(got) != 1 || strings.Contains(got[0], "not-allowed") {
			t.Errorf("waiting for the host: got %q, want a beep", got)
		}
		k.story()
		k.dials("HOST", "*###2")
		if got := strings.Join(append(k.story(), k.hears()...), ", "); got != "settings, HOST hears: lobby-on" {
			t.Errorf("the lobby: got %q, want it to open", got)
		}
		k.dials("HOST", "*#1")
		if got := strings.Join(append(k.story(), k.hears()...), ", "); got != "locked, HOST hears: now-locked" {
			t.Errorf("the lock: got %q, want it to be locked", got)
		}
		k.over()
	})
}

func TestDiallingDoesNotAllocate(t *testing.T) {
	s := newStage(t, Settings{Speech: Speech{Keys: DefaultKeys()}})
	leg := newScriptLeg(t, pcmuProfile(), silent)
	p := newParticipant(s.room, Caller{})
	s.seats = append(s.seats, p)
	if err := s.join(p, leg); err != nil {
		t.Fatal(err)
	}
	m, now := s.members[0], time.Now()
	allocs := testing.AllocsPerRun(100, func() {
		for _, digit := range []byte("*##1*6*99*#6*##512#60#*##312##*###9030A") {
			m.dial(digit, now)
		}
		s.orders = s.orders[:0]
	})
	if allocs != 0 {
		t.Errorf("%v allocations of commands with and without numbers", allocs)
	}
}
