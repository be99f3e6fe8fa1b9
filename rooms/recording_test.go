package rooms

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/measure"
)

// fakeRecorder makes tapes in memory.
type fakeRecorder struct {
	mu    sync.Mutex
	fails error
	tapes []*fakeTape
}

func (r *fakeRecorder) Open(room string, set RecordingSettings) (Tape, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fails != nil {
		return nil, r.fails
	}
	t := &fakeTape{rec: Recording{ID: "r" + string(rune('1'+len(r.tapes))), Room: room, Content: set.Content, Format: set.Format}}
	r.tapes = append(r.tapes, t)
	return t, nil
}

// fakeTape counts what it is given.
type fakeTape struct {
	rec Recording

	mu      sync.Mutex
	frames  int64 // skipped ones too
	mixed   int
	mix     []int16
	voices  map[string]int
	noted   []Kind
	breaks  error // takes no more
	closed  bool
	because Reason
}

func (t *fakeTape) Recording() Recording { return t.rec }

func (t *fakeTape) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.breaks != nil
}

func (t *fakeTape) Put(f *TapeFrame) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.breaks != nil {
		return false
	}
	t.frames += f.Skipped + 1
	if f.Mix != nil {
		t.mixed++
	}
	t.mix = append(t.mix, f.Mix...)
	for _, v := range f.Voices {
		if t.voices == nil {
			t.voices = map[string]int{}
		}
		t.voices[v.ID]++
	}
	return true
}

func (t *fakeTape) Note(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noted = append(t.noted, e.Kind)
}

func (t *fakeTape) Close(why Reason) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed, t.because = true, why
	return t.breaks
}

