package phone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/go-audio/audio"
	"github.com/go-audio/wav"

	"github.com/confbridge/confbridge/mixer"
)

// Bounds of what LoadWAV takes into memory.
const (
	maxWAVSeconds  = 3600
	maxWAVChannels = 16
)

// ErrWAV is a file that cannot be played; it comes wrapped with the file's name and what is wrong with it.
var ErrWAV = errors.New("not a playable WAV file")

// LoadWAV reads a PCM WAV file of 8, 16, 24 or 32 bits, any rate and any number of channels, as mono at rateHz (8000,
// 16000 or 48000). At most an hour is taken.
func LoadWAV(path string, rateHz int) ([]int16, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkChunks(f); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrWAV, err)
	}
	d := wav.NewDecoder(f)
	d.ReadInfo()
	switch {
	case !d.IsValidFile():
		return nil, fmt.Errorf("%s: %w", path, ErrWAV)
	case d.WavAudioFormat != 1:
		return nil, fmt.Errorf("%s: encoding %d, want 1 (PCM): %w", path, d.WavAudioFormat, ErrWAV)
	case d.NumChans < 1 || d.NumChans > maxWAVChannels:
		return nil, fmt.Errorf("%s: %d channels, want 1 to %d: %w", path, d.NumChans, maxWAVChannels, ErrWAV)
	case d.BitDepth != 8 && d.BitDepth != 16 && d.BitDepth != 24 && d.BitDepth != 32:
		return nil, fmt.Errorf("%s: %d bits a sample, want 8, 16, 24 or 32: %w", path, d.BitDepth, ErrWAV)
	case d.SampleRate < 1000 || d.SampleRate > 384000:
		return nil, fmt.Errorf("%s: %d samples a second: %w", path, d.SampleRate, ErrWAV)
	}
	mono, err := readMono(d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrWAV, err)
	}
	return resample(mono, int(d.SampleRate), rateHz), nil
}

// checkChunks walks the file's chunks up to the data and rewinds. The decoder trusts their lengths: it reads on behind
// the end of the file for as long as a header says.
func checkChunks(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var head [8]byte
	for at := int64(12); ; {
		if _, err := f.ReadAt(head[:], at); err != nil {
			return fmt.Errorf("no data chunk: %w", err)
		}
		if string(head[:4]) == "data" {
			_, err := f.Seek(0, io.SeekStart)
			return err
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		at += 8 + size + size%2
		if at > info.Size() {
			return fmt.Errorf("chunk %q of %d bytes is longer than the file", head[:4], size)
		}
	}
}

// readMono reads all samples as the mean of their channels, full scale at 32768.
func readMono(d *wav.Decoder) ([]float64, error) {
	channels, scale := int(d.NumChans), math.Pow(2, float64(d.BitDepth)-16)
	limit := maxWAVSeconds * int(d.SampleRate)
	buf := &audio.IntBuffer{Format: d.Format(), Data: make([]int, 4096*channels)}
	var mono []float64
	for len(mono) < limit {
		n, err := d.PCMBuffer(buf)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n < channels {
			return mono, nil
		}
		for i := 0; i+channels <= n; i += channels {
			sum := 0
			for _, v := range buf.Data[i : i+channels] {
				if d.BitDepth == 8 {
					v -= 128 // 8-bit WAV is unsigned
				}
				sum += v
			}
			mono = append(mono, float64(sum)/float64(channels)/scale)
		}
	}
	return mono[:limit], nil
}

// sincTaps is how many samples either side the filter of resample looks at, at the lower rate.
const sincTaps = 24

// resample takes a whole recording from one rate to another by windowed-sinc interpolation; any two rates will do.
func resample(in []float64, fromHz, toHz int) []int16 {
	out := make([]int16, len(in)*toHz/fromHz)
	cutoff := math.Min(1, float64(toHz)/float64(fromHz)) // of the input's Nyquist frequency
	reach := sincTaps / cutoff
	for i := range out {
		at := float64(i) * float64(fromHz) / float64(toHz)
		if fromHz == toHz {
			out[i] = clip(in[i])
			continue
		}
		sum := 0.0
		for j := max(0, int(math.Ceil(at-reach))); j <= min(len(in)-1, int(at+reach)); j++ {
			x := at - float64(j)
			window := 0.5 + 0.5*math.Cos(math.Pi*x/reach)
			sum += in[j] * cutoff * sinc(cutoff*x) * window
		}
		out[i] = clip(sum)
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

func clip(v float64) int16 {
	return int16(math.Round(min(max(v, math.MinInt16), math.MaxInt16)))
}

// Recorder writes what a phone hears to a WAV file, 16 bits, mono. One goroutine uses it.
type Recorder struct {
	file *os.File
	enc  *wav.Encoder
	buf  audio.IntBuffer
	err  error
}

// CreateWAV starts a recording at rateHz. Close must be called for the file to be whole.
func CreateWAV(path string, rateHz int) (*Recorder, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &Recorder{
		file: f,
		enc:  wav.NewEncoder(f, rateHz, 16, 1, 1),
		buf: audio.IntBuffer{
			Format: &audio.Format{NumChannels: 1, SampleRate: rateHz}, SourceBitDepth: 16,
			Data: make([]int, 0, mixer.MaxFrameSamples),
		},
	}, nil
}

// Write appends frame; the first error is kept and returned by Close.
func (r *Recorder) Write(frame []int16) {
	r.buf.Data = r.buf.Data[:0]
	for _, v := range frame {
		r.buf.Data = append(r.buf.Data, int(v))
	}
	if err := r.enc.Write(&r.buf); err != nil && r.err == nil {
		r.err = err
	}
}

// Close finishes the file.
func (r *Recorder) Close() error {
	return errors.Join(r.err, r.enc.Close(), r.file.Close())
}
