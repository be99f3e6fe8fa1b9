package rooms

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/measure"
)

// ruled is a meeting whose room is recorded by a rule.
type ruled struct {
	*meeting
	rec *fakeRecorder
}

func underRule(t *testing.T, set Settings, f func(m *ruled)) {
	t.Helper()
	rec := &fakeRecorder{}
	inBubble(t, Config{Recorder: rec, Sounds: &toneVoice{}}, func(ctx context.Context, t *testing.T, g *Registry) {
		m := &ruled{newMeeting(ctx, t, g, set), rec}
		f(m)
		m.over()
	})
}

// is wants the room to be recorded at the moment, or not.
func (m *ruled) is(recorded bool, when string) {
	m.Helper()
	time.Sleep(time.Second)
	info, err := m.g.Info(m.ctx, "1000")
	if err != nil || (info.Recorded != "") != recorded {
		m.Errorf("%s: recorded %v (%v), want %v", when, info.Recorded != "", err, recorded)
	}
}

// reasons are why the recordings so far have ended.
func (m *ruled) reasons() (all []Reason) {
	for _, tape := range m.rec.tapes {
		tape.with(func(t *fakeTape) {
			if t.closed {
				all = append(all, t.because)
			}
		})
	}
	return all
}

func byRule(rule RecordingRule, from int) Settings {
	return Settings{Recording: RecordingSettings{Rule: rule, From: from}}
}

func TestARoomIsRecordedFromTheFirstToTheLast(t *testing.T) {
	underRule(t, byRule(RecordAlways, 0), func(m *ruled) {
		m.is(false, "nobody is there")
		m.comes("ann")
		m.is(true, "the first is there")
		m.comes("bob")
		m.goes("ann")
		m.is(true, "one of two has gone")
		m.goes("bob")
		m.comes("cyd")
		m.is(true, "the next conference")
		if diff := cmp.Diff([]Reason{ReasonEmpty}, m.reasons()); diff != "" {
			t.Errorf("ends (-want +got):\n%s", diff)
		}
	})
}

func TestARoomIsRecordedFromTheSecondOn(t *testing.T) {
	underRule(t, byRule(RecordAlways, 2), func(m *ruled) {
		m.comes("ann")
		m.is(false, "one is there")
		m.comes("bob")
		m.is(true, "two are there")
		m.goes("ann")
		m.is(true, "one is left")
	})
}

func TestARoomIsRecordedWhileAHostIsThere(t *testing.T) {
	underRule(t, byRule(RecordWithHost, 0), func(m *ruled) {
		m.comes("ann", "bob")
		m.is(false, "no host is there")
		m.comes("HOST")
		m.is(true, "the host has come")
		m.goes("HOST")
		m.is(false, "the host has gone")
		m.comes("OTHER")
		m.is(true, "another host has come")
		if diff := cmp.Diff([]Reason{ReasonHostLeft}, m.reasons()); diff != "" {
			t.Errorf("ends (-want +got):\n%s", diff)
		}
	})
}

func TestWhoWaitsIsNotRecorded(t *testing.T) {
	set := byRule(RecordAlways, 0)
	set.WaitForHost = true
	underRule(t, set, func(m *ruled) {
		m.comes("ann")
		m.is(false, "she waits for a host")
		m.comes("HOST")
		m.is(true, "both are inside")
		m.goes("HOST")
		m.set(ModesPatch{Lobby: ptr(true)})
		m.is(true, "who was let in stays in")
	})
}

func TestARecordingThatSomebodyHasStoppedDoesNotBeginAgain(t *testing.T) {
	underRule(t, byRule(RecordAlways, 0), func(m *ruled) {
		m.comes("ann", "bob")
		m.is(true, "both are there")
		m.do(m.g.StopRecording(m.ctx, "1000"))
		m.is(false, "it was stopped")
		m.comes("cyd")
		m.is(false, "another one has come")
		m.do(m.g.StartRecording(m.ctx, "1000"))
		m.is(true, "somebody has begun one by hand")
		for _, name := range []string{"ann", "bob", "cyd"} {
			m.goes(name)
		}
		m.comes("dee")
		m.is(true, "the next conference")
	})
}

