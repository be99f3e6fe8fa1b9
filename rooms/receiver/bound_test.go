package receiver

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// notes are what was logged.
type notes struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.Write(b)
}

// count is how often something was logged.
func (n *notes) count(text string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Count(n.buf.String(), text)
}

func TestMoreThanMayBeKeptIsLeftOutAtAStart(t *testing.T) {
	ctx := waitContext(t)
	older, newer := sourceAt(first), sourceAt(second)
	older.ID, newer.ID = "stage", "attic" // which comes first by name
	older.Created, newer.Created = time.Unix(1000, 0), time.Unix(2000, 0)
	set, err := distribution.NewSourceSet(older, newer)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, distribution.Policy{Max: 1})
	var log notes
	h.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	h.again = time.Millisecond
	if _, err := h.reg.Create(ctx, "1000", rooms.Settings{Sources: set}); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	h.present(t, "1000", "stage", "")
	if h.keeper("1000", "attic") != nil {
		t.Error("the newer one is looked for, and there is no place for it")
	}
	if n := log.count("a source is left out"); n != 1 {
		t.Errorf("it is logged %d times that a source is left out, want 1", n)
	}
}

// TestWhyASourceIsNotTakenInIsLoggedOnce: however many others try at the same time, none of whom takes a place by being refused.
func TestWhyASourceIsNotTakenInIsLoggedOnce(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, distribution.Policy{Max: 1})
	var log notes
	h.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	h.again = time.Microsecond
	h.room(t, "1000")
	h.room(t, "2000")
	there := h.take(t, "2000", second)
	kept := sourceAt(first)
	kept.ID = "stage"
	set, err := distribution.NewSourceSet(kept)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.reg.Update(ctx, "1000", rooms.SettingsPatch{Sources: func(*distribution.SourceSet) (*distribution.SourceSet, error) { return set, nil }}); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() {
			for range 20_000 {
				if _, err := h.Receive(ctx, "2000", sourceAt(first)); !errors.Is(err, distribution.ErrNotAllowed) {
					t.Errorf("one more: got %v, want ErrNotAllowed", err)
					return
				}
				if n := h.taken.Load(); n > 1 {
					t.Errorf("%d are counted, and there is place for 1", n)
					return
				}
			}
		})
	}
	others.Wait()
	if err := h.reg.Remove(ctx, "2000", there.ID); err != nil {
		t.Fatal(err)
	}
	h.present(t, "1000", "stage", "")
	if n := log.count("distributions.max is 1"); n != 1 {
		t.Errorf("why it is not taken in is logged %d times, want 1", n)
	}
}
