package store

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/rooms"
)

// tellBatches tells batches of so many events of a room each, numbered from first on.
func tellBatches(t *testing.T, s *Store, number string, first, batches, each int) {
	t.Helper()
	for b := range batches {
		var events []rooms.Event
		for i := range each {
			events = append(events, event(number, uint64(first+b*each+i)))
		}
		if err := s.Tell(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// A busy room tells many events at once, which share messages: what is bounded is how many events are kept, or it would push out the stories of all others.
func TestABusyRoomKeepsNoMoreThanIsToBeKept(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) {
		cfg.EventsKept = 40
		s, _, _ := opened(t, cfg)
		tellBatches(t, s, "2", 1, 3, 1)
		tellBatches(t, s, "1000", 1, 60, 10)
		n := s.session.Load()
		story, err := n.outline(t.Context(), "1000")
		if err != nil {
			t.Fatal(err)
		}
		events := 0
		for _, c := range story {
			events += c.events
		}
		if events < cfg.EventsKept || events > 2*cfg.EventsKept {
			t.Errorf("%d events of 600 are kept, want %d to %d: %+v", events, cfg.EventsKept, 2*cfg.EventsKept, story)
		}
		past, err := s.Recall(t.Context(), "1000", 0, 1000)
		if err != nil || past.First != 561 || past.Last != 600 || len(past.Events) != 40 {
			t.Errorf("got %d events from %d to %d, %v, want 40 from 561 to 600", len(past.Events), past.First, past.Last, err)
		}
		if past, err := s.Recall(t.Context(), "2", 0, 1000); err != nil || len(past.Events) != 3 {
			t.Errorf("another room has %+v, %v, want its three events", past, err)
		}
	})
}

// What a watcher resumes behind needs no more than the messages behind it.
func TestWhatIsNotAskedForIsNotRead(t *testing.T) {
	s, _, _ := opened(t, Config{Dir: t.TempDir()})
	tellBatches(t, s, "1000", 1, 30, 2)
	n := s.session.Load()
	story, err := n.outline(t.Context(), "1000")
	if err != nil || len(story) != 30 {
		t.Fatalf("got %d messages, %v", len(story), err)
	}
	for _, row := range []struct {
		name  string
		after uint64
		limit int
		want  []uint64
	}{
		{"behind one in the middle of a message", 57, 10, []uint64{58, 59, 60}},
		{"the newest", 0, 3, []uint64{58, 59, 60}},
		{"fewer than there are behind one", 50, 2, []uint64{59, 60}},
		{"behind the last", 60, 10, nil},
	} {
		kept, first, err := s.keptEvents(t.Context(), n, "1000", row.after, row.limit)
		var got []uint64
		for _, r := range kept {
			got = append(got, r.revision)
		}
		if diff := cmp.Diff(row.want, got); diff != "" || err != nil || first != 1 {
			t.Errorf("%s: first %d, %v (-want +got):\n%s", row.name, first, err, diff)
		}
	}
	read := 0
	if err := s.readEvents(t.Context(), n, "1000", story[28].at, 0, func(record) { read++ }); err != nil || read != 4 {
		t.Errorf("%d records were read, %v, want those of two messages", read, err)
	}
}

func TestAnOutlineSaysWhereToRead(t *testing.T) {
	o := outline{{at: 3, last: 4, events: 4}, {at: 5, last: 5, events: 1}, {at: 9, last: 9, events: 3}}
	for events, want := range map[int][2]int{1: {2, 2}, 3: {2, 0}, 4: {1, 0}, 5: {0, 3}, 8: {0, 0}, 9: {0, 0}} {
		if from, over := o.newest(events); [2]int{from, over} != want {
			t.Errorf("the newest %d begin in %d, behind %d others, want %v", events, from, over, want)
		}
	}
	for after, want := range map[uint64]int{0: 0, 3: 0, 4: 1, 5: 2, 8: 2, 9: 3} {
		if got := o.behind(after); got != want {
			t.Errorf("behind %d: got %d, want %d", after, got, want)
		}
	}
	if from, over := (outline{}).newest(1); from != 0 || over != 0 {
		t.Errorf("of nothing: got %d, %d", from, over)
	}
}

func BenchmarkRecall(b *testing.B) {
	s, _, _, err := Open(b.Context(), Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for seq := uint64(0); seq < defaultEventsKept; {
		var batch []rooms.Event
		for range 8 {
			seq++
			batch = append(batch, event("1000", seq))
		}
		if err := s.Tell(b.Context(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
	for _, few := range []int{10, defaultEventsKept} {
		b.Run(fmt.Sprint(few), func(b *testing.B) {
			for b.Loop() {
				past, err := s.Recall(b.Context(), "1000", uint64(defaultEventsKept-few), defaultEventsKept)
				if err != nil || len(past.Events) != few {
					b.Fatal(len(past.Events), err)
				}
			}
		})
	}
}
