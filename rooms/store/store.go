// Package store remembers the rooms of a bridge, their stories, and which event numbers have been given, in JetStream: a NATS server within the
// process, which opens no port and has its files below a folder, or one elsewhere. Both are spoken to in the same way.
//
// Rooms and dialled numbers are a key-value bucket, bans, numbers of events and events are streams. All but events are on the disk when [Store.Put], [Store.Remove], [Store.PutBan],
// [Store.RemoveBan], [Store.PutNumber], [Store.RemoveNumber] and the marks of [Store.Tell] return; the server within the process writes each of them with O_SYNC, one elsewhere as it is
// configured (sync_interval: always). Events come to Tell up to 50 ms after they have happened (package rooms gathers them), and the server has written them a little later still.
//
// Goroutines: those of the NATS server and client. [Store.Close] returns after they have been told to end.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

// Config is where things are kept.
type Config struct {
	// Dir is the bridge's folder; no two bridges can have the same.
	Dir string
	// URL is that of a NATS server elsewhere, with JetStream; empty: one within the process, with its files below Dir.
	URL string
	// CredentialsFile is the user there, as NATS tools write it; empty: none.
	CredentialsFile string
	// EventsKept is how many events of one room are kept; 0 means 4096.
	EventsKept int
	// Log takes what is found damaged, and what the server says; nil discards it.
	Log *slog.Logger
}

// What is kept, and how much of it at most.
const (
	roomsBucket    = "confbridge-rooms"
	roomsStream    = "KV_" + roomsBucket
	roomsSubject   = "$KV." + roomsBucket + "."
	numbersStream  = "confbridge-numbers"
	numbersSubject = "confbridge.numbers."
	bansStream     = "confbridge-bans"
	bansSubject    = "confbridge.bans."
	eventsStream   = "confbridge-events"
	eventsSubject  = "confbridge.events."

	defaultEventsKept = 4096
	maxEventsAge      = 30 * 24 * time.Hour
	maxEventsBytes    = 256 << 20
	// maxNumbers is of how many room numbers it is remembered which events they have had.
	maxNumbers = 100_000
	// maxUnacknowledged is how many messages are sent before the first has to be acknowledged.
	maxUnacknowledged = 512
	// trialTime is how long the server within the process may take to open its files, and to have put back into them what they had lost.
	trialTime = 15 * time.Second
	// reopenAfter is how long a server that could not write is left alone before it is opened again.
	reopenAfter = time.Second
)

// streams are those of JetStream.
var streams = [...]string{roomsStream, numbersStream, bansStream, eventsStream}

// Store keeps what a bridge remembers. It is a [rooms.Keeper]; its methods are safe for concurrent use.
type Store struct {
	cfg      Config
	lock     *os.File
	revision atomic.Uint64 // of the newest record
	session  atomic.Pointer[session]
	failed   atomic.Bool   // the server within the process cannot write; it has to be opened again
	turn     chan struct{} // whoever opens it again, or closes it, holds this
	tried    time.Time     // when it was last opened again; guarded by turn
	closed   bool          // guarded by turn
	found    memory        // written by Open alone

	banRecords banRecords
	toldLock   sync.Mutex     // guards told
	told       map[string]int // events of rooms since their stories were trimmed
}

// Open opens the store and returns what it remembers of rooms: those, and the marks of all numbers. What is damaged is logged, set aside below
// Dir/damaged, and the rest is returned. The error says what to do (ErrLocked, ErrUnavailable, ErrNewer).
func Open(ctx context.Context, cfg Config) (*Store, []rooms.Kept, []rooms.Mark, error) {
	cfg.EventsKept = cmp.Or(cfg.EventsKept, defaultEventsKept)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{cfg: cfg, turn: make(chan struct{}, 1), banRecords: banRecords{most: maxBanRecords}}
	memory, err := s.open(ctx)
	if err != nil {
		return nil, nil, nil, errors.Join(err, s.Close())
	}
	s.found = memory
	s.found.rooms, s.found.marks = nil, nil // they are the caller's, and many
	return s, memory.rooms, memory.marks, nil
}

// LeftOut are the numbers of rooms of which there is a record that Open could not read. They are left out at every start, until Put or Remove of that number.
func (s *Store) LeftOut() []string { return slices.Clone(s.found.leftOut) }

// Bans are those that Open has found, in no order.
func (s *Store) Bans() []rooms.KeptBan { return slices.Clone(s.found.bans) }

