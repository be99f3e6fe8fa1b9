package sounds

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hajimehoshi/go-mp3"
)

// An MP3 file may begin with an ID3v2 tag: "ID3", a version, flags, and its length in four bytes of seven bits. Then come frames, each with a
// header of four bytes: eleven bits of ones, version, layer, protection; bit rate, sampling rate, padding; channels.
const (
	id3Head        = 10
	id3Footer      = 0x10
	mp3FrameHead   = 4
	mp3StereoBytes = 4
	mp3Frames      = 1024
)

// readMP3 reads an MP3 file of MPEG-1 or MPEG-2.
func readMP3(file io.ReadSeeker, _ int64, g *gather) error {
	at, err := behindID3(file)
	if err != nil {
		return err
	}
	if _, err := file.Seek(at, io.SeekStart); err != nil {
		return err
	}
	source := &mp3Source{in: bufio.NewReader(file)}
	decoder, err := mp3.NewDecoder(source) // no seeker: it would read all of it twice
	switch {
	case source.frames == 0 && errors.Is(source.err, io.EOF):
		return errors.New("there is no frame in it")
	case source.err != nil && !errors.Is(source.err, io.EOF):
		return source.err
	case err != nil:
		return err
	}
	if err := g.begin(decoder.SampleRate(), 2); err != nil {
		return err
	}
	stereo := make([]byte, mp3Frames*mp3StereoBytes)
	mono := make([]float32, mp3Frames)
	for {
		n, err := io.ReadFull(decoder, stereo)
		n /= mp3StereoBytes
		for i := range n {
			left, right := binary.LittleEndian.Uint16(stereo[4*i:]), binary.LittleEndian.Uint16(stereo[4*i+2:])
			mono[i] = (float32(int16(left)) + float32(int16(right))) / 2
		}
		if err := g.add(mono[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			if errors.Is(source.err, io.EOF) {
				return nil
			}
			return source.err
		}
		if err != nil {
			return err
		}
	}
}

// behindID3 is where the frames begin. The decoder would read the tag into memory, whatever length it says that it has.
func behindID3(file io.ReadSeeker) (int64, error) {
	head := make([]byte, id3Head)
	if _, err := io.ReadFull(file, head); err != nil {
		return 0, err
	}
	if string(head[:3]) != "ID3" {
		return 0, nil
	}
	length := int64(id3Head)
	for i, b := range head[6:] {
		length += int64(b&0x7f) << (7 * (3 - i))
	}
	if head[5]&id3Footer != 0 {
		length += id3Head
	}
	return length, nil
}

// mp3Source gives the decoder whole frames and nothing else: of anything else it makes noise.
type mp3Source struct {
	in     *bufio.Reader
	frames int // that have begun
	left   int // bytes of the last of them
	err    error
}

// Read is that of io.Reader. The file ends with its last frame, or with a tag behind it.
func (s *mp3Source) Read(b []byte) (int, error) {
	if s.left == 0 && s.err == nil {
		s.err = s.begin()
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.in.Read(b[:min(len(b), s.left)])
	s.left -= n
	if err != nil {
		s.err = err
	}
	return n, err
}

// begin looks at the header of the next frame.
func (s *mp3Source) begin() error {
	head, err := s.in.Peek(mp3FrameHead)
	if len(head) < mp3FrameHead {
		return err
	}
	if s.left = mp3FrameBytes(head); s.left == 0 {
		for _, tag := range []string{"TAG", "APE", "LYR", "ID3", "\x00\x00\x00"} {
			if s.frames > 0 && string(head[:3]) == tag {
				return io.EOF
			}
		}
		return fmt.Errorf("no frame where number %d should begin", s.frames+1)
	}
	s.frames++
	if mp3Misread(head, s.left) {
		return errors.New("its frames at 22050 Hz are not read rightly: make it of another rate")
	}
	return nil
}

// mp3Misread says that the decoder takes a frame to be a byte shorter than it is: it adds the padding of MPEG-2 before it halves. That leaves
// files of 22050 Hz at some bit rates; other rates have no padding there.
func mp3Misread(head []byte, length int) bool {
	second, padded := head[1]>>3&3 != 3, head[2]>>1&1 == 1
	if !second || !padded {
		return false
	}
	rateHz := [3]int{44100, 48000, 32000}[head[2]>>2&3] / 2
	return (144*mp3Rates[1][head[2]>>4]*1000/rateHz+1)/2 != length
}

// mp3Rates are the bit rates of layer III in kbit/s, of MPEG-1, and of MPEG-2 and 2.5.
var mp3Rates = [2][16]int{
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},
}

// mp3FrameBytes is the length of the frame whose header is b; 0: it is none of layer III.
func mp3FrameBytes(b []byte) int {
	if b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return 0
	}
	version, layer := b[1]>>3&3, b[1]>>1&3
	if version == 1 || layer != 1 || b[2]>>2&3 == 3 {
		return 0
	}
	second, factor := 0, 144
	if version != 3 {
		second, factor = 1, 72
	}
	sampleRateHz := [3]int{44100, 48000, 32000}[b[2]>>2&3]
	switch version {
	case 2:
		sampleRateHz /= 2
	case 0:
		sampleRateHz /= 4
	}
	bits := mp3Rates[second][b[2]>>4] * 1000
	if bits == 0 {
		return 0
	}
	return factor*bits/sampleRateHz + int(b[2]>>1&1)
}
