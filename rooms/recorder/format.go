package recorder

import (
	"bufio"
	"io"
	"os"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
)

// All files have one channel. Their rate is that of the room; those of WAV and FLAC have 16 kHz at least, and rise with the room in the recording's first minute. It never falls.
const (
	maxRateHz    = 48000
	tickDuration = mixer.FrameDuration
)

// file is what a sink writes to.
type file interface {
	io.WriteSeeker
	Sync() error
	Close() error
}

func createFile(root *os.Root, name string) (file, error) {
	return root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
}

// sink makes one file of sound. After flush all of it is in the file, which can be repaired up to there.
type sink interface {
	// write takes 20 ms at the rate that the sink was made for, or has risen to.
	write(pcm []int16) error
	// silence is write of so many frames of silence, cheaper.
	silence(frames uint64) error
	flush() error
	// finish makes the file whole. It does not close it.
	finish() error
}

// riser is a sink of files whose sound may have another rate from some place on.
type riser interface {
	sink
	// rise goes over to a higher rate, which sound is written at from now on.
	rise(rateHz int) error
}

// source reads the sound of a file back, while it is written too.
type source interface {
	// read fills pcm, or returns io.EOF where less is left.
	read(pcm []int16) error
}

// format is one of the kinds of files.
type format struct {
	name   string // in sidecars, and the ending of files
	rateHz int    // of all its files; 0: what their sinks are made for
	make   func(f file, rateHz int) (sink, error)
	read   func(r io.Reader) (source, error)                                 // nil: its sinks are risers
	repair func(f *os.File, stop <-chan struct{}) (length length, err error) // errStopped when stop is closed
}

// length is how much sound a file has.
type length struct {
	samples uint64
	rateHz  int
}

// frames are the whole ones of 20 ms.
func (l length) frames() uint64 {
	if l.rateHz == 0 {
		return 0
	}
	return l.samples / uint64(mixer.FrameSamples(l.rateHz))
}

var formats = map[rooms.RecordingFormat]format{
	rooms.FormatWAV:  {"wav", 0, newWAV, readWAV, repairWAV},
	rooms.FormatFLAC: {"flac", 0, newFLAC, readFLAC, repairFLAC},
	rooms.FormatOpus: {"opus", opusRateHz, newOgg, nil, repairOgg},
}

// fileRate says whether a file of ours may have a rate.
func fileRate(rateHz int) bool { return rateHz == 8000 || rateHz == 16000 || rateHz == maxRateHz }

func formatNamed(name string) rooms.RecordingFormat {
	for f, d := range formats {
		if d.name == name {
			return f
		}
	}
	return rooms.FormatUnspecified
}

var contents = map[rooms.RecordingContent]string{
	rooms.RecordMix: "mix", rooms.RecordTracks: "tracks", rooms.RecordBoth: "both",
}

func contentNamed(name string) rooms.RecordingContent {
	for c, n := range contents {
		if n == name {
			return c
		}
	}
	return rooms.RecordUnspecified
}

// bufferBytes is what is gathered of a file before it is written.
const bufferBytes = 32 << 10

// out is a file behind a buffer. Seek writes the buffer first.
type out struct {
	file   file
	buffer *bufio.Writer
}

func newOut(f file) *out { return &out{file: f, buffer: bufio.NewWriterSize(f, bufferBytes)} }

func (o *out) Write(b []byte) (int, error) { return o.buffer.Write(b) }

func (o *out) Seek(offset int64, whence int) (int64, error) {
	if err := o.buffer.Flush(); err != nil {
		return 0, err
	}
	return o.file.Seek(offset, whence)
}
