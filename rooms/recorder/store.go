package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// Delete takes a finished recording away (ErrNoRecording, ErrRecordingOpen, ErrDisk). Its folder gets another name first, in one step: what a crash leaves of
// it from there on is nobody's recording, and the next start takes it away. Where files could not be removed the recording is gone all the same, with ErrDisk.
func (r *Recorder) Delete(id string) error {
	rec, err := r.Recording(id)
	if err != nil {
		return err
	}
	if rec.State != rooms.RecordingFinished {
		return fmt.Errorf("recording %q: %w", id, rooms.ErrRecordingOpen)
	}
	root, s, kept := r.release(id)
	switch {
	case root == nil:
		return fmt.Errorf("recording %q: %w", id, rooms.ErrNoRecorder)
	case !kept: // another Delete came first
		return fmt.Errorf("recording %q: %w", id, rooms.ErrNoRecording)
	}
	err = root.Rename(id, id+goneSuffix)
	if errors.Is(err, fs.ErrNotExist) { // somebody has taken the folder away
		return nil
	}
	if err != nil {
		r.mu.Lock()
		r.kept[id] = s
		r.mu.Unlock()
		return fmt.Errorf("recording %q: %w", id, diskError(err))
	}
	if err := r.remove(root, id+goneSuffix); err != nil {
		return fmt.Errorf("recording %q is deleted, its files are not: %w", id, diskError(err))
	}
	return nil
}

// release forgets a finished recording; root is nil where the recorder is closed, and nothing is forgotten.
func (r *Recorder) release(id string) (root *os.Root, s sidecar, kept bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, kept = r.kept[id]
	if r.root != nil {
		delete(r.kept, id)
	}
	return r.root, s, kept
}

// leftGone are the folders of recordings that were being deleted when the last process ended.
func leftGone(root *os.Root) (left []string) {
	for _, name := range folders(root) {
		if id, gone := strings.CutSuffix(name, goneSuffix); gone && validID(id) {
			left = append(left, name)
		}
	}
	return left
}

// removeLeft takes such folders away.
func (r *Recorder) removeLeft(root *os.Root, left []string) {
	for _, name := range left {
		if err := r.remove(root, name); err != nil {
			r.cfg.Log.Warn("files of a deleted recording cannot be removed", "folder", name, "err", err)
		}
	}
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
