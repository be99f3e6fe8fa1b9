package recorder

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// errNothingLeft says that a recording was broken off before there was any sound.
var errNothingLeft = errors.New("no sound was written")

// repair makes a whole recording of the folder that a crash has left, and says how long it is.
func repair(root *os.Root, id string) (time.Duration, error) {
	if s, err := readSidecarIn(root, id+partSuffix, id); err == nil && s.allThere(root) { // only the last step was missing
		return time.Duration(s.LengthMS) * time.Millisecond, root.Rename(id+partSuffix, id)
	}
	s, err := repairAs(root, id, nil)
	return time.Duration(s.LengthMS) * time.Millisecond, err
}

// repairAs is repair with what is known of the recording; nil: what its journal tells.
func repairAs(root *os.Root, id string, known *sidecar) (sidecar, error) {
	var s sidecar
	if known != nil {
		s = *known
	} else if f, err := root.Open(part(id, journalName)); err == nil {
		s = readJournal(f)
		if err := f.Close(); err != nil {
			return s, err
		}
	}
	s.ID, s.RateHz, s.Repaired, s.Files = id, fileRateHz, true, nil
	if s.Started.IsZero() { // its journal was lost
		s.Started = startOf(id)
	}
	longest, err := s.repairFiles(root)
	if err != nil {
		return s, err
	}
	if len(s.Files) == 0 {
		return s, errNothingLeft
	}
	s.end(longest / frameSamples)
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

// repairFiles repairs every file of sound, and drops those that have none; the longest one's samples are returned.
func (s *sidecar) repairFiles(root *os.Root) (longest uint64, err error) {
	dir, err := root.Open(s.ID + partSuffix)
	if err != nil {
		return 0, err
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return 0, err
	}
	for _, name := range names {
		stem, ending, _ := strings.Cut(name, ".")
		format, known := formats[formatNamed(ending)]
		if !known || stem != "mix" && !validParticipant(stem) {
			continue
		}
		samples, err := repairFile(root, part(s.ID, name), format)
		if errors.Is(err, errBroken) { // the others may be whole
			if err := root.Rename(part(s.ID, name), part(s.ID, name+".broken")); err != nil {
				return 0, err
			}
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		if samples == 0 {
			if err := root.Remove(part(s.ID, name)); err != nil {
				return 0, err
			}
			continue
		}
		longest = max(longest, samples)
		f := fileInfo{Name: name}
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

func repairFile(root *os.Root, path string, format format) (samples uint64, err error) {
	f, err := root.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	samples, err = format.repair(f)
	if err == nil && samples > 0 {
		err = f.Sync()
	}
	if cause := f.Close(); err == nil {
		err = cause
	}
	return samples, err
}
