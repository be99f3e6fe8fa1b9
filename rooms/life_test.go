package rooms

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

// stuckKeeper keeps no ban, and does not answer until it is asked no longer.
type stuckKeeper struct{ asked chan struct{} }

func (k *stuckKeeper) PutBan(ctx context.Context, _ string, _ Ban) error {
	k.asked <- struct{}{}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (k *stuckKeeper) RemoveBan(ctx context.Context, _, _ string) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// stuckVoice is a toneVoice that reads a sound for ever.
type stuckVoice struct {
	*toneVoice
	asked chan struct{}
}

func (v stuckVoice) Clip(ctx context.Context, _, _ string) (*mixer.Clip, error) {
	v.asked <- struct{}{}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// What hangs when the bridge is to end would hold it up for ever: the bubble finds that nobody goes on.
func TestAStopEndsWhatNobodyWaitsFor(t *testing.T) {
	for name, begin := range map[string]func(k *keypads){
		"a ban that was dialled": func(k *keypads) {
			k.come("HOST", "ann")
			k.dials("HOST", k.withNumbers("*##5 {ann}#60#"))
		},
		"music": func(k *keypads) {
			k.set(ModesPatch{WaitForHost: ptr(true)})
			k.come("ann")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := make(chan struct{}, 1)
				var log bytes.Buffer
				voice := &toneVoice{}
				g := NewRegistry(Config{
					Sounds: stuckVoice{voice, asked}, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
					Defaults: Settings{Speech: Speech{Keys: DefaultKeys(), Music: "music"}},
				})
				if err := g.Restore(t.Context(), Memory{BanKeeper: &stuckKeeper{asked}}); err != nil {
					t.Fatal(err)
				}
				k := &keypads{meeting: newMeeting(t.Context(), t, g, Settings{}), voice: voice, legs: map[string]*fakeLeg{}, from: map[string]int{}}
				begin(k)
				<-asked
				began := time.Now()
				if err := g.Close(t.Context()); err != nil {
					t.Errorf("Close: %v", err)
				}
				if took := time.Since(began); took > 2*disownTime { // of a ban that may be kept, at once and at the end
					t.Errorf("the end took %v, want at most %v", took, 2*disownTime)
				}
				if log.Len() > 0 {
					t.Errorf("the log says %s, want nothing of what nobody is there to hear", &log)
				}
			})
		})
	}
}

// What the store does not answer for must leave time for what is closed behind the rooms.
func TestAStoreThatDoesNotAnswerLeavesTimeAtTheEnd(t *testing.T) {
	for name, most := range map[string]time.Duration{"there is less": endTime / 2, "there is more": 10 * endTime} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewRegistry(Config{})
				k := &stuckKeeper{}
				if err := g.Restore(t.Context(), Memory{Keeper: &stuckRooms{newFakeKeeper(), k}, BanKeeper: k}); err != nil {
					t.Fatal(err)
				}
				g.doubt("2000", nil)
				g.bans.stray(KeptBan{Room: "1000", Ban: Ban{ID: "1", Expires: time.Now().Add(time.Hour)}})
				ctx, cancel := context.WithTimeout(t.Context(), most)
				defer cancel()
				began := time.Now()
				if err := g.Close(ctx); err != nil {
					t.Fatal(err)
				}
				if took, want := time.Since(began), min(most, endTime); took != want {
					t.Errorf("the end took %v, want %v", took, want)
				}
			})
		})
	}
}

// stuckRooms does not answer when a room is to be forgotten.
type stuckRooms struct {
	*fakeKeeper
	stuck *stuckKeeper
}

func (k *stuckRooms) Remove(ctx context.Context, number string) error {
	return k.stuck.RemoveBan(ctx, number, "")
}

// Where a room does not answer, and the time for the end is over, what hangs is to be ended most of all.
func TestAnEndThatIsCutShortEndsWhatNobodyWaitsFor(t *testing.T) {
	g := NewRegistry(Config{})
	if _, err := g.Create(t.Context(), "1000", Settings{}); err != nil {
		t.Fatal(err)
	}
	busy, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- g.do(t.Context(), "1000", func(*state) error { close(busy); <-goOn; return nil })
	}()
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
	if g.life.Err() == nil {
		t.Error("what nobody waits for goes on")
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
	closeRegistry(t, g)
}

// Where too much waits nothing more can be said, so the log says what is lost.
func TestWhatIsDialledIsNotLostWithoutAWord(t *testing.T) {
	var log bytes.Buffer
	g := NewRegistry(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := g.Create(t.Context(), "1000", Settings{}); err != nil {
		t.Fatal(err)
	}
	err := g.do(t.Context(), "1000", func(s *state) error {
		s.speaker.jobs = make(chan func(*room)) // nobody takes any
		by := &member{p: &Participant{id: "ann"}, state: s}
		s.errand(by, ActionBan, func(context.Context, *room) error { return nil })
		s.switchOver(by, ActionLobby)
		s.recordAs(by, ActionRecord)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	closeRegistry(t, g)
	for _, a := range []Action{ActionBan, ActionLobby, ActionRecord} {
		if word := "is lost: too much waits to be done\" room=1000 participant=ann action=" + a.String() + "\n"; !strings.Contains(log.String(), word) {
			t.Errorf("nobody says %q:\n%s", word, &log)
		}
	}
}
