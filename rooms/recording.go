package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confbridge/confbridge/rooms/sounds"
)

// Recorder keeps what is said in rooms. Its methods are safe for concurrent use, and are never called in a tick.
type Recorder interface {
	// Open begins a recording of a room (ErrNoRecorder, ErrDiskLow, ErrDisk). It may wait for the disk. The tape must be closed.
	Open(room string, set RecordingSettings) (Tape, error)
}

// Tape is one recording under way. The room's goroutine calls it, and no other: none of its methods may wait.
type Tape interface {
	// Recording says what the recording is called and how it is made.
	Recording() Recording
	// Put takes the next 20 ms. It is called in the tick: it neither allocates nor locks, and keeps no slice. False says that the
	// recording has failed and takes no more; Close then says why.
	Put(f *TapeFrame) bool
	// Failed says whether the recording has failed, and takes no more. It neither locks nor waits.
	Failed() bool
	// Note takes what happens in the room, at the place that the recording has come to. It is called between ticks.
	Note(e Event)
	// Close ends the recording; its files are finished later. The error is what it has failed with: ErrDiskLow, ErrDisk, ErrTooLong.
	// It is the last call.
	Close(why Reason) error
}

// TapeFrame is 20 ms of a room.
type TapeFrame struct {
	RateHz int
	// Skipped is how many frames the room was too late for, in front of this one.
	Skipped int64
	// Mix is what listeners hear; nil is silence.
	Mix []int16
	// Voices is who is in the mix, with what each adds to it.
	Voices []TapeVoice
}

// TapeVoice is what one participant says in a frame.
type TapeVoice struct {
	ID  string // of the participant
	PCM []int16
}

// RecordingContent is what of a room is recorded.
type RecordingContent uint8

// The contents. The zero value is what the bridge is configured with.
const (
	RecordUnspecified RecordingContent = iota
	RecordMix                          // what listeners hear, in one file
	RecordTracks                       // each participant in a file of its own
	RecordBoth
)

// RecordingFormat is what files a recording has.
type RecordingFormat uint8

// The formats. The zero value is what the bridge is configured with.
const (
	FormatUnspecified RecordingFormat = iota
	FormatWAV
	FormatFLAC
	FormatOpus // in Ogg
)

// RecordingSettings is how a room is recorded.
type RecordingSettings struct {
	Content RecordingContent
	Format  RecordingFormat
	Tone    bool // everybody hears a tone when a recording starts, goes on, pauses and stops
	Beep    bool // and a beep every 15 s while it runs
	// Rule is when the room is recorded without anybody asking for it, and From with how many participants inside that begins: 0 is 1.
	Rule RecordingRule
	From int
}

func (set RecordingSettings) check() error {
	if set.Content > RecordBoth || set.Format > FormatOpus {
		return fmt.Errorf("recording content %d in format %d: %w", set.Content, set.Format, ErrInvalid)
	}
	return set.checkRule()
}

// or is set with what it does not say taken from otherwise.
func (set RecordingSettings) or(otherwise RecordingSettings) RecordingSettings {
	if set.Content == RecordUnspecified {
		set.Content = otherwise.Content
	}
	if set.Format == FormatUnspecified {
		set.Format = otherwise.Format
	}
	return set
}

// RecordingState is how far a recording is.
type RecordingState uint8

// The states.
const (
	RecordingUnknown   RecordingState = iota
	RecordingRunning                  // or paused: the room says which
	RecordingFinishing                // its files are being finished
	RecordingFinished
)

// Recording is a recording at one moment.
type Recording struct {
	ID       string // lower-case letters, digits and "-"
	Room     string
	State    RecordingState
	Content  RecordingContent
	Format   RecordingFormat
	Started  time.Time
	Length   time.Duration // without what was paused
	Reason   Reason        // why it has ended; ReasonUnspecified before that
	Repaired bool          // the bridge was broken off in the middle of it
	Gaps     int           // how often something is missing, and silence in its place
	Files    []RecordingFile
}

// RecordingFile is one of a recording's files.
type RecordingFile struct {
	Name        string
	Participant string // whose track it is; empty: the mix
	Bytes       int64
	SHA256      string // hexadecimal
}

