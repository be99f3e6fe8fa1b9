// Package page is what a run of the bench of sound has come to: its file, and the tables that are made of it.
package page

import (
	"time"

	"github.com/confbridge/confbridge/bench/archive"
)

// File is one run.
type File struct {
	Date       time.Time
	Commit     string // with + where the tree had other changes
	CPU        string
	Cores      int
	Kernel, Go string
	// LateMsP99 and LateMsMax are how late the telephones themselves were.
	LateMsP99, LateMsMax float64
	Rows                 []Row
	Calls                []Call
}

// Row is one figure that is asked for.
type Row struct {
	Case   string // as in the table of what must be shown
	What   string // codec, and what else tells it from other rows of that case
	Wanted string
	Got    string
	OK     bool
}

// Call is what was measured of one talker's way to one listener.
type Call struct {
	Name, Codec     string
	DelayMsP50      float64
	DelayMsP95      float64
	DelayMsMax      float64
	Found           float64 // share of windows of speech that were found
	Gaps            int
	LongestGapMs    float64
	Clicks          int
	LevelDB         float64 // louder than it was said
	ESTOI           float64
	SpectralDB      float64 // distance to the clean codec's own output
	ConcealedMs     float64 // as the bridge says
	PacketsLost     int     // between bridge and listener
	BridgeBufferMs  float64 // the most that the bridge's buffer had, as it says
	NoiseFloorDBFS  float64 // in the talker's pauses
	SampleRateHz    int
	PacketTimeMilli int
}

// Missed are the rows whose figure is not what is wanted.
func (f *File) Missed() []Row {
	var out []Row
	for _, r := range f.Rows {
		if !r.OK {
			out = append(out, r)
		}
	}
	return out
}

// Write puts the run into dir, as NAME.json.
func (f *File) Write(dir, name string) error { return archive.Write(dir, name, f) }

// ReadAll reads all runs of a folder, the oldest first.
func ReadAll(dir string) ([]File, error) {
	return archive.ReadAll(dir, func(f File) time.Time { return f.Date })
}
