package recorder

import (
	"bufio"
	"io"
	"os"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
)

// All files have one channel at the highest rate that a room can have, so that nothing is lost when somebody with a better telephone comes in later.
const (
	fileRateHz   = 48000
	frameSamples = fileRateHz / 50 // of 20 ms
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

// sink makes one file of sound. After flush the file can be repaired up to there.
type sink interface {
	// write takes 20 ms at fileRateHz.
	write(pcm []int16) error
	// silence is write of so many frames of silence, cheaper.
	silence(frames uint64) error
	flush() error
	// finish makes the file whole. It does not close it.
	finish() error
}

// format is one of the kinds of files.
type format struct {
	name   string // in sidecars, and the ending of files
	make   func(f file) (sink, error)
	repair func(f *os.File, stop <-chan struct{}) (samples uint64, err error) // errStopped when stop is closed
}

var formats = map[rooms.RecordingFormat]format{
	rooms.FormatWAV:  {"wav", newWAV, repairWAV},
	rooms.FormatFLAC: {"flac", newFLAC, repairFLAC},
	rooms.FormatOpus: {"opus", newOgg, repairOgg},
}

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
	err    error // what the file has failed with first
}

func newOut(f file) *out { return &out{file: f, buffer: bufio.NewWriterSize(f, bufferBytes)} }

func (o *out) Write(b []byte) (int, error) {
	n, err := o.buffer.Write(b)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// cause is err, or what the file has failed with: libraries do not wrap that.
func (o *out) cause(err error) error {
	if err != nil && o.err != nil {
		return o.err
	}
	return err
}

func (o *out) Seek(offset int64, whence int) (int64, error) {
	if err := o.buffer.Flush(); err != nil {
		return 0, err
	}
	return o.file.Seek(offset, whence)
}
