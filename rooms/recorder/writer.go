package recorder

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
)

// maxTracks bounds how many files a recording has open.
const maxTracks = 512

// writer makes the files of one recording. One goroutine uses it.
type writer struct {
	folder  folder
	header  header
	set     rooms.RecordingSettings
	side    sidecar
	journal file
	lines   *bufio.Writer
	tracks  []*track
	byID    map[string]*track
	at      uint64                  // the frame of the recording that comes next
	rateHz  int                     // of its files
	stays   bool                    // at that rate, as its files could not rise: they do not try again
	climbs  uint64                  // frames of old files that are made anew at most
	space   func(bytes int64) error // whether there is place for so many
	log     *slog.Logger
	scratch [mixer.MaxFrameSamples]int16
}

// newWriter makes the folder and the journal. space says whether there is place for so many bytes; log is told of what nobody else is.
func newWriter(
	root *os.Root, create func(*os.Root, string) (file, error), h header, set rooms.RecordingSettings, space func(bytes int64) error, log *slog.Logger,
) (*writer, error) {
	if h.Content == "" || h.Format == "" {
		return nil, fmt.Errorf("recording content %d in format %d: %w", set.Content, set.Format, rooms.ErrInvalid)
	}
	if err := root.Mkdir(h.ID+partSuffix, dirMode); err != nil {
		return nil, err
	}
	w := &writer{folder: folder{root, h.ID, create}, header: h, set: set, byID: map[string]*track{}, climbs: climbFrames, space: space, log: log}
	f, err := w.folder.create(journalName)
	if err != nil {
		return nil, errors.Join(err, root.RemoveAll(h.ID+partSuffix))
	}
	w.journal, w.lines = f, bufio.NewWriter(f)
	if err := errors.Join(w.tell(line{Header: &h}), w.lines.Flush()); err != nil {
		return nil, errors.Join(err, w.discard())
	}
	return w, nil
}

// discard takes away what nothing was written to.
func (w *writer) discard() error {
	return errors.Join(w.journal.Close(), w.folder.root.RemoveAll(w.header.ID+partSuffix))
}

// tell writes a line to the journal, and takes it in.
func (w *writer) tell(l line) error {
	w.side.apply(l)
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = w.lines.Write(append(raw, '\n'))
	return err
}

// note takes in an event of the room.
func (w *writer) note(tick uint64, e rooms.Event) error {
	kind := lineKinds[e.Kind]
	if kind == "" {
		return nil
	}
	l := line{Tick: tick, Kind: kind, ID: e.Participant.ID}
	switch kind {
	case lineJoined:
		p := e.Participant
		l.Name, l.Address, l.Codec = p.DisplayName, p.Address, string(p.Format.Name)
	case linePaused, lineResumed:
		at := e.Time.UTC()
		l.Time = &at
	}
	return w.tell(l)
}

// put writes one piece of sound.
func (w *writer) put(e entry, pcm []int16) error {
	switch {
	case w.rateHz == 0 && formats[w.set.Format].read == nil: // its files rise whenever the room does
		w.rateHz = e.rateHz
	case w.rateHz == 0:
		w.rateHz = max(e.rateHz, leastRateHz)
	case len(pcm) > 0 && e.rateHz > w.rateHz:
		w.rise(e.rateHz)
	}
	if e.id == "" {
		if e.tick > w.at {
			if err := w.gap(e.tick); err != nil {
				return err
			}
		}
		w.at = e.tick + 1
		if w.set.Content == rooms.RecordTracks {
			return nil
		}
	}
	if len(pcm) == 0 && e.id != "" {
		return nil
	}
	t, err := w.track(e.id)
	if t == nil || err != nil {
		return err
	}
	if len(pcm) == 0 {
		return t.pad(e.tick + 1)
	}
	return t.write(e.tick, e.rateHz, pcm)
}

// gap notes that nothing is there up to a frame.
func (w *writer) gap(to uint64) error {
	return w.tell(line{Tick: w.at, Kind: lineGap, Ticks: to - w.at})
}

// track finds or begins a file; nil where there are too many.
func (w *writer) track(id string) (*track, error) {
	if t := w.byID[id]; t != nil {
		return t, nil
	}
	if len(w.tracks) == maxTracks || id != "" && !validParticipant(id) {
		return nil, nil
	}
	format := formats[w.set.Format]
	name := "mix"
	if id != "" {
		name = id
	}
	name += "." + format.name
	f, err := w.folder.create(name)
	if err != nil {
		return nil, err
	}
	t, err := newTrack(f, format, w.rateHz, name, id)
	if err != nil {
		return nil, err
	}
	w.tracks, w.byID[id] = append(w.tracks, t), t
	return t, nil
}

// validParticipant is the grammar of the IDs that package rooms gives: no name of another file can be one.
func validParticipant(id string) bool {
	for _, c := range []byte(id) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return len(id) > 0 && len(id) <= 64 && id != "mix"
}

// flush brings everything to the kernel, so that it outlives the process.
func (w *writer) flush() error {
	errs := []error{w.lines.Flush()}
	for _, t := range w.tracks {
		errs = append(errs, t.sink.flush())
	}
	return errors.Join(errs...)
}

// finish makes the recording whole: end frames long, or as long as what was written.
func (w *writer) finish(end uint64, why rooms.Reason) (sidecar, error) {
	var errs []error
	if end > w.at {
		errs = append(errs, w.gap(end))
		w.at = end
	}
	for _, t := range w.tracks {
		errs = append(errs, t.finish(w.at))
	}
	errs = append(errs, w.lines.Flush(), w.journal.Close())
	if w.at == 0 {
		return w.side, w.folder.root.RemoveAll(w.header.ID + partSuffix)
	}
	w.side.Reason = reasons[why]
	if errors.Join(errs...) != nil {
		// What can be saved is: the disk was full, perhaps, and repairing takes no more of it.
		side, err := repairAs(w.folder.root, w.header.ID, &w.side, nil)
		if err != nil {
			err = errors.Join(append(errs, err)...)
		}
		return side, err
	}
	w.side.end(w.at)
	if w.side.Ended.IsZero() {
		w.side.Ended = time.Now().UTC()
	}
	for _, t := range w.tracks {
		w.side.Files = append(w.side.Files, fileInfo{Name: t.name, Participant: t.participant, RateHz: t.fileRateHz()})
	}
	return w.side, seal(w.folder.root, &w.side)
}

// seal writes the sidecar of files that are whole, and gives the recording its name.
func seal(root *os.Root, s *sidecar) error {
	slices.SortFunc(s.Files, func(a, b fileInfo) int { return compareFiles(a, b) })
	s.RateHz = 0
	for i := range s.Files {
		var err error
		s.RateHz = max(s.RateHz, s.Files[i].RateHz)
		s.Files[i].Bytes, s.Files[i].SHA256, err = fingerprint(root, part(s.ID, s.Files[i].Name))
		if err != nil {
			return err
		}
	}
	if s.Files == nil {
		s.Files = []fileInfo{}
	}
	if err := s.write(root); err != nil {
		return err
	}
	if err := root.Rename(s.ID+partSuffix, s.ID); err != nil {
		return err
	}
	if err := root.Remove(filepath.Join(s.ID, journalName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// compareFiles puts the mix first.
func compareFiles(a, b fileInfo) int {
	switch {
	case a.Participant == b.Participant:
		return 0
	case a.Participant < b.Participant:
		return -1
	}
	return 1
}
