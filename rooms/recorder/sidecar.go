package recorder

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/confbridge/confbridge/rooms"
)

// header is what is known when a recording begins.
type header struct {
	ID      string    `json:"id"`
	Room    string    `json:"room"`
	Started time.Time `json:"started"`
	Content string    `json:"content"`                  // mix, tracks or both
	Format  string    `json:"format"`                   // wav, flac or opus
	RateHz  int       `json:"sample_rate_hz,omitempty"` // the highest of its files; not known before they are whole
}

// sidecar tells what the files cannot. All places are milliseconds from the recording's first sample.
type sidecar struct {
	header
	Ended    time.Time  `json:"ended"`
	Ticks    uint64     `json:"-"`
	LengthMS uint64     `json:"length_ms"`
	Reason   string     `json:"reason,omitempty"`
	Repaired bool       `json:"repaired,omitempty"`
	Gaps     []span     `json:"gaps"`
	Pauses   []pause    `json:"pauses"`
	People   []person   `json:"participants"`
	Files    []fileInfo `json:"files"`
}

// span is from one place to another.
type span struct {
	FromMS uint64 `json:"from_ms"`
	ToMS   uint64 `json:"to_ms"`
}

// pause is where something was left out, and for how long.
type pause struct {
	AtMS uint64    `json:"at_ms"`
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
}

// person is somebody who was in the room.
type person struct {
	ID       string  `json:"id"`
	Name     string  `json:"name,omitempty"`
	Address  string  `json:"address,omitempty"`
	Codec    string  `json:"codec,omitempty"` // at the time of joining
	JoinedMS uint64  `json:"joined_ms"`
	LeftMS   *uint64 `json:"left_ms,omitempty"` // unset: was there to the end
	Talk     []span  `json:"talk"`
	talking  bool
}

type fileInfo struct {
	Name        string `json:"name"`
	Participant string `json:"participant,omitempty"` // empty: the mix
	RateHz      int    `json:"sample_rate_hz"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"`
}

// line is one line of the journal, which holds what the sidecar is made of as long as the recording runs.
type line struct {
	Header  *header    `json:"header,omitempty"` // of the first line only
	Tick    uint64     `json:"tick"`
	Kind    string     `json:"kind,omitempty"`
	Time    *time.Time `json:"time,omitempty"`
	ID      string     `json:"id,omitempty"`
	Name    string     `json:"name,omitempty"`
	Address string     `json:"address,omitempty"`
	Codec   string     `json:"codec,omitempty"`
	Ticks   uint64     `json:"ticks,omitempty"`
}

// The kinds of lines.
const (
	lineJoined  = "joined"
	lineLeft    = "left"
	lineTalk    = "talk"
	lineQuiet   = "quiet"
	linePaused  = "paused"
	lineResumed = "resumed"
	lineGap     = "gap"
)

// lineKinds are the events that a recording is told of.
var lineKinds = map[rooms.Kind]string{
	rooms.KindJoined: lineJoined, rooms.KindLeft: lineLeft,
	rooms.KindTalkingStarted: lineTalk, rooms.KindTalkingStopped: lineQuiet,
	rooms.KindRecordingPaused: linePaused, rooms.KindRecordingResumed: lineResumed,
}

func ms(tick uint64) uint64 { return tick * uint64(tickDuration/time.Millisecond) }

// apply takes in one line.
func (s *sidecar) apply(l line) {
	if l.Header != nil {
		s.header = *l.Header
	}
	at := ms(l.Tick)
	var when time.Time
	if l.Time != nil {
		when = *l.Time
	}
	switch l.Kind {
	case lineGap:
		s.Gaps = append(s.Gaps, span{at, at + ms(l.Ticks)})
	case linePaused:
		s.Pauses = append(s.Pauses, pause{AtMS: at, From: when})
	case lineResumed:
		if n := len(s.Pauses); n > 0 && s.Pauses[n-1].To.IsZero() {
			s.Pauses[n-1].To = when
		}
	case lineJoined:
		s.People = append(s.People, person{ID: l.ID, Name: l.Name, Address: l.Address, Codec: l.Codec, JoinedMS: at, Talk: []span{}})
	case lineLeft, lineTalk, lineQuiet:
		if p := s.person(l.ID); p != nil {
			p.apply(l.Kind, at)
		}
	}
}

func (s *sidecar) person(id string) *person {
	for i := len(s.People) - 1; i >= 0; i-- {
		if s.People[i].ID == id {
			return &s.People[i]
		}
	}
	return nil
}

