package sounds

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

// What files may have. Telephones have less, and studios no more.
const (
	leastRateHz  = 4000
	mostRateHz   = 192000
	mostChannels = 8
)

// gather is a sound while it is decoded: mono, at the file's rate.
type gather struct {
	longest time.Duration
	stop    *atomic.Bool
	rateHz  int
	most    int // samples
	pcm     []int16
}

// errStopped ends a decoder whose library is closed.
var errStopped = fmt.Errorf("given up: %w", ErrClosed)

// begin says what is to come.
func (g *gather) begin(rateHz, channels int) error {
	if rateHz < leastRateHz || rateHz > mostRateHz {
		return fmt.Errorf("%d Hz, want %d to %d", rateHz, leastRateHz, mostRateHz)
	}
	if channels < 1 || channels > mostChannels {
		return fmt.Errorf("%d channels, want 1 to %d", channels, mostChannels)
	}
	g.rateHz = rateHz
	g.most = int(int64(g.longest) * int64(rateHz) / int64(time.Second))
	return nil
}

// room says whether n samples more may come.
func (g *gather) room(n int) error {
	if g.stop.Load() {
		return errStopped
	}
	if n > g.most-len(g.pcm) {
		return fmt.Errorf("%w: over %v", ErrTooLong, g.longest)
	}
	return nil
}

// add takes mono samples of which full scale is 32768.
func (g *gather) add(mono []float32) error {
	if err := g.room(len(mono)); err != nil {
		return err
	}
	for _, v := range mono {
		g.pcm = append(g.pcm, toInt16(v))
	}
	return nil
}

// clip is the sound that was gathered.
func (g *gather) clip() (*mixer.Clip, error) {
	if len(g.pcm) == 0 {
		return nil, fmt.Errorf("%w: there is no sound in it", ErrFormat)
	}
	rateHz := clipRate(g.rateHz)
	return &mixer.Clip{RateHz: rateHz, PCM: resample(g.pcm, g.rateHz, rateHz)}, nil
}

// clipRate is the lowest rate of a clip that loses nothing of a file, or the highest that there is.
func clipRate(rateHz int) int {
	switch {
	case rateHz <= 8000:
		return 8000
	case rateHz <= 16000:
		return 16000
	}
	return 48000
}

// toInt16 rounds, and keeps what is too loud, or not a number, within bounds.
func toInt16(v float32) int16 {
	switch {
	case v >= math.MaxInt16:
		return math.MaxInt16
	case v <= math.MinInt16:
		return math.MinInt16
	case v != v:
		return 0
	}
	return int16(math.Floor(float64(v) + .5))
}

// decode reads a whole file of size bytes, whatever format it has.
func decode(file io.ReadSeeker, size int64, g *gather) (*mixer.Clip, error) {
	head := make([]byte, 12)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	kind, read := format(head[:n])
	if read == nil {
		return nil, fmt.Errorf("%w: it is neither WAV, FLAC, MP3 nor Ogg Opus", ErrFormat)
	}
	switch err := sheltered(func() error { return read(file, size, g) }); {
	case errors.Is(err, ErrTooLong) || errors.Is(err, errStopped):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, kind, err)
	}
	return g.clip()
}

// format is which one begins like this, and who reads it; nil where nobody does.
func format(head []byte) (kind string, read func(io.ReadSeeker, int64, *gather) error) {
	switch {
	case len(head) == 12 && bytes.HasPrefix(head, []byte("RIFF")) && bytes.HasSuffix(head, []byte("WAVE")):
		return "WAV", readWAV
	case bytes.HasPrefix(head, []byte("fLaC")):
		return "FLAC", readFLAC
	case bytes.HasPrefix(head, []byte("OggS")):
		return "Ogg", readOgg
	case bytes.HasPrefix(head, []byte("ID3")), len(head) > 2 && head[0] == 0xff && head[1]&0xe0 == 0xe0:
		return "MP3", readMP3
	}
	return "", nil
}

// sheltered runs a decoder. Those of others may panic on bytes that they did not expect; to us that is a broken file like any other.
func sheltered(read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decoder cannot make sense of it: %v", p)
		}
	}()
	return read()
}
