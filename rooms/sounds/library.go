// Package sounds has what is played to people: prompts of the voices that come with the program, and files of a folder, each whole in
// memory as a [mixer.Clip].
//
// A sound is named by its path in the folder, without its ending: `music/piano`. A voice is a folder in it that is named after its
// language, `de` or `de-anna`; what it does not have is taken from the built-in voice of that language. `tone:440/500` is a sequence of tones
// ([Library.Clip]). WAV, FLAC, MP3 and Ogg Opus are read, told apart by what is in them.
//
// Numbers and sentences with numbers in them ([Number], [Participants]) are lists of names of prompts, by the rules of a language;
// [Library.Say] makes clips of them.
package sounds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/confbridge/confbridge/mixer"
)

// Config is where sounds are. The zero value has the built-in voices, and tones.
type Config struct {
	// Folder has sounds and voices; empty: there are none but the built-in ones.
	Folder string
	// Voice is that of those who ask for none; empty: en.
	Voice string
	// Longest is how long a sound may be; 0: 10 minutes.
	Longest time.Duration
	// CacheBytes is how much memory is used for sounds that nobody plays at the moment; the last one stays whatever its size is. 0: 128 MiB.
	CacheBytes int64
	// Fetcher gets sounds that are named by URLs; nil: there are none.
	Fetcher Fetcher
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

const (
	defaultVoice      = "en"
	defaultLongest    = 10 * time.Minute
	defaultCacheBytes = 128 << 20
	decodersAtOnce    = 1 // so that decoding never takes all processors from the rooms
	mostComplaints    = 1000
)

// Library is the sounds. Its methods are safe for concurrent use, and may read files: none is for a room's goroutine.
type Library struct {
	cfg      Config
	root     *os.Root // nil without a folder
	flights  singleflight.Group
	turns    chan struct{} // full while as many decode as may
	closing  atomic.Bool   // whoever decodes is to stop
	stopping chan struct{} // closed with it: whoever fetches is to stop
	readers  sync.WaitGroup

	mu       sync.Mutex // guards what follows, never held across a read
	closed   bool
	cache    cache
	complain map[string]bool // what the log was told of
}

// Open returns the sounds of a folder, which must be there. Close is to be called in the end.
func Open(cfg Config) (*Library, error) {
	if cfg.Voice == "" {
		cfg.Voice = defaultVoice
	}
	if cfg.Longest == 0 {
		cfg.Longest = defaultLongest
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = defaultCacheBytes
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l := &Library{
		cfg: cfg, turns: make(chan struct{}, decodersAtOnce), stopping: make(chan struct{}),
		cache: makeCache(cfg.CacheBytes), complain: map[string]bool{},
	}
	if cfg.Folder == "" {
		return l, nil
	}
	var err error
	if l.root, err = os.OpenRoot(cfg.Folder); err != nil {
		return nil, fmt.Errorf("sounds: %w", err)
	}
	return l, nil
}

// Close waits for those who read. Clips that somebody has stay good.
func (l *Library) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.closing.Store(true)
	close(l.stopping)
	l.readers.Wait()
	if l.root == nil {
		return nil
	}
	return l.root.Close()
}

// Clip is a sound by its name: of a voice, or with an empty voice anything of the folder. The first who asks has it decoded, whoever
// asks meanwhile waits for the same, and everybody shares it. It gives ErrNotFound, ErrFormat, ErrTooLong, ErrClosed, the
// cause of ctx's end, or what the disk says.
//
// A name that begins with `tone:` is a sequence of tones, whatever the voice: one or more segments HZ/MS with commas between them, of
// up to four frequencies with + between them; 0 is silence. `tone:350+440/1000`, `tone:425/200,0/200,425/200`. Frequencies are 20 to 7000 Hz;
// all together are at -15 dBFS.
func (l *Library) Clip(ctx context.Context, voice, name string) (*mixer.Clip, error) {
	if err := l.enter(); err != nil {
		return nil, fmt.Errorf("sound %q: %w", name, err)
	}
	type result struct {
		clip *mixer.Clip
		err  error
	}
	got := make(chan result, 1)
	go func() {
		defer l.readers.Done()
		clip, err := l.find(voice, name)
		got <- result{clip, err}
	}()
	select {
	case r := <-got:
		return r.clip, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("sound %q: %w", name, context.Cause(ctx))
	}
}

// enter counts a reader in; Done is for the caller.
func (l *Library) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.readers.Add(1)
	return nil
}

// find is Clip without an end to its patience.
func (l *Library) find(voice, name string) (*mixer.Clip, error) {
	if text, tones := strings.CutPrefix(name, tonePrefix); tones {
		return l.load(name, name, func() (*mixer.Clip, error) { return toneClip(text, l.cfg.Longest) })
	}
	clip, err := l.ofFolder(voice, name)
	if voice != "" && errors.Is(err, ErrNotFound) {
		if built, builtErr := l.builtIn(voice, name); builtErr == nil {
			return built, nil
		}
	}
	return clip, err
}

// load is the clip of key: the one that is there, or what make makes; make runs once for all who ask at a time.
func (l *Library) load(key, name string, decode func() (*mixer.Clip, error)) (*mixer.Clip, error) {
	if c := l.cached(key); c != nil {
		return c, nil
	}
	got, err, _ := l.flights.Do(key, func() (any, error) {
		if c := l.cached(key); c != nil { // by a flight that has just landed
			return c, nil
		}
		l.turns <- struct{}{}
		defer func() { <-l.turns }()
		c, err := decode()
		if err != nil {
			return nil, err
		}
		c.Name = name
		l.mu.Lock()
		defer l.mu.Unlock()
		l.cache.put(key, c)
		return c, nil
	})
	if err != nil {
		return nil, fmt.Errorf("sound %q: %w", name, err)
	}
	return got.(*mixer.Clip), nil
}

func (l *Library) cached(key string) *mixer.Clip {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cache.take(key)
}
