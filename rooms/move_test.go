package rooms

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
)

func TestWhoMovesIsHeardThereAndNoLongerHere(t *testing.T) {
	for _, row := range []struct {
		name   string
		formed func(t *testing.T, hz float64) *fakeLeg
	}{
		{"PCMU", func(t *testing.T, hz float64) *fakeLeg { return newFakeLeg(t, pcmu, hz) }},
		{"Opus", func(t *testing.T, hz float64) *fakeLeg { return newFakeLeg(t, opus, hz) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
				mover, here, there := row.formed(t, toneHz(0)), newFakeLeg(t, pcmu, toneHz(1)), newFakeLeg(t, pcmu, toneHz(2))
				p := join(t, g, "1000", "Alice", mover)
				q := join(t, g, "1000", "Bob", here)
				time.Sleep(7 * time.Millisecond) // the rooms tick at other times
				r := join(t, g, "2000", "Carol", there)
				role := RoleModerator
				if _, err := g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{Role: &role}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
				left, err := g.Watch(ctx, "1000", nil)
				if err != nil {
					t.Fatal(err)
				}
				joined, err := g.Watch(ctx, "2000", nil)
				if err != nil {
					t.Fatal(err)
				}
				heard := len(mover.lastHeard(time.Hour))
				info, err := g.Move(ctx, "1000", p.ID(), "2000")
				if err != nil {
					t.Fatal(err)
				}
				if info.ID != p.ID() || info.Room != "2000" || info.Role != RoleModerator || p.Room() != "2000" || mover.closed != 0 {
					t.Errorf("got %+v, room %s, closed %d times", info, p.Room(), mover.closed)
				}
				for e := range eventsOf(ctx, t, left, KindLeft) {
					if e.Participant.ID != p.ID() || e.Reason != ReasonMoved {
						t.Errorf("left: got %+v", e)
					}
				}
				for e := range eventsOf(ctx, t, joined, KindJoined) {
					if e.Participant.ID != p.ID() || e.Participant.Role != RoleModerator {
						t.Errorf("joined: got %+v", e)
					}
				}
				time.Sleep(2 * time.Second)
				rate := mover.format.SampleRateHz
				for _, hears := range []struct {
					name   string
					leg    *fakeLeg
					rate   int
					hz     float64
					wanted bool
				}{
					{"the mover hears the other room", mover, rate, toneHz(2), true},
					{"the mover hears the room that it left", mover, rate, toneHz(1), false},
					{"the other room hears the mover", there, 8000, toneHz(0), true},
					{"the room that it left hears the mover", here, 8000, toneHz(0), false},
				} {
					if got := measure.ToneDBFS(hears.leg.lastHeard(time.Second), hears.rate, hears.hz) > -40; got != hears.wanted {
						t.Errorf("%s: %v", hears.name, got)
					}
				}
				if got, want := len(mover.lastHeard(time.Hour))-heard, 2*rate; got < want || got > want+3*rate/50 {
					t.Errorf("%d samples in 2 s and the move, want %d and three frames at most", got, want)
				}
				for name, leg := range map[string]*fakeLeg{"here": here, "there": there} {
					if worst, at := worstStep(leg.lastHeard(3*time.Second), 8000); worst > 8 {
						t.Errorf("%s: a step of %.1f times the RMS step at %d ms", name, worst, at/8)
					}
				}
				if err := p.Change(ctx, func() error { return nil }); err != nil {
					t.Errorf("Change after the move: %v", err)
				}
				p.Leave(ReasonHangup)
				if all, err := g.Participants(ctx, "2000"); err != nil || len(all) != 1 || mover.closed != 1 {
					t.Errorf("after Leave: %d are there, %v; closed %d times", len(all), err, mover.closed)
				}
				q.Leave(ReasonHangup)
				r.Leave(ReasonHangup)
			})
		})
	}
}

