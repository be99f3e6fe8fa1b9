package recorder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/confbridge/confbridge/rooms"
)

// A WAV file begins with 44 bytes: RIFF, its length, WAVE; "fmt ", 16, PCM, the form of the samples; "data", its length.
const (
	wavHeader   = 44
	wavHoleFrom = 50                         // frames: less is written
	wavMax      = math.MaxUint32 - wavHeader // bytes of sound that the lengths can say
)

// wav is a sink of WAV. Silence is a hole in the file, as long as the file system knows holes.
type wav struct {
	out    *out
	bytes  uint64 // of sound
	hole   bool   // the file is shorter than bytes says
	memory [2 * frameSamples]byte
}

func newWAV(f file) (sink, error) {
	w := &wav{out: newOut(f)}
	_, err := w.out.Write(wavHead(0))
	return w, err
}

func wavHead(bytes uint32) []byte {
	h := []byte("RIFF\x00\x00\x00\x00WAVEfmt ")
	le := binary.LittleEndian
	h[4], h[5], h[6], h[7] = byte(bytes+36), byte((bytes+36)>>8), byte((bytes+36)>>16), byte((bytes+36)>>24)
	h = le.AppendUint32(h, 16)
	h = le.AppendUint16(h, 1)            // PCM
	h = le.AppendUint16(h, 1)            // channels
	h = le.AppendUint32(h, fileRateHz)   // samples,
	h = le.AppendUint32(h, 2*fileRateHz) // and bytes a second
	h = le.AppendUint16(h, 2)            // bytes,
	h = le.AppendUint16(h, 16)           // and bits a sample
	return le.AppendUint32(append(h, "data"...), bytes)
}

// room says whether so many frames more fit into the file.
func (w *wav) room(frames uint64) error {
	if frames > (wavMax-w.bytes)/(2*frameSamples) {
		return fmt.Errorf("wav: %w", rooms.ErrTooLong)
	}
	return nil
}

func (w *wav) write(pcm []int16) error {
	if err := w.room(1); err != nil {
		return err
	}
	for i, s := range pcm {
		binary.LittleEndian.PutUint16(w.memory[2*i:], uint16(s))
	}
	n, err := w.out.Write(w.memory[:2*len(pcm)])
	w.bytes += uint64(n)
	w.hole = false
	return err
}

func (w *wav) silence(frames uint64) error {
	if err := w.room(frames); err != nil || frames == 0 {
		return err
	}
	if frames < wavHoleFrom {
		var zero [frameSamples]int16
		for range frames {
			if err := w.write(zero[:]); err != nil {
				return err
			}
		}
		return nil
	}
	w.bytes += frames * 2 * frameSamples
	w.hole = true
	_, err := w.out.Seek(int64(wavHeader+w.bytes), io.SeekStart)
	return err
}

// flush gives a hole its end, so that the file is as long as it should be.
func (w *wav) flush() error {
	if w.hole {
		w.hole = false
		if _, err := w.out.Seek(-1, io.SeekCurrent); err != nil {
			return err
		}
		if _, err := w.out.Write([]byte{0}); err != nil {
			return err
		}
	}
	return w.out.buffer.Flush()
}

func (w *wav) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	if _, err := w.out.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := w.out.Write(wavHead(uint32(w.bytes)))
	return errors.Join(err, w.out.buffer.Flush())
}

// repairWAV writes the lengths anew, of what whole frames there are.
func repairWAV(f *os.File, _ <-chan struct{}) (samples uint64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	frames := max(min(info.Size()-wavHeader, wavMax), 0) / (2 * frameSamples)
	bytes := frames * 2 * frameSamples
	if frames == 0 {
		return 0, nil
	}
	if err := f.Truncate(wavHeader + bytes); err != nil {
		return 0, err
	}
	_, err = f.WriteAt(wavHead(uint32(bytes)), 0)
	return uint64(bytes / 2), err
}
