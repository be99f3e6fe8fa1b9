package recorder

import (
	"bufio"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
)

// flacBlock is how many frames of a room make a block: 80 ms, near to what the format is best at.
const flacBlock = 4

// flacSink is a sink of FLAC. Blocks are told apart by their first sample, so that the last one may be shorter.
type flacSink struct {
	out     *out
	encoder *flac.Encoder
	block   []int32
	frame   frame.Frame
}

func newFLAC(f file) (sink, error) {
	s := &flacSink{out: newOut(f), block: make([]int32, 0, flacBlock*frameSamples)}
	var err error
	s.encoder, err = flac.NewEncoder(s.out, &meta.StreamInfo{
		BlockSizeMin: flacBlock * frameSamples, BlockSizeMax: flacBlock * frameSamples,
		SampleRate: fileRateHz, NChannels: 1, BitsPerSample: 16,
	})
	return s, err
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
	prediction := frame.PredVerbatim // the encoder looks for a better one
	if slices.Max(s.block) == slices.Min(s.block) {
		prediction = frame.PredConstant // and spends nothing on silence
	}
	s.frame = frame.Frame{
		Header: frame.Header{
			BlockSize: uint16(len(s.block)), SampleRate: fileRateHz, Channels: frame.ChannelsMono, BitsPerSample: 16,
		},
		Subframes: []*frame.Subframe{{
			SubHeader: frame.SubHeader{Pred: prediction}, Samples: s.block, NSamples: len(s.block),
		}},
	}
	err := s.encoder.WriteFrame(&s.frame)
	s.block = s.block[:0]
	return s.out.cause(err)
}

func (s *flacSink) silence(frames uint64) error {
	var zero [frameSamples]int16
	for range frames {
		if err := s.write(zero[:]); err != nil {
			return err
		}
	}
	return nil
}

// flush writes whole blocks only: 60 ms may stay behind.
func (s *flacSink) flush() error { return s.out.buffer.Flush() }

func (s *flacSink) finish() error {
	if err := s.encode(); err != nil {
		return err
	}
	return errors.Join(s.encoder.Close(), s.out.buffer.Flush()) // Close writes the number of samples and their MD5
}

// The first 42 bytes of a FLAC file: "fLaC", the header of STREAMINFO, and STREAMINFO (RFC 9639 §8.2).
const (
	flacHeader    = 42
	flacBlocksAt  = 8  // the shortest and the longest block
	flacSamplesAt = 18 // 20 bits of rate, 3 of channels, 5 of depth, 36 of the number of samples
	flacMD5At     = 26
)

// repairFLAC cuts what is behind the last whole frame, and writes STREAMINFO anew.
func repairFLAC(f *os.File, stop <-chan struct{}) (samples uint64, err error) {
	head := make([]byte, flacHeader)
	if _, err := f.ReadAt(head, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		return 0, err
	}
	if string(head[:4]) != "fLaC" {
		return 0, fmt.Errorf("flac: no FLAC signature: %w", errBroken)
	}
	if _, err := f.Seek(flacHeader, io.SeekStart); err != nil {
		return 0, err
	}
	in := &counted{r: bufio.NewReaderSize(f, bufferBytes)}
	sum := md5.New() // FLAC's own checksum of the sound
	whole, shortest, longest := int64(0), uint16(0), uint16(0)
	for {
		if stopped(stop) {
			return 0, errStopped
		}
		block, err := parseFLAC(in)
		if err != nil || block.Num != samples { // a file's frames follow each other; what does not is none of its
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
		return 0, nil
	}
	if err := f.Truncate(flacHeader + whole); err != nil {
		return 0, err
	}
	binary.BigEndian.PutUint16(head[flacBlocksAt:], shortest)
	binary.BigEndian.PutUint16(head[flacBlocksAt+2:], longest)
	form := binary.BigEndian.Uint64(head[flacSamplesAt:])
	binary.BigEndian.PutUint64(head[flacSamplesAt:], form&^(1<<36-1)|samples)
	copy(head[flacMD5At:], sum.Sum(nil))
	_, err = f.WriteAt(head, 0)
	return samples, err
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
