package rooms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeKeeper remembers in memory. While stuck it waits; while broken it fails.
type fakeKeeper struct {
	mu     sync.Mutex
	rooms  map[string]Kept
	marks  map[string]uint64
	events map[string][]Event
	tells  int // calls of Tell
	broken bool
	stuck  chan struct{} // closed: no longer; nil: not
}

func newFakeKeeper() *fakeKeeper {
	return &fakeKeeper{rooms: map[string]Kept{}, marks: map[string]uint64{}, events: map[string][]Event{}}
}

var errBroken = errors.New("the disk is gone")

// with runs f on what is remembered, unless the keeper is broken.
func (k *fakeKeeper) with(f func()) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken {
		return errBroken
	}
	f()
	return nil
}

func (k *fakeKeeper) Put(_ context.Context, room Kept) error {
	return k.with(func() { k.rooms[room.Number] = room })
}

func (k *fakeKeeper) Remove(_ context.Context, number string) error {
	return k.with(func() { delete(k.rooms, number) })
}

func (k *fakeKeeper) Tell(ctx context.Context, events []Event, marks []Mark) error {
	k.mu.Lock()
	stuck := k.stuck
	k.mu.Unlock()
	if stuck != nil {
		select {
		case <-stuck:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return k.with(func() {
		k.tells++
		for _, m := range marks {
			k.marks[m.Room] = m.Last
		}
		for _, e := range events {
			k.events[e.Room] = append(k.events[e.Room], e)
		}
	})
}

// told is how many events of a room were written, and in how many turns events of all were.
func (k *fakeKeeper) told(number string) (events, tells int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.events[number]), k.tells
}

func (k *fakeKeeper) Recall(_ context.Context, number string, after uint64, limit int) (past Past, err error) {
	err = k.with(func() {
		past.Last = k.marks[number]
		for _, e := range k.events[number] {
			past.Last = max(past.Last, e.Sequence)
			if past.First == 0 {
				past.First = e.Sequence
			}
			if e.Sequence > after && limit > 0 {
				past.Events = append(past.Events, e)
			}
		}
	})
	return past, err
}

// restored is a registry over what k remembers.
func restored(t *testing.T, k *fakeKeeper, declared ...Kept) *Registry {
	t.Helper()
	g := NewRegistry(Config{OnDemand: true})
	from := Memory{Keeper: k, Declared: declared}
	k.mu.Lock()
	for _, r := range k.rooms {
		from.Rooms = append(from.Rooms, r)
	}
	for number, last := range k.marks {
		from.Marks = append(from.Marks, Mark{Room: number, Last: last})
	}
	k.mu.Unlock()
	if err := g.Restore(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	return g
}

func closeRegistry(t *testing.T, g *Registry) {
	t.Helper()
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func watch(t *testing.T, g *Registry, number string, after *uint64) *Watch {
	t.Helper()
	w, err := g.Watch(t.Context(), number, after)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// toldNext is what a watcher is told next, as text: "3 joined a", "missed 4 to 6".
func toldNext(t *testing.T, w *Watch) string {
	t.Helper()
	e, err := w.Next(t.Context())
	if missed, ok := errors.AsType[*MissedError](err); ok {
		return fmt.Sprintf("missed %d to %d", missed.From, missed.To)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %d %s", e.Sequence, e.Kind, e.Participant.DisplayName)
}

func TestWhatIsConfirmedIsThereAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKeeper()
		g := restored(t, k)
		for _, number := range []string{"1", "2", "3"} {
			if _, err := g.Create(t.Context(), number, Settings{DisplayName: "room " + number}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := g.Update(t.Context(), "2", SettingsPatch{Locked: ptr(true)}); err != nil {
			t.Fatal(err)
		}
		if err := g.Delete(t.Context(), "3", false); err != nil {
			t.Fatal(err)
		}
		defer closeRegistry(t, g)
		again := restored(t, k) // the first has not closed: it was killed
		defer closeRegistry(t, again)
		got, err := again.List(t.Context(), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		want, err := g.List(t.Context(), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i].Sequence < want[i].Sequence {
				t.Errorf("room %s goes on behind %d, and %d was shown", got[i].Number, got[i].Sequence, want[i].Sequence)
			}
			want[i].Sequence, got[i].Sequence = 0, 0 // it may go on behind what was taken
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) != 2 || !got[1].Locked {
			t.Errorf("(-before +after):\n%s", diff)
		}
	})
}

func TestWhatCannotBeKeptIsRefusedAndNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKeeper()
		g := restored(t, k)
		defer closeRegistry(t, g)
		before, err := g.Create(t.Context(), "1", Settings{})
		if err != nil {
			t.Fatal(err)
		}
		k.broken = true
		if _, err := g.Create(t.Context(), "2", Settings{}); !errors.Is(err, ErrStorage) || !errors.Is(err, errBroken) {
			t.Errorf("Create: got %v", err)
		}
		if _, err := g.Update(t.Context(), "1", SettingsPatch{DisplayName: ptr("x")}); !errors.Is(err, ErrStorage) {
			t.Errorf("Update: got %v", err)
		}
		if err := g.Delete(t.Context(), "1", true); !errors.Is(err, ErrStorage) {
			t.Errorf("Delete: got %v", err)
		}
		got, err := g.List(t.Context(), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Info{before}, got); diff != "" {
			t.Errorf("rooms (-want +got):\n%s", diff)
		}
	})
}

func TestALastingRoomThatNobodyIsInHasNoGoroutine(t *testing.T) {
	inBubble(t, Config{EmptyGrace: 10 * time.Second}, func(ctx context.Context, t *testing.T, g *Registry) {
		before := runtime.NumGoroutine()
		if _, err := g.Create(ctx, "1000", Settings{DisplayName: "board", MaxParticipants: 1}); err != nil {
			t.Fatal(err)
		}
		if got := goroutines(before); got != before {
			t.Errorf("made: got %d goroutines more, want 0", got-before)
		}
		p := join(t, g, "1000", "a", newFakeLeg(t, pcmu, 0))
		if _, err := g.Admit(ctx, "1000", Caller{}); !errors.Is(err, ErrFull) {
			t.Errorf("second of one: got %v, want ErrFull", err)
		}
		p.Leave(ReasonHangup)
		woken, err := g.Info(ctx, "1000")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got := goroutines(before); got != before {
			t.Errorf("empty for 11 s: got %d goroutines more, want 0", got-before)
		}
		asleep, err := g.Info(ctx, "1000")
		if diff := cmp.Diff(woken, asleep); err != nil || diff != "" {
			t.Errorf("%v (-awake +asleep):\n%s", err, diff)
		}
		join(t, g, "1000", "b", newFakeLeg(t, pcmu, 0)).Leave(ReasonHangup)
	})
}

func TestAWatcherResumesAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKeeper()
		g := restored(t, k)
		p := join(t, g, "1000", "a", newFakeLeg(t, pcmu, toneHz(1)))
		time.Sleep(2 * time.Second) // talks, and gets the floor: not kept
		p.Leave(ReasonHangup)
		w := watch(t, g, "1000", ptr(uint64(0)))
		first := toldNext(t, w)
		closeRegistry(t, g)
		last := g.logs["1000"].sequence()

		g = restored(t, k)
		defer closeRegistry(t, g)
		w = watch(t, g, "1000", ptr(uint64(0)))
		if w.Snapshot != nil {
			t.Fatal("got a snapshot where the story is kept")
		}
		if got := toldNext(t, w); got != first {
			t.Errorf("first event: got %q, was %q", got, first)
		}
		var kinds []Kind
		for w.seen < last {
			e, err := w.Next(t.Context())
			if missed, ok := errors.AsType[*MissedError](err); ok {
				if missed.From <= 1 || missed.To >= last {
					t.Errorf("missed %d to %d of %d", missed.From, missed.To, last)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, e.Kind)
		}
		if want := []Kind{KindLeft, KindEnded}; !cmp.Equal(kinds, want) {
			t.Errorf("got kinds %v, want %v", kinds, want)
		}
		defer join(t, g, "1000", "b", newFakeLeg(t, pcmu, 0)).Leave(ReasonHangup)
		if got, want := toldNext(t, w), fmt.Sprintf("%d %d b", last+1, KindJoined); got != want {
			t.Errorf("after a clean end: got %q, want %q", got, want)
		}
	})
}

func TestWhatHappensAtOnceIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKeeper()
		m := newMemory(t.Context(), k, slog.New(slog.DiscardHandler))
		defer m.close()
		log := newEventLog("1000", 8, m, 0)
		for seq := range uint64(100) {
			m.offer(entry{log: log, event: &Event{Room: "1000", Sequence: seq + 1}})
			time.Sleep(gatherTime / 200)
		}
		time.Sleep(gatherTime)
		if events, tells := k.told("1000"); events != 100 || tells != 1 {
			t.Errorf("%d events were written in %d turns, want 100 in 1", events, tells)
		}
		m.offer(entry{log: log, event: &Event{Room: "1000", Sequence: 101}})
		began := time.Now()
		if err := m.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if events, _ := k.told("1000"); time.Since(began) != 0 || events != 101 {
			t.Errorf("who waits for it waited %v, and %d of 101 events were written", time.Since(began), events)
		}
	})
}

func TestNoNumberComesAgainAfterADeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKeeper()
		var seen uint64
		for life := range 4 {
			g := restored(t, k)
			defer closeRegistry(t, g)
			w := watch(t, g, "1000", nil)
			for i := range 100 * (life + 1) {
				join(t, g, "1000", fmt.Sprint(i), newFakeLeg(t, pcmu, 0)).Leave(ReasonHangup)
				for range 3 { // joined, left, ended
					e, err := w.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if e.Sequence <= seen {
						t.Fatalf("life %d: got number %d, and %d was seen", life, e.Sequence, seen)
					}
					seen = e.Sequence
				}
			}
			k = k.copied() // what this life does at its end, nobody learns
		}
	})
}