// taping is a room's recording, if there is one.
type taping struct {
	tape   Tape // nil: nobody records
	ruled  bool // the room's rule has begun it
	made   Recording
	paused bool
	frame  TapeFrame
	beepIn int // frames until the next beep
}

// beepEvery is how often a beep reminds of the recording.
const beepEvery = 15 * framesPerSecond

// StartRecording begins to record a room as its settings say (ErrNoRoom, ErrEmpty, ErrRecording, and what Recorder.Open fails with).
func (g *Registry) StartRecording(ctx context.Context, number string) (Recording, error) {
	info, err := g.Info(ctx, number)
	switch {
	case err != nil:
		return Recording{}, err
	case g.cfg.Recorder == nil:
		return Recording{}, fmt.Errorf("room %q: %w", number, ErrNoRecorder)
	case info.Recorded != "":
		return Recording{}, fmt.Errorf("room %q: %w", number, ErrRecording)
	case info.Participants == 0:
		return Recording{}, fmt.Errorf("room %q: %w", number, ErrEmpty)
	}
	tape, err := g.cfg.Recorder.Open(number, info.Recording)
	if err != nil {
		return Recording{}, wrap("record room", number, err)
	}
	if err := g.do(ctx, number, func(s *state) error { return s.startRecording(tape) }); err != nil {
		return Recording{}, errors.Join(err, tape.Close(ReasonFailed))
	}
	return tape.Recording(), nil
}

// StopRecording ends the recording of a room, which does not begin by itself again in this conference (ErrNoRoom, ErrNotRecording). Its files are finished a little later.
func (g *Registry) StopRecording(ctx context.Context, number string) (Recording, error) {
	return g.withTape(ctx, number, func(s *state) { s.declineRecording() })
}

// PauseRecording leaves out what is said from now on (ErrNoRoom, ErrNotRecording); where it is paused already nothing changes.
func (g *Registry) PauseRecording(ctx context.Context, number string) (Recording, error) {
	return g.withTape(ctx, number, func(s *state) { s.pauseRecording(true) })
}

// ResumeRecording goes on with a paused recording (ErrNoRoom, ErrNotRecording); where it runs nothing changes.
func (g *Registry) ResumeRecording(ctx context.Context, number string) (Recording, error) {
	return g.withTape(ctx, number, func(s *state) { s.pauseRecording(false) })
}

// withTape runs op on the goroutine of a room that is recorded, and says what its recording is after it.
func (g *Registry) withTape(ctx context.Context, number string, op func(*state)) (Recording, error) {
	var rec Recording
	err := g.do(ctx, number, func(s *state) error {
		s.catchUp()
		s.watchTape()
		tape := s.taping.tape
		if tape == nil {
			return ErrNotRecording
		}
		op(s)
		rec = tape.Recording()
		return nil
	})
	return rec, err
}

func (s *state) startRecording(t Tape) error {
	s.catchUp() // what was due before is none of it
	switch {
	case s.taping.tape != nil:
		return ErrRecording
	case len(s.members) == 0:
		return ErrEmpty
	}
	s.publish() // what has happened up to here is none of the recording's business
	s.taping = taping{tape: t, made: t.Recording(), beepIn: beepEvery}
	s.reserveTape()
	for _, m := range s.members {
		t.Note(Event{Kind: KindJoined, Time: time.Now(), Participant: s.describe(m)})
		if m.voice.talking {
			t.Note(Event{Kind: KindTalkingStarted, Time: time.Now(), Participant: s.describe(m)})
		}
	}
	s.announce(chimeUp, sounds.RecordingStarted)
	s.tellRecording(KindRecordingStarted, ReasonUnspecified)
	return nil
}

func (s *state) pauseRecording(pause bool) {
	if s.taping.paused == pause {
		return
	}
	if pause {
		s.tapeSkipped()
	}
	s.taping.paused = pause
	kind, sound, word := KindRecordingResumed, chimeUp, sounds.RecordingResumed
	if pause {
		kind, sound, word = KindRecordingPaused, chimeDown, sounds.RecordingPaused
	}
	s.announce(sound, word)
	s.tellRecording(kind, ReasonUnspecified)
}