func (t *fakeTape) with(change func(*fakeTape)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

// recordingRoom is a room 1000 with two telephones, one of which makes a tone.
func recordingRoom(t *testing.T, cfg Config) (g *Registry, tone *fakeLeg, leave func()) {
	t.Helper()
	g = NewRegistry(cfg)
	t.Cleanup(func() {
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := g.Create(t.Context(), "1000", cfg.Defaults); err != nil {
		t.Fatal(err)
	}
	var all []*Participant
	tone = newFakeLeg(t, pcmu, 440)
	for _, leg := range []*fakeLeg{tone, newFakeLeg(t, pcmu, 0)} {
		p, err := g.Admit(t.Context(), "1000", Caller{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Join(t.Context(), leg); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return g, tone, func() {
		for _, p := range all {
			p.Leave(ReasonHangup)
		}
	}
}

// recordingStory is what a room's events tell of recordings.
func recordingStory(t *testing.T, g *Registry) (kinds []Kind, reasons []Reason) {
	t.Helper()
	log, err := g.logOf(t.Context(), "1000")
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(0); seq < log.sequence(); {
		e, err := log.next(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		seq = e.Sequence
		if e.Kind.aboutRecording() {
			if e.Recording == "" || e.Info.Number != "1000" {
				t.Errorf("the event names no recording or no room: %+v", e)
			}
			kinds, reasons = append(kinds, e.Kind), append(reasons, e.Reason)
		}
	}
	return kinds, reasons
}

func TestARecordingIsAsLongAsTheTimeThatItRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &fakeRecorder{}
		g, _, leave := recordingRoom(t, Config{Recorder: rec, Defaults: Settings{Recording: RecordingSettings{Content: RecordBoth}}})
		time.Sleep(time.Second)
		made, err := g.StartRecording(t.Context(), "1000")
		if err != nil {
			t.Fatal(err)
		}
		if made.ID != "r1" || made.Content != RecordBoth || made.Format != FormatOpus {
			t.Errorf("got %+v", made)
		}
		if _, err := g.StartRecording(t.Context(), "1000"); !errors.Is(err, ErrRecording) {
			t.Errorf("a second one: got %v", err)
		}
		time.Sleep(3 * time.Second)
		for range 2 { // the second changes nothing
			if _, err := g.PauseRecording(t.Context(), "1000"); err != nil {
				t.Fatal(err)
			}
		}
		if info, err := g.Info(t.Context(), "1000"); err != nil || info.Recorded != "r1" || !info.RecordingPaused {
			t.Errorf("while it pauses: got %q, %v, %v", info.Recorded, info.RecordingPaused, err)
		}
		time.Sleep(time.Second)
		if _, err := g.ResumeRecording(t.Context(), "1000"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if _, err := g.StopRecording(t.Context(), "1000"); err != nil {
			t.Fatal(err)
		}
		if _, err := g.StopRecording(t.Context(), "1000"); !errors.Is(err, ErrNotRecording) {
			t.Errorf("a second stop: got %v", err)
		}
		tape := rec.tapes[0]
		if got := tape.frames - 5*int64(framesPerSecond); got < -2 || got > 2 {
			t.Errorf("5 s are %d frames", tape.frames)
		}
		if len(tape.voices) != 1 {
			t.Errorf("voices of %d people, want 1", len(tape.voices))
		}
		kinds, reasons := recordingStory(t, g)
		if diff := cmp.Diff([]Kind{KindRecordingStarted, KindRecordingPaused, KindRecordingResumed, KindRecordingStopped}, kinds); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if got := reasons[len(reasons)-1]; got != ReasonStopped {
			t.Errorf("it stopped for %v", got)
		}
		for _, want := range []Kind{KindJoined, KindRecordingPaused, KindRecordingResumed} {
			if !slices.Contains(tape.noted, want) {
				t.Errorf("the tape was not told of kind %d", want)
			}
		}
		leave()
	})
}

func TestARecordingEndsWithTheConference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &fakeRecorder{}
		g, _, leave := recordingRoom(t, Config{Recorder: rec})
		if _, err := g.StartRecording(t.Context(), "1000"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		leave()
		if tape := rec.tapes[0]; !tape.closed || tape.because != ReasonEmpty || !slices.Contains(tape.noted, KindLeft) {
			t.Errorf("got %v, %v, %v", tape.closed, tape.because, tape.noted)
		}
		if _, err := g.StartRecording(t.Context(), "1000"); !errors.Is(err, ErrEmpty) {
			t.Errorf("in an empty room: got %v", err)
		}
		kinds, _ := recordingStory(t, g)
		if diff := cmp.Diff([]Kind{KindRecordingStarted, KindRecordingStopped}, kinds); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestATapeThatFailsWhileItIsPausedEndsTheRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &fakeRecorder{}
		g, _, leave := recordingRoom(t, Config{Recorder: rec})
		if _, err := g.StartRecording(t.Context(), "1000"); err != nil {
			t.Fatal(err)
		}
		if _, err := g.PauseRecording(t.Context(), "1000"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		rec.tapes[0].with(func(f *fakeTape) { f.breaks = ErrDiskLow })
		time.Sleep(time.Second)
		kinds, _ := recordingStory(t, g)
		if diff := cmp.Diff([]Kind{KindRecordingStarted, KindRecordingPaused, KindRecordingFailed}, kinds); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if _, err := g.ResumeRecording(t.Context(), "1000"); !errors.Is(err, ErrNotRecording) {
			t.Errorf("resumed: %v", err)
		}
		leave()
	})
}

func TestATapeThatFailsEndsTheRecordingAndTheTalkGoesOn(t *testing.T) {
	for _, row := range []struct {
		fault error
		want  Reason
	}{{ErrDiskLow, ReasonDiskLow}, {ErrDisk, ReasonDiskFailed}, {ErrTooLong, ReasonTooLong}} {
		synctest.Test(t, func(t *testing.T) {
			rec := &fakeRecorder{}
			g, tone, leave := recordingRoom(t, Config{Recorder: rec})
			if _, err := g.StartRecording(t.Context(), "1000"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			rec.tapes[0].with(func(f *fakeTape) { f.breaks = row.fault })
			time.Sleep(100 * time.Millisecond)
			before := tone.calls()
			time.Sleep(time.Second)
			if got := tone.calls() - before; got < framesPerSecond-1 {
				t.Errorf("%v: the room ticked %d times in a second", row.fault, got)
			}
			kinds, reasons := recordingStory(t, g)
			if diff := cmp.Diff([]Kind{KindRecordingStarted, KindRecordingFailed}, kinds); diff != "" {
				t.Errorf("%v: events (-want +got):\n%s", row.fault, diff)
			} else if reasons[1] != row.want {
				t.Errorf("%v: got reason %v, want %v", row.fault, reasons[1], row.want)
			}
			if info, err := g.Info(t.Context(), "1000"); err != nil || info.Recorded != "" {
				t.Errorf("%v: the room says %q, %v", row.fault, info.Recorded, err)
			}
			if _, err := g.StartRecording(t.Context(), "1000"); err != nil {
				t.Errorf("%v: a new one: %v", row.fault, err)
			}
			leave()
		})
	}
}

func TestWhatKeepsARoomFromBeingRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, leave := recordingRoom(t, Config{})
		if _, err := g.StartRecording(t.Context(), "1000"); !errors.Is(err, ErrNoRecorder) {
			t.Errorf("without a recorder: got %v", err)
		}
		if _, err := g.StartRecording(t.Context(), "2000"); !errors.Is(err, ErrNoRoom) {
			t.Errorf("no room: got %v", err)
		}
		if _, err := g.PauseRecording(t.Context(), "1000"); !errors.Is(err, ErrNotRecording) {
			t.Errorf("pause: got %v", err)
		}
		leave()
	})
	synctest.Test(t, func(t *testing.T) {
		g, _, leave := recordingRoom(t, Config{Recorder: &fakeRecorder{fails: ErrDiskLow}})
		if _, err := g.StartRecording(t.Context(), "1000"); !errors.Is(err, ErrDiskLow) {
			t.Errorf("a full disk: got %v", err)
		}
		leave()
	})
}

// Everybody hears the tones, who is deaf or speaks excepted from nothing but their own voice.
func TestRecordingsAreAnnounced(t *testing.T) {
	s := newTestState(t)
	s.set.Recording = RecordingSettings{Content: RecordMix, Tone: true, Beep: true}
	talker, listener := newFakeLeg(t, pcmu, 440), newFakeLeg(t, opus, 0)
	seat(t, s, talker)
	seat(t, s, listener)
	now := time.Now()
	run := func(d time.Duration) {
		for range d / frameDuration {
			now = now.Add(frameDuration)
			s.tick(now)
			s.publish()
		}
	}
	hears := func(what string, leg *fakeLeg, hz float64, want bool) {
		t.Helper()
		level := measure.ToneDBFS(leg.lastHeard(100*time.Millisecond), leg.format.SampleRateHz, hz)
		if got := level > -30; got != want {
			t.Errorf("%s: %.0f Hz is at %.1f dBFS, want it heard: %v", what, hz, level, want)
		}
	}
	run(time.Second)
	if err := s.startRecording(&fakeTape{}); err != nil {
		t.Fatal(err)
	}
	run(440 * time.Millisecond)
	hears("at the start, who talks", talker, 1400, true)
	hears("at the start, who listens", listener, 1400, true)
	run(560 * time.Millisecond)
	hears("a second later", talker, 1400, false)
	run(15*time.Second - time.Second + 160*time.Millisecond)
	hears("after 15 s", talker, 1400, true)
	run(time.Second)
	s.stopRecording(ReasonStopped)
	run(440 * time.Millisecond)
	hears("at the stop", listener, 700, true)
	run(16 * time.Second)
	hears("16 s later", listener, 1400, false)
}

// A chime never jumps: no step is larger than that of its highest tone at full level.
func TestChimesDoNotClick(t *testing.T) {
	for _, rateHz := range []int{8000, 16000, 48000} {
		var c chime
		c.play(chimeUp)
		var pcm []int16
		for i := range 100 {
			if i == 3 {
				c.play(chimeBeep) // waits for its turn
			}
			frame := c.next(rateHz)
			if frame == nil {
				break
			}
			pcm = append(pcm, frame...)
		}
		if got, want := float64(len(pcm))/float64(rateHz), .7; math.Abs(got-want) > .04 {
			t.Errorf("%d Hz: both last %.2f s, want %.2f", rateHz, got, want)
		}
		limit := 1.05*2*math.Sin(math.Pi*1400/float64(rateHz))*chimeAmplitude + 1
		last := int16(0)
		for i, s := range append(pcm, 0) {
			if step := math.Abs(float64(s) - float64(last)); step > limit {
				t.Errorf("%d Hz: a step of %.0f at sample %d, at most %.0f", rateHz, step, i, limit)
			}
			last = s
		}
	}
}

// loopTape throws away what it is given: nothing of it can allocate.
type loopTape struct{ sum int }

func (t *loopTape) Failed() bool { return false }

func (t *loopTape) Recording() Recording { return Recording{ID: "r", Content: RecordBoth} }
func (t *loopTape) Note(Event)           {}
func (t *loopTape) Close(Reason) error   { return nil }
func (t *loopTape) Put(f *TapeFrame) bool {
	t.sum += len(f.Mix) + len(f.Voices)
	return true
}

func TestATickThatIsRecordedDoesNotAllocate(t *testing.T) {
	s := newTestState(t)
	s.set = Settings{MaxTalkers: AllTalkers, Recording: RecordingSettings{Tone: true, Beep: true}}
	for i := range 20 {
		seat(t, s, loopLeg{newFakeLeg(t, pcmu, toneHz(i%8))})
	}
	tape := &loopTape{}
	if err := s.startRecording(tape); err != nil {
		t.Fatal(err)
	}
	s.publish()
	now := time.Now()
	second := func() {
		for range framesPerSecond {
			now = now.Add(frameDuration)
			s.tick(now)
			s.pending = s.pending[:0]
		}
	}
	second()
	if got := testing.AllocsPerRun(20, second); got != 0 { // the beep is in it
		t.Errorf("%.1f allocations a second, want 0", got)
	}
	if tape.sum == 0 {
		t.Error("nothing was recorded")
	}
}

// aboutRecording says whether events of this kind are about a recording.
func (k Kind) aboutRecording() bool { return k >= KindRecordingStarted && k <= KindRecordingFailed }

// A room that others keep busy is late for its frames when a recording begins and ends: those before its beginning are none of it, those before its end are.
func TestARecordingIsAsLongAsItWasInALateRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &fakeRecorder{}
		g, _, leave := recordingRoom(t, Config{Recorder: rec})
		defer leave()
		// meanwhile calls f at once, while the room is busy for two frames and a half.
		meanwhile := func(f func(context.Context, string) (Recording, error)) {
			busy := make(chan struct{})
			go func() {
				_ = g.do(context.Background(), "1000", func(*state) error { close(busy); time.Sleep(50 * time.Millisecond); return nil }) // the room is there
			}()
			<-busy
			if _, err := f(t.Context(), "1000"); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			meanwhile(g.StartRecording)
			begun := time.Now()
			time.Sleep(time.Second)
			meanwhile(g.StopRecording)
			took := time.Since(begun)
			got := time.Duration(rec.tapes[len(rec.tapes)-1].frames) * frameDuration
			if (got - took).Abs() >= frameDuration {
				t.Errorf("got %v of a recording that took %v", got, took)
			}
		}
	})
}
