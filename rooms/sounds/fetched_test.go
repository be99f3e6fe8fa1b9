package sounds

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeWeb has files by their URLs.
type fakeWeb struct {
	files map[string][]byte
	asked atomic.Int32
}

func (w *fakeWeb) Fetch(ctx context.Context, url string) ([]byte, error) {
	w.asked.Add(1)
	if file, ok := w.files[url]; ok {
		return file, nil
	}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestASoundIsFetchedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := &fakeWeb{files: map[string][]byte{"https://a/bell.wav?key=1": tick(7), "https://a/page": []byte("<html>"), "https://a/long": wavOf(8000, make([]int16, 16001))}}
		l, _ := open(t, Config{Fetcher: web, Longest: 2 * time.Second}, nil)
		for range 3 {
			c, err := l.Fetched(t.Context(), "https://a/bell.wav?key=1")
			if err != nil || c.PCM[0] != 7 || c.Name != "https://a/bell.wav" {
				t.Fatalf("got %+v, %v", c, err)
			}
		}
		if n := web.asked.Load(); n != 1 {
			t.Errorf("fetched %d times, want once", n)
		}
		time.Sleep(freshFor)
		if _, err := l.Fetched(t.Context(), "https://a/bell.wav?key=1"); err != nil || web.asked.Load() != 2 {
			t.Errorf("a minute later: fetched %d times (%v), want twice", web.asked.Load(), err)
		}
		if _, err := l.Fetched(t.Context(), "https://a/page"); !errors.Is(err, ErrFormat) {
			t.Errorf("a page: got %v", err)
		}
		if _, err := l.Fetched(t.Context(), "https://a/long"); !errors.Is(err, ErrTooLong) {
			t.Errorf("a long one: got %v", err)
		}
		if _, err := l.Clip(t.Context(), "", "https://a/bell.wav?key=1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("by Clip: got %v", err)
		}
	})
}

func TestWithoutAFetcherNoURLIsPlayed(t *testing.T) {
	l, _ := open(t, Config{}, nil)
	if _, err := l.Fetched(t.Context(), "https://a/bell.wav"); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("got %v", err)
	}
}

func TestCloseGivesUpWhatIsFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := open(t, Config{Fetcher: &fakeWeb{}}, nil)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Fetched(impatient, "https://a/never"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("whoever does not wait: got %v", err)
		}
		got := make(chan error, 1)
		go func() {
			_, err := l.Fetched(context.Background(), "https://a/never")
			got <- err
		}()
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-got; !errors.Is(err, ErrClosed) {
			t.Errorf("whoever waits: got %v", err)
		}
		if _, err := l.Fetched(t.Context(), "https://a/never"); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: got %v", err)
		}
	})
}
