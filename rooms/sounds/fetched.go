package sounds

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

// Fetcher gets the file that a URL leads to. It is safe for concurrent use, gives up when ctx ends and after some time by itself, and bounds what it gets
// (ErrNotAllowed, ErrNotFound, ErrTooLong, ErrUnreachable).
type Fetcher interface {
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// freshFor is how long a file that was fetched is good, at most.
const freshFor = time.Minute

// IsURL says whether a sound's name is a URL: [Library.Fetched] has it, and [Library.Clip] has not.
func IsURL(name string) bool {
	return strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://")
}

// Fetched is the sound that a URL leads to, within the same bounds as one of the folder. It is fetched and decoded once for all who ask within a minute, and waited for no
// longer than ctx. It gives ErrNotAllowed where there is no Config.Fetcher, or what that says, and what Clip does.
func (l *Library) Fetched(ctx context.Context, url string) (*mixer.Clip, error) {
	if l.cfg.Fetcher == nil {
		return nil, fmt.Errorf("sound: %w: no URL may be fetched", ErrNotAllowed)
	}
	if err := l.enter(); err != nil {
		return nil, fmt.Errorf("sound: %w", err)
	}
	type result struct {
		clip *mixer.Clip
		err  error
	}
	got := make(chan result, 1)
	go func() {
		defer l.readers.Done()
		clip, err := l.fetch(context.WithoutCancel(ctx), url) // others may wait for it too
		got <- result{clip, err}
	}()
	select {
	case r := <-got:
		return r.clip, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("sound: %w", context.Cause(ctx))
	}
}

// fetch is Fetched without an end to its patience but that of the Fetcher, and Close.
func (l *Library) fetch(ctx context.Context, url string) (*mixer.Clip, error) {
	key := fmt.Sprintf("\x00%d\x00%s", time.Now().Truncate(freshFor).Unix(), url) // is no path of the folder
	if c := l.cached(key); c != nil {
		return c, nil
	}
	got, err, _ := l.flights.Do("\x00"+key, func() (any, error) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		l.readers.Go(func() {
			select {
			case <-l.stopping:
				cancel(ErrClosed)
			case <-ctx.Done():
			}
		})
		file, err := l.cfg.Fetcher.Fetch(ctx, url)
		if err != nil {
			return nil, fmt.Errorf("sound: %w", err)
		}
		name, _, _ := strings.Cut(url, "?") // what follows may be a secret
		return l.load(key, name, func() (*mixer.Clip, error) {
			return decode(bytes.NewReader(file), int64(len(file)), &gather{longest: l.cfg.Longest, stop: &l.closing})
		})
	})
	if err != nil {
		return nil, err
	}
	return got.(*mixer.Clip), nil
}
