// Package recorder writes recordings of rooms to a folder: the mix, a track for each participant, or both, as WAV, FLAC or Ogg Opus, with
// a sidecar that tells who spoke when.
//
// A [Recorder] holds one folder. Each recording is a folder in it, which has the ending .part until all of it is whole; what a crash has
// left so is repaired by a goroutine that [Recorder.Start] begins. [Recorder.Open] makes a tape: the room's goroutine puts frames into its bounded queue and never
// waits; one goroutine a tape, its writer, takes them out twice a second. What did not fit into the queue is silence in the files and
// a gap in the sidecar, so that every file is as long as the recording was.
package recorder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/rooms"
)

// Config is where recordings are kept, and for how long. Dir is required.
type Config struct {
	// Dir is the folder; it is made where it is not there.
	Dir string
	// KeepFor is how long a finished recording is kept; 0 means until it is deleted.
	KeepFor time.Duration
	// KeepBytes is how much finished recordings may take in all: the oldest go first; 0 means any amount.
	KeepBytes int64
	// MinFree is how many bytes the disk must have left: below it none begins, and those that run end.
	MinFree int64
	// Log takes what nobody is told otherwise; nil discards it.
	Log *slog.Logger
}

const (
	partSuffix   = ".part"
	goneSuffix   = ".gone" // of what is being deleted
	lockName     = ".lock"
	sidecarName  = "recording.json"
	journalName  = "journal.jsonl"
	lookEvery    = 10 * time.Minute // for what need not be kept any more
	dirMode      = 0o750
	fileMode     = 0o640
	idRandomness = 5 // bytes
)

// Recorder is a folder of recordings. Its methods are safe for concurrent use. Start comes before all others but List, Recording, OpenFile and Delete, which find
// nothing before it.
type Recorder struct {
	cfg    Config
	create func(root *os.Root, name string) (file, error) // of a new file; tests have disks that fail
	free   func(dir string) (int64, error)
	remove func(root *os.Root, folder string) error // and all that is in it; tests have crashes in the middle

	writers   sync.WaitGroup
	begun     atomic.Uint32 // tapes
	finishing chan struct{} // has something in it while a tape is finished
	stop      chan struct{} // closed: the janitor ends

	mu      sync.Mutex // guards what follows, never held across a write
	root    *os.Root   // nil before Start and after Close
	lock    *os.File
	running map[string]*tape
	broken  map[string]header  // what a crash has left, until it is repaired
	kept    map[string]sidecar // finished, by ID
}

// New returns a recorder that has touched nothing yet.
func New(cfg Config) *Recorder {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Recorder{
		cfg: cfg, create: createFile, free: freeBytes, remove: (*os.Root).RemoveAll, finishing: make(chan struct{}, 1), stop: make(chan struct{}),
		running: map[string]*tape{}, broken: map[string]header{}, kept: map[string]sidecar{},
	}
}

// Start opens the folder, and drops what need not be kept any more. It fails where the folder cannot be used, or another process uses it. What a crash has left
// is repaired behind it: an hour of many tracks takes a minute, for which nobody is to wait who calls.
func (r *Recorder) Start() error {
	if err := os.MkdirAll(r.cfg.Dir, dirMode); err != nil {
		return fmt.Errorf("recordings: %w", err)
	}
	root, err := os.OpenRoot(r.cfg.Dir)
	if err != nil {
		return fmt.Errorf("recordings: %w", err)
	}
	lock, err := root.OpenFile(lockName, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return errors.Join(fmt.Errorf("recordings: %w", err), root.Close())
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("recordings: %s is used by another bridge: %w", r.cfg.Dir, err), lock.Close(), root.Close())
	}
	kept, broken, left := r.load(root), leftBroken(root), leftGone(root)
	r.mu.Lock()
	r.root, r.lock, r.kept, r.broken = root, lock, kept, broken
	r.mu.Unlock()
	r.tidy(time.Now())
	r.writers.Go(r.runJanitor)
	r.writers.Go(func() {
		r.removeLeft(root, left)
		r.repairAll(root, slices.Sorted(maps.Keys(broken)))
	})
	return nil
}

