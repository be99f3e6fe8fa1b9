package recorder

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/rooms"
)

// The queue holds 2.7 s of a mix at 48 kHz, 5 s at lower rates, and 2.7 s of four voices more where there are tracks; 16 s at 8 kHz.
const (
	mixSamples    = 1 << 17
	trackSamples  = 1 << 19
	mixEntries    = 1 << 8
	trackEntries  = 1 << 12
	maxNotes      = 1 << 12                // between two turns of the writer
	writeEvery    = 500 * time.Millisecond // what a crash costs
	spaceEvery    = time.Second
	ticksInSecond = uint64(time.Second / tickDuration)
)

// tape is one recording under way. The room's goroutine puts; run, the writer's goroutine, takes.
type tape struct {
	phase    time.Duration // of its writer's turns: those of tapes that begin together are not to come together
	id       string
	recorder *Recorder
	writer   *writer
	ring     *ring

	tick   uint64        // the room's: frames of the recording so far
	broken atomic.Bool   // the writer has failed
	placed atomic.Uint64 // tick, for those who ask

	closing chan struct{}
	mu      sync.Mutex // guards what follows
	notes   []entryNote
	err     error // what the writer has failed with
	end     uint64
	ended   time.Time
	why     rooms.Reason
	state   rooms.RecordingState
}

// entryNote is something that has happened, at a place of the recording.
type entryNote struct {
	tick  uint64
	event rooms.Event
}

func (r *Recorder) newTape(root *os.Root, room string, set rooms.RecordingSettings) (*tape, error) {
	now := time.Now()
	t := &tape{id: newID(now), recorder: r, phase: phase(r.begun.Add(1) - 1), closing: make(chan struct{}), state: rooms.RecordingRunning}
	w, err := newWriter(root, r.create, header{
		ID: t.id, Room: room, Started: now.UTC(), Content: contents[set.Content], Format: formats[set.Format].name,
	}, set, r.checkSpace, r.cfg.Log)
	if err != nil {
		return nil, err
	}
	t.writer = w
	if set.Content == rooms.RecordMix {
		t.ring = newRing(mixEntries, mixSamples)
	} else {
		t.ring = newRing(trackEntries, mixSamples+trackSamples)
	}
	return t, nil
}

// Recording implements [rooms.Tape].
func (t *tape) Recording() rooms.Recording {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.writer.header
	return rooms.Recording{
		ID: t.id, Room: h.Room, State: t.state, Content: contentNamed(h.Content), Format: formatNamed(h.Format),
		Started: h.Started, Length: time.Duration(t.placed.Load()) * tickDuration, Reason: t.why,
	}
}

// Put implements [rooms.Tape].
func (t *tape) Put(f *rooms.TapeFrame) bool {
	if t.broken.Load() {
		return false
	}
	t.tick += uint64(f.Skipped)
	t.ring.begin()
	fits := t.ring.put(t.tick, "", f.RateHz, f.Mix) // silence too: it says that the tick has come
	for i := range f.Voices {
		fits = fits && t.ring.put(t.tick, f.Voices[i].ID, f.RateHz, f.Voices[i].PCM)
	}
	if fits {
		t.ring.commit()
	}
	t.tick++
	t.placed.Store(t.tick)
	return true
}

// Failed implements [rooms.Tape].
func (t *tape) Failed() bool { return t.broken.Load() }

// Note implements [rooms.Tape].
func (t *tape) Note(e rooms.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.notes) < maxNotes {
		t.notes = append(t.notes, entryNote{t.tick, e})
	}
}

// Close implements [rooms.Tape].
func (t *tape) Close(why rooms.Reason) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end, t.ended, t.why = t.tick, time.Now().UTC(), why
	if t.err != nil {
		t.why = rooms.TapeReason(t.err)
	}
	if t.state == rooms.RecordingRunning {
		t.state = rooms.RecordingFinishing
	}
	close(t.closing)
	return t.err
}

// run is the writer's goroutine: it writes until the tape is closed or the disk fails, then it finishes the files.
func (t *tape) run() {
	select {
	case <-time.After(t.phase):
	case <-t.closing:
	}
	turn := time.NewTicker(writeEvery)
	defer turn.Stop()
	looked := time.Now()
	for {
		select {
		case <-turn.C:
		case <-t.closing:
			t.finish()
			return
		}
		err := t.drain()
		if err == nil {
			err = t.writer.flush()
		}
		if now := time.Now(); err == nil && now.Sub(looked) >= spaceEvery {
			looked = now
			err = t.recorder.checkSpace(0)
		}
		if err != nil {
			t.fail(diskError(err))
			<-t.closing // by the room, which has been told
			t.finish()
			return
		}
	}
}

// phase is when in writeEvery the writer of the n-th tape has its turns: those that begin one behind the other lie far apart, and a hundred of them 5 ms. All at once they would keep every processor from the rooms' ticks for as long as they write.
func phase(n uint32) time.Duration {
	const places, step = 100, 37 // with nothing in common, so that all places are taken before one is taken twice
	return time.Duration(n%places*step%places) * writeEvery / places
}

// drain writes what has come in since the last turn.
func (t *tape) drain() error {
	t.mu.Lock()
	notes := t.notes
	t.notes = nil
	t.mu.Unlock()
	for _, n := range notes {
		if err := t.writer.note(n.tick, n.event); err != nil {
			return err
		}
	}
	for {
		e, pcm, ok := t.ring.take(t.writer.scratch[:])
		if !ok {
			return nil
		}
		if err := t.writer.put(e, pcm); err != nil {
			return err
		}
	}
}

// fail tells the room, by its next Put.
func (t *tape) fail(err error) {
	t.mu.Lock()
	t.err = err
	t.mu.Unlock()
	t.broken.Store(true)
}

// finish writes what is left in the queue and makes the files whole, when no other tape does: a hundred that were finished together kept rooms from their
// ticks for a tenth of a second, by hashing and by waiting for the disk.
func (t *tape) finish() {
	t.recorder.finishing <- struct{}{}
	defer func() { <-t.recorder.finishing }()
	t.mu.Lock()
	end, why, failed := t.end, t.why, t.err
	t.writer.side.Ended = t.ended
	t.mu.Unlock()
	if failed == nil {
		failed = diskError(t.drain())
	}
	if failed != nil {
		end, why = 0, rooms.TapeReason(failed) // no further than what is written
	}
	s, err := t.writer.finish(end, why)
	t.recorder.finished(t.id, s, err)
}
