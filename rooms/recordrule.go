package rooms

import (
	"fmt"
	"time"
)

// RecordingRule is when a room is recorded without anybody asking for it.
type RecordingRule uint8

// The rules. A recording that a rule has begun ends when the rule does not hold any more, or with the conference; when somebody has stopped it none begins by
// itself again in the same conference.
const (
	RecordNever    RecordingRule = iota // only when somebody starts it
	RecordAlways                        // as long as anybody is inside
	RecordWithHost                      // as long as a moderator is inside
)

// ruling is what has become of the room's rule in this conference.
type ruling struct {
	begins    bool      // a recording is being opened
	declined  bool      // somebody has stopped one
	failed    bool      // it has been told that none can begin
	notBefore time.Time // none begins before that: the disk was at fault
}

// ruleAgain is how long a rule waits behind a fault of the disk.
const ruleAgain = 30 * time.Second

// checkRule is check for what a rule says.
func (set RecordingSettings) checkRule() error {
	if set.Rule > RecordWithHost || set.From < 0 || set.From > maxMaxMembers {
		return fmt.Errorf("recording rule %d from %d participants on: %w", set.Rule, set.From, ErrInvalid)
	}
	return nil
}

// keepRule begins and ends recordings as the room's rule says. It is called between ticks, in every turn.
func (s *state) keepRule() {
	r := &s.ruling
	switch {
	case s.taping.tape != nil:
		if why := s.ruleOver(); s.taping.ruled && why != ReasonUnspecified {
			s.stopRecording(why)
		}
	case s.set.Recording.Rule == RecordNever, r.begins, r.declined, !s.ruleHolds(s.set.Recording.From), time.Now().Before(r.notBefore):
	default:
		set := s.set.Recording
		r.begins = s.later(func(r *room) { r.recordByRule(set) })
	}
}

// ruleHolds says whether the room is to be recorded by its rule, where so many at least are inside.
func (s *state) ruleHolds(least int) bool {
	switch {
	case s.room.sideOf != nil, s.room.reception, s.ending, s.set.Recording.Rule == RecordNever:
		return false
	case s.set.Recording.Rule == RecordWithHost && s.hosts == 0:
		return false
	}
	inside := 0
	for _, m := range s.members {
		if m.place == PlaceInside && m.caller.Way == WayCall {
			if inside++; inside >= least {
				return true
			}
		}
	}
	return false
}

// ruleOver is why a recording that the rule has begun is to end; ReasonUnspecified: it goes on, with fewer people than it has begun with too.
func (s *state) ruleOver() Reason {
	switch {
	case s.ruleHolds(1):
		return ReasonUnspecified
	case s.set.Recording.Rule == RecordNever:
		return ReasonStopped
	case s.set.Recording.Rule == RecordWithHost && s.hosts == 0:
		return ReasonHostLeft
	}
	return ReasonEmpty // who is there still waits
}

// recordByRule opens a recording, which may wait for the disk, and begins it if the rule still holds.
func (r *room) recordByRule(set RecordingSettings) {
	tape, err := r.open(set)
	begins := func(s *state) error {
		s.ruling.begins = false
		switch {
		case err != nil:
			s.cannotRecord(err)
			return err
		case s.ruling.declined || !s.ruleHolds(set.From):
			return ErrNotRecording
		}
		err := s.startRecording(tape)
		s.taping.ruled = err == nil
		return err
	}
	if refused := r.doAlways(begins); refused != nil && tape != nil { // ErrClosed: nobody is there any more
		_ = tape.Close(ReasonFailed) // nothing is on it
	}
}

func (r *room) open(set RecordingSettings) (Tape, error) {
	if r.registry.cfg.Recorder == nil {
		return nil, ErrNoRecorder
	}
	return r.registry.cfg.Recorder.Open(r.number, set)
}

// cannotRecord tells once a conference that nothing is recorded, and has it tried again later.
func (s *state) cannotRecord(why error) {
	s.ruling.notBefore = time.Now().Add(ruleAgain)
	if s.ruling.failed {
		return
	}
	s.ruling.failed = true
	s.room.registry.cfg.Log.Error("room is not recorded as its rule says", "room", s.room.number, "err", why)
	s.raise(Event{Kind: KindRecordingFailed, Reason: TapeReason(why), Info: new(s.info())})
}

// declineRecording ends the recording because somebody wants that: the rule begins none again in this conference.
func (s *state) declineRecording() {
	s.ruling.declined = true
	s.stopRecording(ReasonStopped)
}
