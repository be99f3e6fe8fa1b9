package recorder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// errNothingLeft says that a recording was broken off before there was any sound.
var errNothingLeft = errors.New("no sound was written")

// leftBroken is what a crash has left in root, by ID, as far as the first line of its journal tells.
func leftBroken(root *os.Root) map[string]header {
	broken := map[string]header{}
	for _, name := range folders(root) {
		id, part := strings.CutSuffix(name, partSuffix)
		if part && validID(id) {
			broken[id] = headerOf(root, id)
		}
	}
	return broken
}

// headerOf is the header of a recording that is not whole; without a journal only its ID and its time are known.
func headerOf(root *os.Root, id string) header {
	h := header{ID: id, Started: startOf(id)}
	f, err := root.Open(part(id, journalName))
	if err != nil {
		return h
	}
	defer f.Close()
	if s := readJournal(io.LimitReader(f, maxLine)); s.ID == id {
		h = s.header
	}
	return h
}

// repairAll makes recordings of what a crash has left, one behind the other, until Close.
func (r *Recorder) repairAll(root *os.Root, ids []string) {
	for _, id := range ids {
		length, err := r.repair(root, id)
		switch {
		case errors.Is(err, errStopped):
			return // the next start begins anew
		case errors.Is(err, errNothingLeft):
			r.cfg.Log.Warn("recording had no sound yet", "recording", id, "err", root.RemoveAll(id+partSuffix))
		case err != nil:
			r.cfg.Log.Error("recording cannot be repaired", "recording", id, "err", err)
		default:
			r.cfg.Log.Warn("recording was broken off and is repaired", "recording", id, "length", length)
		}
		s, unread := readSidecar(root, id)
		r.mu.Lock()
		delete(r.broken, id)
		if err == nil && unread == nil {
			r.kept[id] = s
		}
		r.mu.Unlock()
	}
	r.tidy(time.Now())
}

// repair waits for its turn: what is finished now, and what is repaired, take no two processors.
func (r *Recorder) repair(root *os.Root, id string) (time.Duration, error) {
	r.finishing <- struct{}{}
	defer func() { <-r.finishing }()
	return repair(root, id, r.stop)
}

// errStopped ends a repair whose recorder is closed.
var errStopped = errors.New("recorder is closed")

// stopped says whether stop is closed.
func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// repair makes a whole recording of the folder that a crash has left, and says how long it is. It gives up, with errStopped, when stop is closed.
func repair(root *os.Root, id string, stop <-chan struct{}) (time.Duration, error) {
	if s, err := readSidecarIn(root, id+partSuffix, id); err == nil && s.allThere(root) { // only the last step was missing
		return time.Duration(s.LengthMS) * time.Millisecond, root.Rename(id+partSuffix, id)
	}
	s, err := repairAs(root, id, nil, stop)
	return time.Duration(s.LengthMS) * time.Millisecond, err
}

// repairAs is repair with what is known of the recording; nil: what its journal tells.
func repairAs(root *os.Root, id string, known *sidecar, stop <-chan struct{}) (sidecar, error) {
	var s sidecar
	if known != nil {
		s = *known
	} else if f, err := root.Open(part(id, journalName)); err == nil {
		s = readJournal(f)
		if err := f.Close(); err != nil {
			return s, err
		}
	}
	s.ID, s.Repaired, s.Files = id, true, nil
	if s.Started.IsZero() { // its journal was lost
		s.Started = startOf(id)
	}
	longest, err := s.repairFiles(root, stop)
	if err != nil {
		return s, err
	}
	if len(s.Files) == 0 {
		return s, errNothingLeft
	}
	s.end(longest)
	s.Ended = s.Started.Add(time.Duration(s.LengthMS) * time.Millisecond)
	for _, p := range s.Pauses {
		if !p.To.IsZero() {
			s.Ended = s.Ended.Add(p.To.Sub(p.From))
		}
	}
	return s, seal(root, &s)
}

// allThere says whether all files that the sidecar names are there, as long as it says.
func (s *sidecar) allThere(root *os.Root) bool {
	for _, f := range s.Files {
		info, err := root.Stat(part(s.ID, f.Name))
		if err != nil || info.Size() != f.Bytes {
			return false
		}
	}
	return true
}

// repairFiles repairs every file of sound, and drops those that have none; the longest one's whole frames are returned.
func (s *sidecar) repairFiles(root *os.Root, stop <-chan struct{}) (longest uint64, err error) {
	dir, err := root.Open(s.ID + partSuffix)
	if err != nil {
		return 0, err
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return 0, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, risingSuffix) { // what it is made of is there too
			if err := root.Remove(part(s.ID, name)); err != nil {
				return 0, err
			}
			continue
		}
		stem, ending, _ := strings.Cut(name, ".")
		format, known := formats[formatNamed(ending)]
		if !known || stem != "mix" && !validParticipant(stem) {
			continue
		}
		sound, err := repairFile(root, part(s.ID, name), format, stop)
		if errors.Is(err, errBroken) { // the others may be whole
			if err := root.Rename(part(s.ID, name), part(s.ID, name+".broken")); err != nil {
				return 0, err
			}
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		if sound.samples == 0 {
			if err := root.Remove(part(s.ID, name)); err != nil {
				return 0, err
			}
			continue
		}
		longest = max(longest, sound.frames())
		f := fileInfo{Name: name, RateHz: sound.rateHz}
		if stem != "mix" {
			f.Participant = stem
		}
		s.Files = append(s.Files, f)
		if s.Format == "" { // the journal was lost
			s.Format, s.Content = format.name, "mix"
		}
	}
	return longest, nil
}

func repairFile(root *os.Root, path string, format format, stop <-chan struct{}) (sound length, err error) {
	f, err := root.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return length{}, err
	}
	sound, err = format.repair(f, stop)
	if err == nil && sound.samples > 0 {
		err = f.Sync()
	}
	if cause := f.Close(); err == nil {
		err = cause
	}
	return sound, err
}
