package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/confbridge/confbridge/rooms"
)

// List returns at most limit recordings whose ID sorts behind after, in the order of their IDs, which is that of their beginning.
func (r *Recorder) List(after string, limit int) []rooms.Recording {
	r.mu.Lock()
	ids := make([]string, 0, len(r.kept)+len(r.running)+len(r.broken))
	for id := range r.kept {
		ids = append(ids, id)
	}
	for id := range r.running {
		ids = append(ids, id)
	}
	for id := range r.broken {
		ids = append(ids, id)
	}
	r.mu.Unlock()
	slices.Sort(ids)
	at, found := slices.BinarySearch(ids, after)
	if found {
		at++
	}
	var all []rooms.Recording
	for _, id := range ids[at:] {
		if len(all) == limit {
			break
		}
		if rec, err := r.Recording(id); err == nil { // else it has gone since
			all = append(all, rec)
		}
	}
	return all
}

// Recording describes one (ErrNoRecording).
func (r *Recorder) Recording(id string) (rooms.Recording, error) {
	r.mu.Lock()
	t, s, kept := r.running[id], sidecar{}, false
	if t == nil {
		s, kept = r.kept[id]
	}
	h, broken := r.broken[id]
	r.mu.Unlock()
	switch {
	case t != nil:
		return t.Recording(), nil
	case kept:
		return s.recording(), nil
	case broken:
		return rooms.Recording{
			ID: id, Room: h.Room, State: rooms.RecordingFinishing, Content: contentNamed(h.Content), Format: formatNamed(h.Format), Started: h.Started,
		}, nil
	}
	return rooms.Recording{}, fmt.Errorf("recording %q: %w", id, rooms.ErrNoRecording)
}

// OpenFile opens a file of a finished recording by its name; an empty name is the first of its files, recording.json the sidecar
// (ErrNoRecording, ErrRecordingOpen, ErrDisk). Whoever opens it closes it.
func (r *Recorder) OpenFile(id, name string) (*os.File, error) {
	rec, err := r.Recording(id)
	if err != nil {
		return nil, err
	}
	if rec.State != rooms.RecordingFinished {
		return nil, fmt.Errorf("recording %q: %w", id, rooms.ErrRecordingOpen)
	}
	if name == "" && len(rec.Files) > 0 {
		name = rec.Files[0].Name
	}
	named := func(f rooms.RecordingFile) bool { return f.Name == name }
	if name != sidecarName && !slices.ContainsFunc(rec.Files, named) {
		return nil, fmt.Errorf("recording %q has no file %q: %w", id, name, rooms.ErrNoRecording)
	}
	root := r.folder()
	if root == nil {
		return nil, fmt.Errorf("recording %q: %w", id, rooms.ErrNoRecorder)
	}
	f, err := root.Open(filepath.Join(id, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("recording %q: %s is gone: %w", id, name, rooms.ErrNoRecording)
	}
	if err != nil {
		return nil, fmt.Errorf("recording %q: %w", id, diskError(err))
	}
	return f, nil
}

// Delete takes a finished recording away (ErrNoRecording, ErrRecordingOpen, ErrDisk).
func (r *Recorder) Delete(id string) error {
	rec, err := r.Recording(id)
	if err != nil {
		return err
	}
	if rec.State != rooms.RecordingFinished {
		return fmt.Errorf("recording %q: %w", id, rooms.ErrRecordingOpen)
	}
	root := r.folder()
	if root == nil {
		return fmt.Errorf("recording %q: %w", id, rooms.ErrNoRecorder)
	}
	if err := root.RemoveAll(id); err != nil {
		return fmt.Errorf("recording %q: %w", id, diskError(err))
	}
	r.mu.Lock()
	delete(r.kept, id)
	r.mu.Unlock()
	return nil
}

func (r *Recorder) folder() *os.Root {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.root
}

// runJanitor drops what need not be kept any more, until Close.
func (r *Recorder) runJanitor() {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case now := <-look.C:
			r.tidy(now)
		case <-r.stop:
			return
		}
	}
}

// tidy deletes what is older than KeepFor, and then the oldest until the rest is within KeepBytes.
func (r *Recorder) tidy(now time.Time) {
	if r.folder() == nil {
		return // it is closed
	}
	for _, id := range r.surplus(now) {
		if err := r.Delete(id); err != nil && !errors.Is(err, rooms.ErrNoRecording) {
			r.cfg.Log.Warn("old recording cannot be deleted", "recording", id, "err", err)
			continue
		}
		r.cfg.Log.Info("old recording deleted", "recording", id)
	}
}

// surplus is which recordings need not be kept.
func (r *Recorder) surplus(now time.Time) (gone []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids, total := make([]string, 0, len(r.kept)), int64(0)
	for id, s := range r.kept {
		ids = append(ids, id)
		total += s.bytes()
	}
	slices.Sort(ids)
	for _, id := range ids {
		s := r.kept[id]
		old := r.cfg.KeepFor > 0 && now.Sub(s.Ended) > r.cfg.KeepFor
		if !old && (r.cfg.KeepBytes == 0 || total <= r.cfg.KeepBytes) {
			continue
		}
		total -= s.bytes()
		gone = append(gone, id)
	}
	return gone
}