// Numbers are the dialled numbers that Open has found, in no order.
func (s *Store) Numbers() []dialplan.Number { return slices.Clone(s.found.numbers) }

// LeftOutNumbers are the dialled numbers of which there is a record that Open could not read; as LeftOut, until PutNumber or RemoveNumber.
func (s *Store) LeftOutNumbers() []dialplan.Key { return slices.Clone(s.found.leftOutNumbers) }

// memory is what a store remembers.
type memory struct {
	bans    []rooms.KeptBan
	rooms   []rooms.Kept
	marks   []rooms.Mark
	leftOut []string // numbers of rooms whose records cannot be read

	numbers        []dialplan.Number
	leftOutNumbers []dialplan.Key
}

// open is Open; what it has opened when it fails, Close closes.
func (s *Store) open(ctx context.Context) (m memory, err error) {
	if s.lock, err = lock(s.cfg.Dir); err != nil {
		return memory{}, err
	}
	if s.cfg.URL == "" {
		return s.openWithin(ctx)
	}
	n, err := s.connect(ctx)
	if err != nil {
		return memory{}, err
	}
	s.session.Store(n)
	return s.load(ctx, n, newFound())
}

// storeDir is where the server within the process has its files.
func (s *Store) storeDir() string { return filepath.Join(s.cfg.Dir, "store") }

// openWithin opens the server within the process. Where it cannot read its own files, it begins anew with what is found in them.
func (s *Store) openWithin(ctx context.Context) (memory, error) {
	if err := errors.Join(mayWrite(s.storeDir()), s.endRebuild()); err != nil {
		return memory{}, err
	}
	before, err := s.inspect()
	if err != nil {
		return memory{}, err
	}
	n, m, err := s.try(ctx, s.storeDir(), before)
	s.nameCut(before)
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, ErrNewer) {
			return memory{}, err
		}
		if full := hasSpace(s.cfg.Dir); full != nil {
			return memory{}, errors.Join(full, err)
		}
		s.cfg.Log.Error("the store cannot be opened; what is in it is put into a new one", "err", err)
		if before.events, err = s.rebuild(ctx, before); err != nil {
			return memory{}, err
		}
		if n, m, err = s.try(ctx, s.storeDir(), before); err != nil {
			return memory{}, err
		}
	}
	if before.events != "" {
		if err := n.putBackEvents(ctx, before.events); err != nil {
			s.cfg.Log.Error("events are lost", "aside", before.events, "err", err)
		}
	}
	s.session.Store(n)
	return m, nil
}

// try starts a server over the files below dir, and has it remember at least what was found before, within trialTime.
func (s *Store) try(ctx context.Context, dir string, before found) (*session, memory, error) {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	n, err := s.within(ctx, dir)
	if err != nil {
		return nil, memory{}, err
	}
	m, err := s.load(ctx, n, before)
	if err != nil {
		n.stop()
		return nil, memory{}, err
	}
	return n, m, nil
}

// current is the session to write and read with. A server within the process that could not write is opened again first: JetStream takes nothing more
// for a stream that it once could not write, whether or not there is space again.
func (s *Store) current(ctx context.Context) (*session, error) {
	if !s.failed.Load() {
		return s.session.Load(), nil
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.turn }()
	if !s.failed.Load() || s.closed { // another has opened it
		return s.session.Load(), nil
	}
	if time.Since(s.tried) < reopenAfter {
		return nil, fmt.Errorf("%s: %w: it could not be written", s.storeDir(), ErrUnavailable)
	}
	s.tried = time.Now()
	s.session.Load().stop()
	if _, err := s.openWithin(ctx); err != nil {
		return nil, err
	}
	s.failed.Store(false)
	s.cfg.Log.Info("the store can be written again")
	return s.session.Load(), nil
}

// writable is current for those who write. On a full disk JetStream does not answer at all, so it is not asked.
func (s *Store) writable(ctx context.Context) (*session, error) {
	if s.cfg.URL == "" {
		if err := hasSpace(s.cfg.Dir); err != nil {
			return nil, err
		}
	}
	return s.current(ctx)
}

// wrote says what an error of writing means; the next write opens a server within the process again.
func (s *Store) wrote(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || s.cfg.URL != "" {
		return err
	}
	s.failed.Store(true)
	return errors.Join(hasSpace(s.cfg.Dir), err)
}

// Close closes the store. What Put, Remove and Tell have returned from is kept.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.closed = true
	if n := s.session.Load(); n != nil {
		n.stop()
	}
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}