func (p *person) apply(kind string, at uint64) {
	switch {
	case kind == lineLeft:
		p.hush(at)
		p.LeftMS = &at
	case kind == lineQuiet:
		p.hush(at)
	case !p.talking:
		p.Talk, p.talking = append(p.Talk, span{at, at}), true
	}
}

// hush ends what the person says.
func (p *person) hush(at uint64) {
	if p.talking {
		p.talking = false
		p.Talk[len(p.Talk)-1].ToMS = max(at, p.Talk[len(p.Talk)-1].FromMS)
	}
}

// end closes what is still open, at the recording's end.
func (s *sidecar) end(ticks uint64) {
	s.Ticks, s.LengthMS = ticks, ms(ticks)
	for i := range s.People {
		s.People[i].hush(s.LengthMS)
	}
	if s.Gaps == nil { // JSON is to have [], not null
		s.Gaps = []span{}
	}
	if s.Pauses == nil {
		s.Pauses = []pause{}
	}
	if s.People == nil {
		s.People = []person{}
	}
}

// recording is what the API shows.
func (s *sidecar) recording() rooms.Recording {
	rec := rooms.Recording{
		ID: s.ID, Room: s.Room, State: rooms.RecordingFinished, Content: contentNamed(s.Content), Format: formatNamed(s.Format),
		Started: s.Started, Length: time.Duration(s.LengthMS) * time.Millisecond, Reason: reasonNamed(s.Reason),
		Repaired: s.Repaired, Gaps: len(s.Gaps),
	}
	for _, f := range s.Files {
		rec.Files = append(rec.Files, rooms.RecordingFile{Name: f.Name, Participant: f.Participant, Bytes: f.Bytes, SHA256: f.SHA256})
	}
	return rec
}

func (s *sidecar) bytes() (n int64) {
	for _, f := range s.Files {
		n += f.Bytes
	}
	return n
}

// reasons are why a recording ends.
var reasons = map[rooms.Reason]string{
	rooms.ReasonStopped: "stopped", rooms.ReasonEnded: "ended", rooms.ReasonEmpty: "empty", rooms.ReasonMaxDuration: "max-duration",
	rooms.ReasonFailed: "failed", rooms.ReasonDraining: "draining", rooms.ReasonDiskLow: "disk-low",
	rooms.ReasonDiskFailed: "disk-failed", rooms.ReasonTooLong: "too-long", rooms.ReasonHostLeft: "host-left",
}

func reasonNamed(name string) rooms.Reason {
	for r, n := range reasons {
		if n == name {
			return r
		}
	}
	return rooms.ReasonUnspecified
}

// maxSidecar bounds what is read of one: a day with everybody talking all the time has some 20 MB.
const maxSidecar = 64 << 20

func readSidecar(root *os.Root, id string) (s sidecar, err error) { return readSidecarIn(root, id, id) }

// readSidecarIn reads the sidecar of a recording out of a folder.
func readSidecarIn(root *os.Root, folder, id string) (s sidecar, err error) {
	f, err := root.Open(filepath.Join(folder, sidecarName))
	if err != nil {
		return s, err
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, maxSidecar)).Decode(&s); err != nil {
		return s, fmt.Errorf("%s: %w", sidecarName, err)
	}
	if s.ID != id {
		return s, fmt.Errorf("%s is that of %q: %w", sidecarName, s.ID, errBroken)
	}
	s.Ticks = s.LengthMS / ms(1)
	for _, f := range s.Files {
		if !plainName(f.Name) {
			return s, fmt.Errorf("%s names a file %q: %w", sidecarName, f.Name, errBroken)
		}
	}
	return s, nil
}

// plainName says whether a name is that of a file, and of nothing above or below it.
func plainName(name string) bool {
	return name != "." && fs.ValidPath(name) && !strings.Contains(name, "/")
}

// write writes the sidecar into the folder of a recording that is not whole yet.
func (s *sidecar) write(root *os.Root) error {
	f, err := root.OpenFile(part(s.ID, sidecarName), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(f)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(s)
	if err == nil {
		err = f.Sync()
	}
	if cause := f.Close(); err == nil {
		err = cause
	}
	return err
}

// maxLine is the longest line of a journal.
const maxLine = 64 << 10

// readJournal makes a sidecar of a journal, up to the first line that is not whole.
func readJournal(r io.Reader) (s sidecar) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			break
		}
		s.apply(l)
	}
	return s
}