// copied is what is remembered at this moment.
func (k *fakeKeeper) copied() *fakeKeeper {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := newFakeKeeper()
	for n, last := range k.marks {
		c.marks[n] = last
	}
	for n, events := range k.events {
		c.events[n] = append([]Event(nil), events...)
	}
	return c
}

func TestAStoreThatStandsStillStopsWatchersAndNotTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKeeper()
		k.stuck = make(chan struct{})
		g := NewRegistry(Config{OnDemand: true})
		if err := g.Restore(t.Context(), Memory{Keeper: k, Rooms: []Kept{{Number: "1000"}}}); err != nil {
			t.Fatal(err)
		}
		defer closeRegistry(t, g)
		w := watch(t, g, "1000", ptr(uint64(0)))
		start := time.Now()
		for range 100 {
			join(t, g, "1000", "a", newFakeLeg(t, pcmu, 0)).Leave(ReasonHangup)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the room waited %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if e, err := w.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got event %d, %v before its number was taken", e.Sequence, err)
		}
		if info, err := g.Info(t.Context(), "1000"); err != nil || info.Sequence != 0 {
			t.Errorf("got sequence %d, %v, which nobody has been shown", info.Sequence, err)
		}
		if w := watch(t, g, "1000", nil); w.Snapshot == nil || w.Snapshot.Sequence != 0 {
			t.Errorf("got snapshot %+v behind events that nobody has been shown", w.Snapshot)
		}
		close(k.stuck)
		if got, want := toldNext(t, w), fmt.Sprintf("1 %d a", KindJoined); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestADeclaredRoomChangesItsStateAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKeeper()
		board := Kept{Number: "1000", Settings: Settings{DisplayName: "board"}}
		g := restored(t, k, board)
		_, err := g.Update(t.Context(), "1000", SettingsPatch{DisplayName: ptr("mine")})
		if !errors.Is(err, ErrDeclared) {
			t.Errorf("name: got %v, want ErrDeclared", err)
		}
		if err := g.Delete(t.Context(), "1000", true); !errors.Is(err, ErrDeclared) {
			t.Errorf("Delete: got %v, want ErrDeclared", err)
		}
		if _, err := g.Create(t.Context(), "1000", Settings{}); !errors.Is(err, ErrRoomExists) {
			t.Errorf("Create: got %v, want ErrRoomExists", err)
		}
		if _, err := g.Update(t.Context(), "1000", SettingsPatch{Locked: ptr(true)}); err != nil {
			t.Errorf("lock: %v", err)
		}
		lecture := ModesPatch{Lecture: ptr(true), WaitForHost: ptr(true)}
		if info, err := g.Update(t.Context(), "1000", SettingsPatch{ModesPatch: lecture}); err != nil || !info.Lecture || !info.WaitForHost {
			t.Errorf("lecture: got %+v, %v", info, err)
		}
		lecture.MuteOnEntry = ptr(true)
		if _, err := g.Update(t.Context(), "1000", SettingsPatch{ModesPatch: lecture}); !errors.Is(err, ErrDeclared) {
			t.Errorf("a lecture and more: got %v, want ErrDeclared", err)
		}
		closeRegistry(t, g)

		board.DisplayName = "new board"
		g = restored(t, k, board)
		info, err := g.Info(t.Context(), "1000")
		if err != nil || info.DisplayName != "new board" || !info.Locked || !info.Declared {
			t.Errorf("after a restart: got %+v, %v", info, err)
		}
		if info.Lecture || info.WaitForHost {
			t.Errorf("after a restart: got %+v; want what the file says of lectures", info.Modes)
		}
		closeRegistry(t, g)

		g = restored(t, k) // no longer declared
		defer closeRegistry(t, g)
		if _, err := g.Info(t.Context(), "1000"); !errors.Is(err, ErrNoRoom) {
			t.Errorf("no longer declared: got %v, want ErrNoRoom", err)
		}
	})
}

