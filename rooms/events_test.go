package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// story reads all events up to sequence last.
func story(t *testing.T, w *Watch, last uint64) []Event {
	t.Helper()
	var events []Event
	for w.seen < last {
		e, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// lines tells each event in a few words.
func lines(events []Event) []string {
	names := map[Kind]string{
		KindJoined: "joined", KindLeft: "left", KindMuted: "muted", KindUnmuted: "unmuted", KindTalkingStarted: "talks",
		KindTalkingStopped: "stops", KindKeyPressed: "key", KindLocked: "locked", KindUnlocked: "unlocked",
		KindUpdated: "updated", KindEnded: "ended", KindDominantSpeaker: "has the floor",
	}
	var out []string
	for _, e := range events {
		line := fmt.Sprintf("%d %s", e.Sequence, names[e.Kind])
		if e.Participant.ID != "" {
			line += " " + e.Participant.DisplayName
		}
		if e.Kind == KindLeft || e.Kind == KindEnded {
			line += ": " + e.Reason.String()
		}
		if e.Key != 0 {
			line += fmt.Sprintf(" %c", e.Key)
		}
		out = append(out, line)
	}
	return out
}

func TestWholeStoryOfACall(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		w, err := g.Watch(ctx, "1000", nil) // before there is such a room
		if err != nil {
			t.Fatal(err)
		}
		if w.Snapshot == nil || w.Snapshot.Room.Number != "" || w.Snapshot.Sequence != 0 {
			t.Errorf("snapshot of what is no room yet: %+v", w.Snapshot)
		}
		a, b := newFakeLeg(t, pcmu, 0), newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "Ann", a)
		q := join(t, g, "1000", "Bob", b)
		time.Sleep(time.Second)
		a.with(func(l *fakeLeg) { l.toneHz = 600; l.keys = []byte("5") })
		time.Sleep(time.Second)
		a.with(func(l *fakeLeg) { l.toneHz = 0 })
		time.Sleep(time.Second)
		if _, err = g.UpdateParticipant(ctx, "1000", q.ID(), ParticipantPatch{Muted: ptr(true)}); err != nil {
			t.Fatal(err)
		}
		if _, err = g.UpdateParticipant(ctx, "1000", q.ID(), ParticipantPatch{Muted: ptr(true)}); err != nil { // again: no event
			t.Fatal(err)
		}
		if _, err = g.UpdateParticipant(ctx, "1000", q.ID(), ParticipantPatch{Muted: ptr(false), GainDB: ptr(3.0)}); err != nil {
			t.Fatal(err)
		}
		if _, err = g.Update(ctx, "1000", SettingsPatch{Locked: ptr(true), MaxParticipants: ptr(9)}); err != nil {
			t.Fatal(err)
		}
		if err = q.Key(ctx, '#', time.Second); err != nil {
			t.Fatal(err)
		}
		if err = q.Key(ctx, 'x', time.Second); !errors.Is(err, ErrInvalid) {
			t.Errorf("Key(x): %v, want ErrInvalid", err)
		}
		if err = g.Remove(ctx, "1000", q.ID()); err != nil {
			t.Fatal(err)
		}
		<-q.Left()
		p.Leave(ReasonHangup)
		want := []string{
			"1 joined Ann", "2 joined Bob", "3 key Ann 5", "4 talks Ann", "5 has the floor Ann", "6 stops Ann",
			"7 muted Bob", "8 unmuted Bob", "9 updated Bob", "10 locked", "11 updated", "12 key Bob #",
			"13 left Bob: removed by moderator", "14 left Ann: caller hung up", "15 ended: nobody left",
		}
		all := story(t, w, 15)
		if diff := cmp.Diff(want, lines(all)); diff != "" {
			t.Errorf("the story (-want +got):\n%s", diff)
		}
		for after := range uint64(16) {
			resumed, err := g.Watch(ctx, "1000", &after)
			if err != nil {
				t.Fatal(err)
			}
			if resumed.Snapshot != nil {
				t.Errorf("resumed behind %d: a snapshot, though nothing is lost", after)
			}
			if diff := cmp.Diff(all[after:], story(t, resumed, 15)); diff != "" && after < 15 {
				t.Errorf("resumed behind %d (-want +got):\n%s", after, diff)
			}
		}
	})
}

func TestStoryGoesOnWhenTheRoomComesBack(t *testing.T) {
	inBubble(t, Config{OnDemand: true, EmptyGrace: time.Second}, func(ctx context.Context, t *testing.T, g *Registry) {
		w, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			join(t, g, "1000", "Ann", newFakeLeg(t, pcmu, 0)).Leave(ReasonHangup)
			time.Sleep(time.Minute) // the room closes
		}
		want := []string{
			"1 joined Ann", "2 left Ann: caller hung up", "3 ended: nobody left",
			"4 joined Ann", "5 left Ann: caller hung up", "6 ended: nobody left",
		}
		if diff := cmp.Diff(want, lines(story(t, w, 6))); diff != "" {
			t.Errorf("the story (-want +got):\n%s", diff)
		}
	})
}

func TestSnapshotAndEventsFitTogether(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		p := join(t, g, "1000", "Ann", newFakeLeg(t, pcmu, 0))
		defer p.Leave(ReasonHangup)
		w, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer join(t, g, "1000", "Bob", newFakeLeg(t, pcmu, 0)).Leave(ReasonHangup)
		if w.Snapshot.Sequence != 1 || len(w.Snapshot.Participants) != 1 || w.Snapshot.Participants[0].DisplayName != "Ann" {
			t.Errorf("snapshot %+v, want Ann alone, at 1", w.Snapshot)
		}
		if diff := cmp.Diff([]string{"2 joined Bob"}, lines(story(t, w, 2))); diff != "" {
			t.Errorf("what came after (-want +got):\n%s", diff)
		}
	})
}

