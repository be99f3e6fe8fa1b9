package recorder

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
)

// A WAV file begins with 44 bytes: RIFF, its length, WAVE; "fmt ", 16, PCM, the form of the samples; "data", its length.
const (
	wavHeader   = 44
	wavRateAt   = 24
	wavHoleFrom = 50                         // frames: less is written
	wavMax      = math.MaxUint32 - wavHeader // bytes of sound that the lengths can say
)

// wav is a sink of WAV. Silence is a hole in the file, as long as the file system knows holes.
type wav struct {
	out    *out
	rateHz int
	bytes  uint64 // of sound
	hole   bool   // the file is shorter than bytes says
	memory [2 * mixer.MaxFrameSamples]byte
}

func newWAV(f file, rateHz int) (sink, error) {
	w := &wav{out: newOut(f), rateHz: rateHz}
	_, err := w.out.Write(wavHead(0, rateHz))
	return w, err
}

// frame is the bytes of 20 ms.
func (w *wav) frame() uint64 { return 2 * uint64(mixer.FrameSamples(w.rateHz)) }

func wavHead(bytes uint32, rateHz int) []byte {
	h := []byte("RIFF\x00\x00\x00\x00WAVEfmt ")
	le := binary.LittleEndian
	h[4], h[5], h[6], h[7] = byte(bytes+36), byte((bytes+36)>>8), byte((bytes+36)>>16), byte((bytes+36)>>24)
	h = le.AppendUint32(h, 16)
	h = le.AppendUint16(h, 1)                // PCM
	h = le.AppendUint16(h, 1)                // channels
	h = le.AppendUint32(h, uint32(rateHz))   // samples,
	h = le.AppendUint32(h, 2*uint32(rateHz)) // and bytes a second
	h = le.AppendUint16(h, 2)                // bytes,
	h = le.AppendUint16(h, 16)               // and bits a sample
	return le.AppendUint32(append(h, "data"...), bytes)
}

// room says whether so many frames more fit into the file.
func (w *wav) room(frames uint64) error {
	if frames > (wavMax-w.bytes)/w.frame() {
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
		var zero [mixer.MaxFrameSamples]int16
		for range frames {
			if err := w.write(zero[:w.frame()/2]); err != nil {
				return err
			}
		}
		return nil
	}
	w.bytes += frames * w.frame()
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
	_, err := w.out.Write(wavHead(uint32(w.bytes), w.rateHz))
	return errors.Join(err, w.out.buffer.Flush())
}

// wavSource reads what a wav has written.
type wavSource struct {
	in     *bufio.Reader
	memory [2 * mixer.MaxFrameSamples]byte
}

func readWAV(r io.Reader) (source, error) {
	s := &wavSource{in: bufio.NewReaderSize(r, bufferBytes)}
	_, err := s.in.Discard(wavHeader)
	return s, err
}

func (s *wavSource) read(pcm []int16) error {
	raw := s.memory[:2*len(pcm)]
	if _, err := io.ReadFull(s.in, raw); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		return err
	}
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return nil
}

// repairWAV writes the lengths anew, of what whole frames there are.
func repairWAV(f *os.File, _ <-chan struct{}) (length, error) {
	head := make([]byte, wavHeader)
	if _, err := f.ReadAt(head, 0); err != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return length{}, err
	}
	rateHz := int(binary.LittleEndian.Uint32(head[wavRateAt:]))
	if !fileRate(rateHz) {
		return length{}, fmt.Errorf("wav: %d Hz: %w", rateHz, errBroken)
	}
	info, err := f.Stat()
	if err != nil {
		return length{}, err
	}
	frame := int64(2 * mixer.FrameSamples(rateHz))
	bytes := min(info.Size()-wavHeader, wavMax) / frame * frame
	if bytes == 0 {
		return length{}, nil
	}
	if err := f.Truncate(wavHeader + bytes); err != nil {
		return length{}, err
	}
	_, err = f.WriteAt(wavHead(uint32(bytes), rateHz), 0)
	return length{uint64(bytes / 2), rateHz}, err
}