// stopRecording ends the recording, if there is one.
func (s *state) stopRecording(why Reason) {
	if s.taping.tape == nil {
		return
	}
	s.publish() // the tape is to hear of it
	s.tapeSkipped()
	err := s.taping.tape.Close(why)
	s.taping.tape, s.taping.paused = nil, false
	kind := KindRecordingStopped
	if err != nil {
		kind, why = KindRecordingFailed, TapeReason(err)
		if !errors.Is(err, ErrTooLong) {
			s.ruling.notBefore = time.Now().Add(ruleAgain)
		}
		s.room.registry.cfg.Log.Error("recording failed", "room", s.room.number, "recording", s.taping.made.ID, "err", err)
	}
	s.announce(chimeDown, sounds.RecordingStopped)
	s.tellRecording(kind, why)
	s.taping.made = Recording{}
}

// tracks says whether each participant is recorded.
func (t *taping) tracks() bool { return t.tape != nil && t.made.Content != RecordMix }

// watchTape ends a recording that has failed. It is called between ticks.
func (s *state) watchTape() {
	if t := s.taping.tape; t != nil && t.Failed() {
		s.stopRecording(ReasonDiskFailed)
	}
}

func (s *state) tellRecording(kind Kind, why Reason) {
	s.raise(Event{Kind: kind, Reason: why, Recording: s.taping.made.ID, Info: new(s.info())})
}

// TapeReason is what a tape's error is called in events.
func TapeReason(err error) Reason {
	switch {
	case errors.Is(err, ErrDiskLow):
		return ReasonDiskLow
	case errors.Is(err, ErrTooLong):
		return ReasonTooLong
	}
	return ReasonDiskFailed
}

// announce plays a chime where the room's settings ask for it, or says a word instead where the room speaks.
func (s *state) announce(c []note, word string) {
	switch {
	case !s.set.Recording.Tone || len(s.members) == 0:
	case s.speech().Speaking == SpeakEvents && s.room.registry.cfg.Sounds != nil:
		s.say(everybody, words(word))
	default:
		s.chime.play(c)
	}
}

// reserveTape makes room for all voices of a frame, so that the tick does not allocate.
func (s *state) reserveTape() {
	s.taping.frame.Voices = slices.Grow(s.taping.frame.Voices[:0], len(s.members)+len(s.mix.leaving))
}

// beep counts down to the next one.
func (s *state) beep() {
	t := &s.taping
	if t.tape == nil || t.paused || !s.set.Recording.Beep {
		return
	}
	if t.beepIn--; t.beepIn <= 0 {
		t.beepIn = beepEvery
		s.chime.play(chimeBeep)
	}
}

// record hands the tick over. It is part of the tick.
func (s *state) record() {
	t := &s.taping
	if t.tape == nil || t.paused || t.tape.Failed() {
		return
	}
	f := &t.frame
	f.RateHz, f.Mix, f.Voices = s.mix.rateHz, nil, f.Voices[:0]
	if t.made.Content != RecordTracks && s.mix.bus.Frames() > 0 {
		f.Mix = s.mix.shared()
	}
	if t.tracks() {
		for _, m := range s.members {
			if m.voice.contributes {
				f.Voices = append(f.Voices, TapeVoice{ID: m.p.id, PCM: m.voice.frame})
			}
		}
		for _, v := range s.mix.leaving {
			if v.sounding {
				f.Voices = append(f.Voices, TapeVoice{ID: v.of, PCM: v.frame})
			}
		}
	}
	t.tape.Put(f)
	f.Skipped = 0
}

// late counts frames that the room was too late for; they are part of the recording all the same.
func (t *taping) late(skipped int64) {
	if t.tape != nil && !t.paused {
		t.frame.Skipped += skipped
	}
}

// tapeSkipped tells the tape of frames that were skipped and that none has followed.
func (s *state) tapeSkipped() {
	t := &s.taping
	if t.paused || t.tape.Failed() || t.frame.Skipped == 0 {
		return
	}
	t.tape.Put(&TapeFrame{RateHz: s.mix.rateHz, Skipped: t.frame.Skipped - 1})
	t.frame.Skipped = 0
}