func TestChangesAreKeptInTheOrderInWhichTheyAreMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKeeper()
		g := restored(t, k)
		defer closeRegistry(t, g)
		if _, err := g.Create(t.Context(), "1", Settings{}); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				if _, err := g.Update(t.Context(), "1", SettingsPatch{DisplayName: ptr(fmt.Sprint(i))}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		info, err := g.Info(t.Context(), "1")
		if kept := k.rooms["1"]; err != nil || kept.DisplayName != info.DisplayName || info.DisplayName == "" {
			t.Errorf("kept %q, shown %q, %v", kept.DisplayName, info.DisplayName, err)
		}
	})
}

func TestPagesOfRoomsAreInOrderAndWhole(t *testing.T) {
	g := NewRegistry(Config{})
	var rooms []Kept
	for i := range 1000 {
		rooms = append(rooms, Kept{Number: fmt.Sprint(i)})
	}
	if err := g.Restore(t.Context(), Memory{Rooms: rooms}); err != nil {
		t.Fatal(err)
	}
	defer closeRegistry(t, g)
	for _, limit := range []int{1, 7, 499, 500, 501, 1000, 2000} {
		after, n := "", 0
		for {
			page, err := g.List(t.Context(), after, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			if len(page) > limit || len(page) < min(limit, 1000-n) {
				t.Fatalf("pages of %d: got %d behind %q", limit, len(page), after)
			}
			for _, info := range page {
				if info.Number <= after {
					t.Fatalf("pages of %d: %q comes behind %q", limit, info.Number, after)
				}
				after = info.Number
			}
			n += len(page)
		}
		if n != 1000 {
			t.Errorf("pages of %d: got %d rooms, want 1000", limit, n)
		}
	}
}