// eventsOf yields the next event of a kind.
func eventsOf(ctx context.Context, t *testing.T, w *Watch, kind Kind) func(func(Event) bool) {
	t.Helper()
	return func(yield func(Event) bool) {
		for {
			e, err := w.Next(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			if e.Kind == kind {
				yield(e)
				return
			}
		}
	}
}

func TestAMoveThatFailsChangesNothing(t *testing.T) {
	inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
		for number, set := range map[string]Settings{"1000": {}, "2000": {Locked: true}, "3000": {MaxParticipants: 1}} {
			if _, err := g.Create(ctx, number, set); err != nil {
				t.Fatal(err)
			}
		}
		other := join(t, g, "3000", "Bob", newFakeLeg(t, pcmu, 0))
		p := join(t, g, "1000", "Alice", newFakeLeg(t, pcmu, 0))
		for _, row := range []struct {
			from, id, to string
			want         error
		}{
			{"1000", p.ID(), "2000", ErrLocked},
			{"1000", p.ID(), "3000", ErrFull},
			{"1000", p.ID(), "4000", ErrNoRoom},
			{"1000", p.ID(), "1000", ErrInvalid},
			{"3000", p.ID(), "1000", ErrNoParticipant},
			{"5000", p.ID(), "1000", ErrNoRoom},
			{"1000", "nobody", "3000", ErrNoParticipant},
		} {
			if _, err := g.Move(ctx, row.from, row.id, row.to); !errors.Is(err, row.want) {
				t.Errorf("from %s to %s: got %v, want %v", row.from, row.to, err, row.want)
			}
		}
		if all, err := g.Participants(ctx, "1000"); err != nil || len(all) != 1 || p.Room() != "1000" {
			t.Errorf("%d are in the room, %v", len(all), err)
		}
		other.Leave(ReasonHangup)
		if _, err := g.Move(ctx, "1000", p.ID(), "3000"); err != nil {
			t.Errorf("to the room that has a seat again: %v", err)
		}
		p.Leave(ReasonHangup)
	})
}

// TestMovesAndEndsMeet has somebody move while either room ends, and while they hang up: the leg is closed once, and nobody waits for ever.
func TestMovesAndEndsMeet(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, g *Registry, p *Participant) error{
		"the room that is left is deleted": func(ctx context.Context, g *Registry, _ *Participant) error { return g.Delete(ctx, "1000", true) },
		"the room that is entered is deleted": func(ctx context.Context, g *Registry, _ *Participant) error {
			return g.Delete(ctx, "2000", true)
		},
		"they hang up": func(_ context.Context, _ *Registry, p *Participant) error { p.Leave(ReasonHangup); return nil },
		"they are removed": func(ctx context.Context, g *Registry, p *Participant) error {
			if err := g.Remove(ctx, "1000", p.ID()); err != nil {
				return g.Remove(ctx, "2000", p.ID())
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			for delay := time.Duration(0); delay < 60*time.Millisecond; delay += 3 * time.Millisecond {
				inBubble(t, Config{}, func(ctx context.Context, t *testing.T, g *Registry) {
					for _, number := range []string{"1000", "2000"} {
						if _, err := g.Create(ctx, number, Settings{}); err != nil {
							t.Fatal(err)
						}
					}
					leg := newFakeLeg(t, pcmu, 440)
					p := join(t, g, "1000", "Alice", leg)
					time.Sleep(time.Second)
					var moved error
					var both sync.WaitGroup
					both.Go(func() { _, moved = g.Move(ctx, "1000", p.ID(), "2000") })
					time.Sleep(delay)
					ended := end(ctx, g, p)
					both.Wait()
					if ended != nil && !errors.Is(ended, ErrNoParticipant) {
						t.Errorf("after %v: %v", delay, ended)
					}
					if moved != nil && !errors.Is(moved, ErrNoParticipant) && !errors.Is(moved, ErrNoRoom) && !errors.Is(moved, ErrClosed) {
						t.Errorf("after %v: the move: %v", delay, moved)
					}
					p.Leave(ReasonHangup)
					synctest.Wait()
					if leg.closed != 1 {
						t.Errorf("after %v: the leg is closed %d times; the move: %v", delay, leg.closed, moved)
					}
				})
			}
		})
	}
}

func TestAMoveIntoARoomThatIsClosingOpensItAnew(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		for _, lasting := range []bool{false, true} {
			number := "2000"
			if lasting {
				number = "3000"
				if _, err := g.Create(ctx, number, Settings{}); err != nil {
					t.Fatal(err)
				}
			}
			first, err := g.lookupOrOpen(ctx, number, true)
			if err != nil {
				t.Fatal(err)
			}
			p := join(t, g, "1000", "Alice", newFakeLeg(t, pcmu, 0))
			goOn := make(chan struct{})
			var all sync.WaitGroup
			all.Go(func() {
				_ = first.do(ctx, func(s *state) error { <-goOn; s.closed = true; return nil })
			})
			synctest.Wait()
			var info ParticipantInfo
			all.Go(func() { info, err = g.Move(ctx, "1000", p.ID(), number) })
			synctest.Wait() // it has found the room, and waits for its goroutine
			close(goOn)
			all.Wait()
			if err != nil || info.Room != number || p.Room() != number || p.room.Load() == first {
				t.Errorf("lasting %v: got room %q, %v; the room that was: %v", lasting, info.Room, err, p.room.Load() == first)
			}
			p.Leave(ReasonHangup)
		}
	})
}
