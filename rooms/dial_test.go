package rooms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dialStory is the events of a room in words, those of dials with their reasons and codes.
func dialStory(t *testing.T, g *Registry, number string) []string {
	t.Helper()
	synctest.Wait() // whoever leaves does so on the room's own goroutine
	var zero uint64
	w, err := g.Watch(t.Context(), number, &zero)
	if err != nil {
		t.Fatal(err)
	}
	names := map[Kind]string{
		KindDialing: "dialing", KindRinging: "ringing", KindAnswered: "answered", KindDialFailed: "failed", KindJoined: "joined", KindLeft: "left",
		KindEnded: "ended",
	}
	var out []string
	for _, e := range story(t, w, g.logs[number].sequence()) {
		line := strings.TrimSpace(names[e.Kind] + " " + e.Participant.DisplayName)
		if e.Kind == KindDialFailed {
			line += fmt.Sprintf(": %v %d", e.Reason, e.Code)
		}
		if e.Participant.ID == "" && e.Kind != KindEnded {
			t.Errorf("%s: the event names nobody", line)
		}
		out = append(out, line)
	}
	return out
}

// dialBob keeps a seat for somebody who is called.
func dialBob(t *testing.T, g *Registry, name string) *Participant {
	t.Helper()
	p, err := g.Dial(t.Context(), "1000", Caller{DisplayName: name, Address: "sip:" + name + "@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func progress(t *testing.T, p *Participant, states ...DialState) {
	t.Helper()
	for _, to := range states {
		if err := p.Progress(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheStoryOfADial(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(t *testing.T, g *Registry)
		want []string
	}{
		{"it is answered", func(t *testing.T, g *Registry) {
			p := dialBob(t, g, "bob")
			progress(t, p, DialRinging, DialRinging, DialAnswered, DialRinging)
			if err := p.Join(t.Context(), newFakeLeg(t, pcmu, 0)); err != nil {
				t.Fatal(err)
			}
			p.Leave(ReasonHangup)
		}, []string{"dialing bob", "ringing bob", "answered bob", "joined bob", "left bob", "ended"}},
		{"busy", func(t *testing.T, g *Registry) {
			dialBob(t, g, "bob").FailDial(ReasonBusy, 486)
		}, []string{"dialing bob", "failed bob: busy 486"}},
		{"it is left without a word", func(t *testing.T, g *Registry) {
			p := dialBob(t, g, "bob")
			p.Leave(ReasonFailed)
			p.FailDial(ReasonBusy, 486) // too late
		}, []string{"dialing bob", "failed bob: call failed 0"}},
		{"a moderator has it called no longer", func(t *testing.T, g *Registry) {
			p := dialBob(t, g, "bob")
			progress(t, p, DialRinging)
			if err := g.Remove(t.Context(), "1000", p.ID()); err != nil {
				t.Fatal(err)
			}
			if p.Reason() != ReasonRemoved {
				t.Errorf("got %v, want %v", p.Reason(), ReasonRemoved)
			}
			if err := p.Progress(t.Context(), DialAnswered); !errors.Is(err, ErrClosed) {
				t.Errorf("progress: got %v, want ErrClosed", err)
			}
		}, []string{"dialing bob", "ringing bob", "failed bob: removed by moderator 0"}},
		{"the conference ends", func(t *testing.T, g *Registry) {
			ann := join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 0))
			one, two := dialBob(t, g, "one"), dialBob(t, g, "two")
			ann.Leave(ReasonHangup)
			for _, p := range []*Participant{one, two} {
				if <-p.Left(); p.Reason() != ReasonEmpty {
					t.Errorf("got %v, want %v", p.Reason(), ReasonEmpty)
				}
			}
		}, []string{
			"joined ann", "dialing one", "dialing two", "left ann", "ended", "failed one: nobody left 0",
			"failed two: nobody left 0",
		}},
		{"a moderator ends it", func(t *testing.T, g *Registry) {
			dialBob(t, g, "bob")
			if err := g.End(t.Context(), "1000", ReasonEnded); err != nil {
				t.Fatal(err)
			}
		}, []string{"dialing bob", "failed bob: conference ended by moderator 0"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, Config{OnDemand: true}, func(_ context.Context, t *testing.T, g *Registry) {
				row.do(t, g)
				if diff := cmp.Diff(row.want, dialStory(t, g, "1000")); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestADialHasASeatAndIsListedUntilItJoins(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		if _, err := g.Create(ctx, "1000", Settings{MaxParticipants: 1}); err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		p := dialBob(t, g, "bob")
		if _, err := g.Dial(ctx, "1000", Caller{}); !errors.Is(err, ErrFull) {
			t.Errorf("a second dial: got %v, want ErrFull", err)
		}
		if _, err := g.Admit(ctx, "1000", Caller{}); !errors.Is(err, ErrFull) {
			t.Errorf("a caller: got %v, want ErrFull", err)
		}
		progress(t, p, DialRinging)
		got, err := g.Dials(ctx, "1000")
		want := []Dial{{
			ID: p.ID(), Room: "1000", Caller: Caller{DisplayName: "bob", Address: "sip:bob@example.com"}, State: DialRinging, Started: started,
		}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if list, err := g.Participants(ctx, "1000"); len(list) != 0 || err != nil {
			t.Errorf("participants: got %v, %v, want none", list, err)
		}
		if err := p.Join(ctx, newFakeLeg(t, pcmu, 0)); err != nil {
			t.Fatal(err)
		}
		if got, err := g.Dials(ctx, "1000"); len(got) != 0 || err != nil {
			t.Errorf("dials behind the join: got %v, %v, want none", got, err)
		}
		p.Leave(ReasonHangup)
		if _, err := g.Update(ctx, "1000", SettingsPatch{Locked: ptr(true)}); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Dial(ctx, "1000", Caller{}); !errors.Is(err, ErrLocked) {
			t.Errorf("a locked room: got %v, want ErrLocked", err)
		}
		if _, err := g.Dials(ctx, "none"); !errors.Is(err, ErrNoRoom) {
			t.Errorf("got %v, want ErrNoRoom", err)
		}
	})
}

func TestARoomThatWasMadeForADialGoesWithIt(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		p := dialBob(t, g, "bob")
		time.Sleep(time.Minute)
		if _, err := g.Info(ctx, "1000"); err != nil {
			t.Errorf("while it rings: %v", err)
		}
		p.FailDial(ReasonNoAnswer, 0)
		time.Sleep(time.Minute)
		if _, err := g.Info(ctx, "1000"); !errors.Is(err, ErrNoRoom) {
			t.Errorf("got %v, want ErrNoRoom", err)
		}
	})
}

// pressable is a telephone that keys can be pressed at.
type pressable struct {
	*fakeLeg
	pressed []string
	err     error
}

func (l *pressable) Press(keys string, held, pause time.Duration) error {
	l.pressed = append(l.pressed, fmt.Sprint(keys, " ", held, " ", pause))
	return l.err
}

func TestKeysArePressedAtAParticipantsTelephone(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		leg := &pressable{fakeLeg: newFakeLeg(t, pcmu, 0)}
		bob, plain := join(t, g, "1000", "bob", leg), join(t, g, "1000", "ann", newFakeLeg(t, pcmu, 0))
		defer bob.Leave(ReasonHangup)
		defer plain.Leave(ReasonHangup)
		press := func(p *Participant, keys string, held, pause time.Duration) error {
			return g.PressKeys(ctx, "1000", p.ID(), keys, held, pause)
		}
		if err := errors.Join(press(bob, "12#", 0, 0), press(bob, "*A", 40*time.Millisecond, 2*time.Second)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"12# 100ms 100ms", "*A 40ms 2s"}, leg.pressed); diff != "" {
			t.Error(diff)
		}
		for _, row := range []struct {
			keys        string
			held, pause time.Duration
		}{
			{"", 0, 0},
			{strings.Repeat("1", 33), 0, 0},
			{"1a", 0, 0},
			{"1 2", 0, 0},
			{"1", time.Millisecond, 0},
			{"1", time.Minute, 0},
			{"1", 0, time.Millisecond},
			{"1", 0, time.Minute},
			{"1", -time.Second, 0},
		} {
			if err := press(bob, row.keys, row.held, row.pause); !errors.Is(err, ErrInvalid) {
				t.Errorf("%q for %v and %v: got %v, want ErrInvalid", row.keys, row.held, row.pause, err)
			}
		}
		if err := press(plain, "1", 0, 0); !errors.Is(err, ErrNoKeys) {
			t.Errorf("got %v, want ErrNoKeys", err)
		}
		leg.err = ErrKeyQueue
		if err := press(bob, "1", 0, 0); !errors.Is(err, ErrKeyQueue) {
			t.Errorf("got %v, want ErrKeyQueue", err)
		}
		if err := g.PressKeys(ctx, "1000", "nobody", "1", 0, 0); !errors.Is(err, ErrNoParticipant) {
			t.Errorf("got %v, want ErrNoParticipant", err)
		}
	})
}