func TestSlowWatcherIsToldWhatItMissed(t *testing.T) {
	inBubble(t, Config{OnDemand: true, EventsKept: 4}, func(ctx context.Context, t *testing.T, g *Registry) {
		w, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		p := join(t, g, "1000", "Ann", newFakeLeg(t, pcmu, 0))
		defer p.Leave(ReasonHangup)
		for i := range 9 {
			if err := p.Key(ctx, '0'+byte(i), 0); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // the room tells of a key when it has taken it
		var missed *MissedError
		if _, err := w.Next(ctx); !errors.As(err, &missed) || missed.From != 1 || missed.To != 6 {
			t.Fatalf("Next: %v, want events 1 to 6 missed", err)
		}
		if diff := cmp.Diff([]string{"7 key Ann 5", "8 key Ann 6", "9 key Ann 7", "10 key Ann 8"}, lines(story(t, w, 10))); diff != "" {
			t.Errorf("behind the gap (-want +got):\n%s", diff)
		}
		if got := g.eventsDropped.Load(); got != 6 {
			t.Errorf("%d events counted as dropped, want 6", got)
		}
		late, err := g.Watch(ctx, "1000", ptr(uint64(2)))
		if err != nil {
			t.Fatal(err)
		}
		if late.Snapshot == nil || late.Snapshot.Sequence != 10 {
			t.Errorf("resumed behind an event that is gone: snapshot %+v, want one at 10", late.Snapshot)
		}
	})
}

func TestWatchEnds(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		w, err := g.Watch(ctx, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := w.Next(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next: %v, want the deadline", err)
		}
		if err := g.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Next(ctx); !errors.Is(err, ErrClosed) {
			t.Errorf("Next after Close: %v, want ErrClosed", err)
		}
		if _, err := g.Watch(ctx, "1000", nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Watch after Close: %v, want ErrClosed", err)
		}
		none := NewRegistry(Config{})
		if _, err := none.Watch(ctx, "1000", nil); !errors.Is(err, ErrNoRoom) {
			t.Errorf("Watch of what cannot become a room: %v, want ErrNoRoom", err)
		}
	})
}

func TestWhoIsMutedStopsTalkingAtOnce(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		p := join(t, g, "1000", "Ann", newFakeLeg(t, pcmu, 600))
		defer p.Leave(ReasonHangup)
		time.Sleep(500 * time.Millisecond)
		if _, err := g.UpdateParticipant(ctx, "1000", p.ID(), ParticipantPatch{Muted: ptr(true)}); err != nil {
			t.Fatal(err)
		}
		muted := time.Now()
		w, err := g.Watch(ctx, "1000", ptr(uint64(2)))
		if err != nil {
			t.Fatal(err)
		}
		if e, err := w.Next(ctx); err != nil || e.Kind != KindMuted {
			t.Errorf("event %+v, %v, want muted", e, err)
		}
		e, err := w.Next(ctx)
		if err != nil || e.Kind != KindTalkingStopped || e.Time.Sub(muted) > 2*frameDuration {
			t.Errorf("event %+v, %v, want talking stopped within two frames", e, err)
		}
	})
}

func TestIdleLogsAreBounded(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		first, err := g.Watch(ctx, "0", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Watch(ctx, "in use", nil); !errors.Is(err, ErrNoRoom) {
			t.Errorf("Watch of no number: %v, want ErrNoRoom", err)
		}
		inUse, err := g.Watch(ctx, "in-use", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer join(t, g, "in-use", "Ann", newFakeLeg(t, pcmu, 0)).Leave(ReasonHangup)
		for i := range 2 * maxIdleLogs {
			if _, err := g.Watch(ctx, fmt.Sprint(i+1), nil); err != nil {
				t.Fatal(err)
			}
		}
		if e, err := inUse.Next(ctx); err != nil || e.Kind != KindJoined {
			t.Errorf("the log of a room that is open: %v, %v", e.Kind, err)
		}
		if len(g.logs) != maxIdleLogs+1 || len(g.idle) != maxIdleLogs || slices.Contains(g.idle, "0") {
			t.Errorf("%d logs, %d idle, want %d of each and the oldest gone", len(g.logs), len(g.idle), maxIdleLogs)
		}
		if _, err := first.Next(ctx); !errors.Is(err, ErrClosed) {
			t.Errorf("Next on a dropped log: %v, want ErrClosed", err)
		}
	})
}

func TestIdleEventsAreBounded(t *testing.T) {
	inBubble(t, Config{OnDemand: true, EventsKept: 1 << 14, EmptyGrace: time.Millisecond}, func(ctx context.Context, t *testing.T, g *Registry) {
		for room := range 8 {
			p := join(t, g, fmt.Sprint(room), "Ann", newFakeLeg(t, pcmu, 0))
			for range maxIdleEvents / 4 {
				if err := p.Key(ctx, '1', 0); err != nil {
					t.Fatal(err)
				}
			}
			p.Leave(ReasonHangup)
			time.Sleep(time.Second) // the room closes
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		events := 0
		for _, l := range g.logs {
			events += l.size()
		}
		if events > maxIdleEvents || g.logs["7"] == nil || g.logs["0"] != nil {
			t.Errorf("%d events kept of rooms that are gone, want at most %d, and the newest rooms'", events, maxIdleEvents)
		}
	})
}