func TestARuleCountsFromWhenItIsSet(t *testing.T) {
	underRule(t, Settings{}, func(m *ruled) {
		m.comes("ann")
		m.is(false, "there is no rule")
		m.do(m.g.Update(m.ctx, "1000", SettingsPatch{RecordingRule: ptr(RecordAlways)}))
		m.is(true, "there is one")
		m.do(m.g.StopRecording(m.ctx, "1000"))
		m.do(m.g.Update(m.ctx, "1000", SettingsPatch{RecordingFrom: ptr(1)}))
		m.is(false, "it was stopped, and the rule is the same")
		m.do(m.g.Update(m.ctx, "1000", SettingsPatch{RecordingRule: ptr(RecordNever)}))
		m.do(m.g.Update(m.ctx, "1000", SettingsPatch{RecordingRule: ptr(RecordAlways)}))
		m.is(true, "it was set anew")
		m.do(m.g.Update(m.ctx, "1000", SettingsPatch{RecordingRule: ptr(RecordNever)}))
		m.is(false, "there is none any more")
		if diff := cmp.Diff([]Reason{ReasonStopped, ReasonStopped}, m.reasons()); diff != "" {
			t.Errorf("ends (-want +got):\n%s", diff)
		}
	})
}

func TestARecordingByHandIsNoneOfTheRules(t *testing.T) {
	underRule(t, byRule(RecordWithHost, 0), func(m *ruled) {
		m.comes("ann")
		m.do(m.g.StartRecording(m.ctx, "1000"))
		m.comes("HOST")
		m.goes("HOST")
		m.is(true, "the host has gone")
	})
}

func TestARuleThatCannotBeKeptIsToldOnceAndTriedAgain(t *testing.T) {
	underRule(t, byRule(RecordAlways, 0), func(m *ruled) {
		m.rec.fails = ErrDiskLow
		m.comes("ann")
		m.is(false, "the disk is full")
		time.Sleep(3 * ruleAgain)
		failures := 0
		for _, e := range m.events() {
			if e.Kind == KindRecordingFailed {
				failures++
				if e.Reason != ReasonDiskLow || e.Recording != "" {
					t.Errorf("got %v of recording %q", e.Reason, e.Recording)
				}
			}
		}
		if failures != 1 {
			t.Errorf("told %d times, want once", failures)
		}
		m.rec.mu.Lock()
		m.rec.fails = nil
		m.rec.mu.Unlock()
		time.Sleep(ruleAgain)
		m.is(true, "there is room on the disk")
		m.rec.tapes[0].with(func(t *fakeTape) { t.breaks = ErrDisk })
		m.is(false, "the disk has failed")
		time.Sleep(ruleAgain)
		m.is(true, "some time later")
	})
}

func TestARecordingThatIsAsLongAsItCanBeIsFollowedByAnotherAtOnce(t *testing.T) {
	underRule(t, byRule(RecordAlways, 0), func(m *ruled) {
		m.comes("ann")
		m.is(true, "she is there")
		m.rec.tapes[0].with(func(t *fakeTape) { t.breaks = ErrTooLong })
		m.is(true, "the first file holds no more")
		if len(m.rec.tapes) != 2 {
			t.Errorf("got %d recordings, want 2", len(m.rec.tapes))
		}
	})
}

func TestSideRoomsAreNotRecordedByRule(t *testing.T) {
	underRule(t, byRule(RecordAlways, 0), func(m *ruled) {
		m.comes("ann", "bob", "cyd")
		side, err := m.g.OpenSideRoom(m.ctx, "1000", m.id("ann"), m.id("bob"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if info, err := m.g.Info(m.ctx, side.Number); err != nil || info.Recorded != "" {
			t.Errorf("the side room is recorded as %q (%v)", info.Recorded, err)
		}
		m.is(true, "the room itself")
	})
}

func TestWhoComesLaterHearsThatTheRoomIsRecorded(t *testing.T) {
	for _, tone := range []bool{true, false} {
		set := byRule(RecordAlways, 0)
		set.Recording.Tone = tone
		underRule(t, set, func(m *ruled) {
			first, later := newFakeLeg(t, pcmu, 0), newFakeLeg(t, pcmu, 0)
			m.do(nil, m.calls("ann", first))
			time.Sleep(2 * time.Second)
			m.do(nil, m.calls("bob", later))
			time.Sleep(time.Second)
			if loud := measure.RMSDBFS(later.lastHeard(time.Second)) > -60; loud != tone {
				t.Errorf("tone %v: the second hears one: %v", tone, loud)
			}
			if measure.RMSDBFS(first.lastHeard(900*time.Millisecond)) > -60 {
				t.Errorf("tone %v: the first hears one again", tone)
			}
		})
	}
}

func TestARuleThatIsNoneIsRefused(t *testing.T) {
	for _, set := range []RecordingSettings{{Rule: RecordWithHost + 1}, {From: -1}, {From: maxMaxMembers + 1}} {
		if err := (Settings{Recording: set}).check(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: got %v", set, err)
		}
	}
}
