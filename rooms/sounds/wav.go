package sounds

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/zaf/g711"
)

// A WAV file is "RIFF", a length, "WAVE", and chunks of a name, a length and as many bytes, an odd number of them followed by one that
// does not count. "fmt " says what is in "data":
//
//	0 format  2 channels  4 rate  8 bytes a second  12 bytes a frame  14 bits a sample  16 length of what follows
//	18 bits that count  20 which channels  24 format again, and the rest of a GUID
const (
	wavPCM        = 1
	wavFloat      = 3
	wavALaw       = 6
	wavMuLaw      = 7
	wavExtensible = 0xfffe

	wavHead      = 12
	wavChunkHead = 8
	wavFormMin   = 16
	wavFormMax   = 40
	wavGUIDAt    = 24
	wavFrames    = 1024 // that are read at once
)

// wavForm is what a file says of its samples.
type wavForm struct {
	format, channels, rateHz, frameBytes, bits int
}

func readWAV(file io.ReadSeeker, size int64, g *gather) error {
	in := bufio.NewReader(file)
	if _, err := in.Discard(wavHead); err != nil {
		return err
	}
	var form wavForm
	for left := size - wavHead; ; {
		var head [wavChunkHead]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return errors.New("it ends before its sound")
			}
			return err
		}
		left -= wavChunkHead
		name, length := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
		if length > left {
			return fmt.Errorf("chunk %q is said to have %d bytes, the file has %d more", name, length, left)
		}
		skip := length + length&1
		left -= skip
		switch name {
		case "data":
			return form.read(in, length, g)
		case "fmt ":
			var err error
			if form, err = parseForm(in, length); err != nil {
				return err
			}
			skip -= min(length, wavFormMax)
			if err := g.begin(form.rateHz, form.channels); err != nil {
				return err
			}
		}
		if _, err := io.CopyN(io.Discard, in, skip); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
}

// parseForm reads the first wavFormMax bytes of a "fmt " chunk, or all of a shorter one.
func parseForm(in io.Reader, length int64) (wavForm, error) {
	if length < wavFormMin {
		return wavForm{}, fmt.Errorf("chunk \"fmt \" has %d bytes, want %d or more", length, wavFormMin)
	}
	b := make([]byte, min(length, wavFormMax))
	if _, err := io.ReadFull(in, b); err != nil {
		return wavForm{}, err
	}
	f := wavForm{
		format: int(binary.LittleEndian.Uint16(b)), channels: int(binary.LittleEndian.Uint16(b[2:])),
		rateHz: int(binary.LittleEndian.Uint32(b[4:])), frameBytes: int(binary.LittleEndian.Uint16(b[12:])),
		bits: int(binary.LittleEndian.Uint16(b[14:])),
	}
	if f.format == wavExtensible && len(b) >= wavGUIDAt+2 {
		f.format = int(binary.LittleEndian.Uint16(b[wavGUIDAt:]))
	}
	if f.sample() == nil {
		return wavForm{}, fmt.Errorf("format %d of %d bits is not read", f.format, f.bits)
	}
	if f.frameBytes != f.channels*f.bits/8 {
		return wavForm{}, fmt.Errorf("frames of %d bytes, want %d for %d channels of %d bits", f.frameBytes, f.channels*f.bits/8, f.channels, f.bits)
	}
	return f, nil
}

// sample is what makes a number of the bytes of one sample; full scale is 32768. Nil: nobody knows the format.
func (f wavForm) sample() func(b []byte) float32 {
	switch [2]int{f.format, f.bits} {
	case [2]int{wavPCM, 8}:
		return func(b []byte) float32 { return float32(int(b[0])-128) * 256 }
	case [2]int{wavPCM, 16}:
		return func(b []byte) float32 { return float32(int16(binary.LittleEndian.Uint16(b))) }
	case [2]int{wavPCM, 24}:
		return func(b []byte) float32 {
			return float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 16)
		}
	case [2]int{wavPCM, 32}:
		return func(b []byte) float32 { return float32(int32(binary.LittleEndian.Uint32(b))) / (1 << 16) }
	case [2]int{wavFloat, 32}:
		return func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) * (1 << 15) }
	case [2]int{wavFloat, 64}:
		return func(b []byte) float32 {
			return float32(math.Float64frombits(binary.LittleEndian.Uint64(b)) * (1 << 15))
		}
	case [2]int{wavALaw, 8}:
		return func(b []byte) float32 { return float32(g711.DecodeAlawFrame(b[0])) }
	case [2]int{wavMuLaw, 8}:
		return func(b []byte) float32 { return float32(g711.DecodeUlawFrame(b[0])) }
	}
	return nil
}

// read takes the sound out of a chunk of length bytes; what is no whole frame at its end is left.
func (f wavForm) read(in io.Reader, length int64, g *gather) error {
	sample := f.sample()
	if sample == nil {
		return errors.New("it does not say what its sound is")
	}
	width := f.bits / 8
	frames := make([]byte, wavFrames*f.frameBytes)
	mono := make([]float32, 0, wavFrames)
	for length -= length % int64(f.frameBytes); length > 0; {
		part := frames[:min(int64(len(frames)), length)]
		if _, err := io.ReadFull(in, part); err != nil {
			return err
		}
		length -= int64(len(part))
		mono = mono[:0]
		for at := 0; at < len(part); at += f.frameBytes {
			sum := float32(0)
			for c := range f.channels {
				sum += sample(part[at+c*width:])
			}
			mono = append(mono, sum/float32(f.channels))
		}
		if err := g.add(mono); err != nil {
			return err
		}
	}
	return nil
}
