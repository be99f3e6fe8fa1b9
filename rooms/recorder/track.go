package recorder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"github.com/confbridge/confbridge/mixer"
)

// track is one file: the mix, or one participant. It begins with the recording's first sample, however late its sound comes.
type track struct {
	name        string
	participant string
	format      format
	file        file
	sink        sink
	rateHz      int // of the sink
	resampler   mixer.Resampler
	warm        int    // frames of silence until the resampler has forgotten what was
	written     uint64 // frames of the recording
	pcm         [mixer.MaxFrameSamples]int16
	zero        [mixer.MaxFrameSamples]int16
	heardHz     int // rate of the last sound
}

// warmFrames of silence, and nothing is left in a resampler of any rate: it keeps less than 40 ms.
const warmFrames = 2

func newTrack(f file, format format, rateHz int, name, participant string) (*track, error) {
	s, err := format.make(f, rateHz)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &track{name: name, participant: participant, format: format, file: f, sink: s, rateHz: rateHz}, nil
}

// write puts one frame at a place of the recording; what is missing in front of it is silence. One that was there already is left out.
func (t *track) write(tick uint64, rateHz int, pcm []int16) error {
	if tick < t.written {
		return nil
	}
	if err := t.pad(tick); err != nil {
		return err
	}
	t.written = tick + 1
	t.warm, t.heardHz = warmFrames, rateHz
	t.resampler.Retune(rateHz, t.rateHz)
	n := t.resampler.Process(t.pcm[:], pcm)
	return t.sink.write(t.pcm[:n])
}

// pad writes silence up to a place of the recording.
func (t *track) pad(tick uint64) error {
	for ; t.warm > 0 && t.written < tick; t.warm-- {
		t.resampler.Retune(t.heardHz, t.rateHz)
		n := t.resampler.Process(t.pcm[:], t.zero[:mixer.FrameSamples(t.heardHz)])
		if err := t.sink.write(t.pcm[:n]); err != nil {
			return err
		}
		t.written++
	}
	if t.written >= tick {
		return nil
	}
	frames := tick - t.written
	t.written = tick
	return t.sink.silence(frames)
}

// finish makes the file whole, and as long as the recording.
func (t *track) finish(end uint64) error {
	return errors.Join(t.pad(end), t.sink.finish(), t.file.Sync(), t.file.Close())
}

// fileRateHz is what those who read the file find.
func (t *track) fileRateHz() int {
	if t.format.rateHz != 0 {
		return t.format.rateHz
	}
	return t.rateHz
}

// fingerprint is a file's length and SHA-256.
func fingerprint(root *os.Root, path string) (bytes int64, sum string, err error) {
	f, err := root.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	bytes, err = io.Copy(h, f)
	return bytes, hex.EncodeToString(h.Sum(nil)), err
}