// Close returns when all writers have ended, or with the context's error when they have not by then. The rooms have closed their tapes before.
func (r *Recorder) Close(ctx context.Context) error {
	r.mu.Lock()
	root, lock := r.root, r.lock
	r.root = nil
	r.mu.Unlock()
	if root == nil {
		return nil
	}
	close(r.stop)
	ended := make(chan struct{})
	go func() {
		r.writers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return errors.Join(lock.Close(), root.Close())
	case <-ctx.Done():
		return fmt.Errorf("recordings are not finished: %w", context.Cause(ctx))
	}
}

// Open implements [rooms.Recorder].
func (r *Recorder) Open(room string, set rooms.RecordingSettings) (rooms.Tape, error) {
	r.mu.Lock()
	root := r.root
	r.mu.Unlock()
	if root == nil {
		return nil, fmt.Errorf("record room %q: %w", room, rooms.ErrNoRecorder)
	}
	if err := r.checkSpace(0); err != nil {
		return nil, fmt.Errorf("record room %q: %w", room, err)
	}
	t, err := r.newTape(root, room, set)
	if err != nil {
		return nil, fmt.Errorf("record room %q: %w", room, diskError(err))
	}
	r.mu.Lock()
	closed := r.root == nil
	if !closed {
		r.running[t.id] = t
		r.writers.Go(t.run)
	}
	r.mu.Unlock()
	if closed {
		return nil, errors.Join(fmt.Errorf("record room %q: %w", room, rooms.ErrNoRecorder), t.writer.discard())
	}
	return t, nil
}

// checkSpace is ErrDiskLow where less than MinFree would be left once so many bytes more are written.
func (r *Recorder) checkSpace(more int64) error {
	free, err := r.free(r.cfg.Dir)
	if err != nil {
		return diskError(err)
	}
	if free-more < r.cfg.MinFree {
		return fmt.Errorf("%d bytes left, of which %d are to be used, of %d that there must be: %w", free, more, r.cfg.MinFree, rooms.ErrDiskLow)
	}
	return nil
}

// diskError is err as one of package rooms's sentinels.
func diskError(err error) error {
	switch {
	case err == nil, errors.Is(err, rooms.ErrDiskLow), errors.Is(err, rooms.ErrTooLong), errors.Is(err, rooms.ErrInvalid):
		return err
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: %w", rooms.ErrDiskLow, err)
	}
	return fmt.Errorf("%w: %w", rooms.ErrDisk, err)
}

func freeBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// newID is a name for a recording: it sorts by time, and holds nothing of what people have chosen.
func newID(now time.Time) string {
	var b [idRandomness]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand.Read
	return strings.ToLower(now.UTC().Format("20060102t150405")) + "-" + hex.EncodeToString(b[:])
}

// startOf is when the recording of a valid ID began, to the second.
func startOf(id string) time.Time {
	at, _ := time.Parse("20060102t150405", id[:len("20060102t150405")]) // else the beginning of time
	return at
}

// validID keeps every name that is no recording's away from the disk.
func validID(id string) bool {
	if len(id) != len("20060102t150405-")+2*idRandomness {
		return false
	}
	for _, c := range []byte(id) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || c == '-') {
			return false
		}
	}
	return true
}

// load reads the sidecars of what is finished; what cannot be read is named and left alone.
func (r *Recorder) load(root *os.Root) map[string]sidecar {
	kept := map[string]sidecar{}
	for _, name := range folders(root) {
		if !validID(name) {
			continue
		}
		s, err := readSidecar(root, name)
		if err != nil {
			r.cfg.Log.Warn("recording cannot be read", "recording", name, "err", err)
			continue
		}
		kept[name] = s
	}
	return kept
}

// folders are the names of all folders in root, sorted.
func folders(root *os.Root) []string {
	dir, err := root.Open(".")
	if err != nil {
		return nil
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(-1) // what could be read of it
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// finished takes a recording over from its writer.
func (r *Recorder) finished(id string, s sidecar, err error) {
	r.mu.Lock()
	delete(r.running, id)
	if err == nil && s.Ticks > 0 {
		r.kept[id] = s
	}
	r.mu.Unlock()
	if err != nil {
		r.cfg.Log.Error("recording is not finished; the next start will try to", "recording", id, "room", s.Room, "err", err)
	}
	r.tidy(time.Now())
}

// part is the folder of a recording that is not whole yet.
func part(id, name string) string { return filepath.Join(id+partSuffix, name) }
