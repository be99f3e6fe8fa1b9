package recorder

import (
	"bufio"
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/mewkiz/flac/frame"

	"github.com/confbridge/confbridge/mixer"
)

// flacBlock is how many frames of a room make a block: 80 ms, near to what the format is best at.
const flacBlock = 4

// flacSink is a sink of FLAC. Blocks are told apart by their first sample, so that each may have another length.
type flacSink struct {
	out               *out
	rateHz            int
	block             []int32
	predicted         prediction
	frame             []byte
	sound             []byte // of the block, as the checksum takes it
	sum               hash.Hash
	samples           uint64
	shortest, longest int // blocks
}

func newFLAC(f file, rateHz int) (sink, error) {
	s := &flacSink{out: newOut(f), rateHz: rateHz, block: make([]int32, 0, flacBlock*mixer.FrameSamples(rateHz)), sum: md5.New()}
	_, err := s.out.Write(s.head())
	return s, err
}

// head is how the file begins, as far as it is written.
func (s *flacSink) head() []byte {
	longest := max(s.longest, cap(s.block))
	return flacHead(s.rateHz, uint16(cmp.Or(s.shortest, longest)), uint16(longest), s.samples, s.sum)
}

func (s *flacSink) write(pcm []int16) error {
	for _, v := range pcm {
		s.block = append(s.block, int32(v))
	}
	if len(s.block) < cap(s.block) {
		return nil
	}
	return s.encode()
}

// encode writes the block that has been gathered.
func (s *flacSink) encode() error {
	if len(s.block) == 0 {
		return nil
	}
	n := len(s.block)
	s.predicted.choose(s.block)
	s.frame = appendFrame(s.frame[:0], s.block, flacRates[s.rateHz], s.samples, &s.predicted)
	s.sound = s.sound[:0]
	for _, v := range s.block {
		s.sound = binary.LittleEndian.AppendUint16(s.sound, uint16(v))
	}
	s.sum.Write(s.sound) // never fails: hash.Hash
	s.samples += uint64(n)
	s.longest = max(s.longest, n)
	if s.shortest == 0 || n < s.shortest {
		s.shortest = n
	}
	s.block = s.block[:0]
	_, err := s.out.Write(s.frame)
	return err
}

func (s *flacSink) silence(frames uint64) error {
	var zero [mixer.MaxFrameSamples]int16
	for range frames {
		if err := s.write(zero[:mixer.FrameSamples(s.rateHz)]); err != nil {
			return err
		}
	}
	return nil
}

// flush makes a block of what there is.
func (s *flacSink) flush() error { return errors.Join(s.encode(), s.out.buffer.Flush()) }

func (s *flacSink) finish() error {
	if err := s.encode(); err != nil {
		return err
	}
	if _, err := s.out.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := s.out.Write(s.head())
	return errors.Join(err, s.out.buffer.Flush())
}

// The first 42 bytes of a FLAC file: "fLaC", the header of STREAMINFO, and STREAMINFO (RFC 9639 §8.2).
const (
	flacHeader    = 42
	flacFormAt    = 18 // 20 bits of rate, 3 of channels, 5 of depth, 36 of the number of samples
	flacRateShift = 44
)

// flacHead makes these bytes. The sum is that of all samples; there are none yet where samples is 0.
func flacHead(rateHz int, shortest, longest uint16, samples uint64, sum hash.Hash) []byte {
	const lastBlock, streamInfo, mono, bits = 0x80, 34, 1, 16
	head := append([]byte("fLaC"), lastBlock, 0, 0, streamInfo)
	head = binary.BigEndian.AppendUint16(head, shortest)
	head = binary.BigEndian.AppendUint16(head, longest)
	head = append(head, 0, 0, 0, 0, 0, 0) // the shortest and the longest frame: not known
	head = binary.BigEndian.AppendUint64(head, uint64(rateHz)<<flacRateShift|(mono-1)<<41|(bits-1)<<36|samples)
	if samples == 0 {
		return append(head, make([]byte, md5.Size)...) // not known
	}
	return sum.Sum(head)
}

// repairFLAC cuts what is behind the last whole frame, and writes STREAMINFO anew.
func repairFLAC(f *os.File, stop <-chan struct{}) (length, error) {
	head := make([]byte, flacHeader)
	if _, err := f.ReadAt(head, 0); err != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return length{}, err
	}
	rateHz := int(binary.BigEndian.Uint64(head[flacFormAt:]) >> flacRateShift)
	if string(head[:4]) != "fLaC" || !fileRate(rateHz) {
		return length{}, fmt.Errorf("flac: no FLAC of ours: %w", errBroken)
	}
	if _, err := f.Seek(flacHeader, io.SeekStart); err != nil {
		return length{}, err
	}
	samples := uint64(0)
	in := &counted{r: bufio.NewReaderSize(f, bufferBytes)}
	sum := md5.New() // FLAC's own checksum of the sound
	whole, shortest, longest := int64(0), uint16(0), uint16(0)
	for {
		if stopped(stop) {
			return length{}, errStopped
		}
		block, err := parseFLAC(in)
		if err != nil || block.Num != samples || int(block.SampleRate) != rateHz { // a file's frames follow each other; what does not is none of its
			break
		}
		if whole == 0 || block.BlockSize < shortest {
			shortest = block.BlockSize
		}
		longest = max(longest, block.BlockSize)
		block.Hash(sum)
		samples += uint64(block.BlockSize)
		whole = in.n
	}
	if samples == 0 {
		return length{}, nil
	}
	if err := f.Truncate(flacHeader + whole); err != nil {
		return length{}, err
	}
	_, err := f.WriteAt(flacHead(rateHz, shortest, longest, samples, sum), 0)
	return length{samples, rateHz}, err
}

// flacSource reads what a flacSink has written.
type flacSource struct {
	in   io.Reader
	left []int32 // of the last block
}

func readFLAC(r io.Reader) (source, error) {
	in := bufio.NewReaderSize(r, bufferBytes)
	_, err := in.Discard(flacHeader)
	return &flacSource{in: in}, err
}

func (s *flacSource) read(pcm []int16) error {
	if len(s.left) == 0 {
		block, err := parseFLAC(s.in)
		if err != nil {
			return err
		}
		s.left = block.Subframes[0].Samples
	}
	if len(s.left) < len(pcm) {
		return fmt.Errorf("flac: a block of parts of a frame: %w", errBroken)
	}
	for i := range pcm {
		pcm[i] = int16(s.left[i])
	}
	s.left = s.left[len(pcm):]
	return nil
}

// errBroken is what repair says of a file that is not one of ours.
var errBroken = errors.New("file is damaged")

// parseFLAC reads one frame of mono 16 bit.
func parseFLAC(r io.Reader) (*frame.Frame, error) {
	block, err := frame.New(r)
	if err != nil {
		return nil, err
	}
	if block.Channels != frame.ChannelsMono || block.BitsPerSample != 16 || block.HasFixedBlockSize || block.BlockSize == 0 {
		return nil, errBroken
	}
	return block, block.Parse()
}

// counted counts what is read through it.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
