package sounds

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	fuzzLongest = 2 * time.Second
	fuzzSeed    = 1000 // bytes of a seed: of long ones few are tried in a given time
)

// fuzz gives a reader whatever there is. What it makes of it must be within bounds.
func fuzz(f *testing.F, pattern string, read func(io.ReadSeeker, int64, *gather) error) {
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		f.Fatalf("seeds: got %d files, %v", len(files), err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content[:min(len(content), fuzzSeed)])
	}
	for _, row := range damaged(f) {
		f.Add(row.content[:min(len(row.content), fuzzSeed)])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		g := newGather(fuzzLongest)
		if err := read(bytes.NewReader(content), int64(len(content)), g); err != nil {
			return
		}
		c, err := g.clip()
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("got %v, want a clip or %v", err, ErrFormat)
			}
			return
		}
		if c.RateHz != 8000 && c.RateHz != 16000 && c.RateHz != 48000 || c.Duration() > fuzzLongest {
			t.Errorf("got %v at %d Hz, want at most %v at a clip's rate", c.Duration(), c.RateHz, fuzzLongest)
		}
	})
}

func FuzzWAV(f *testing.F) { fuzz(f, "*.wav", readWAV) }

// Pages have the right checksum, so that what is in them is looked at.
func FuzzOgg(f *testing.F) {
	fuzz(f, "*.o*", func(file io.ReadSeeker, size int64, g *gather) error {
		content, err := io.ReadAll(file)
		if err != nil {
			return err
		}
		return readOgg(bytes.NewReader(mended(content)), size, g)
	})
}

// mended is content with the right checksum in every page that begins with OggS.
func mended(content []byte) []byte {
	content = bytes.Clone(content)
	for at := 0; at < len(content); {
		next := bytes.Index(content[at:], []byte("OggS"))
		if next < 0 || at+next+oggHeader > len(content) {
			break
		}
		at += next
		end := at + oggHeader + int(content[at+oggHeader-1])
		if end > len(content) {
			break
		}
		for _, n := range content[at+oggHeader : end] {
			end += int(n)
		}
		if end > len(content) {
			break
		}
		page := content[at:end]
		clear(page[oggCRCAt : oggCRCAt+4])
		binary.LittleEndian.PutUint32(page[oggCRCAt:], oggCRC(0, page))
		at = end
	}
	return content
}

// The decoders of FLAC and MP3 are of others, and may panic: see sheltered.

func FuzzFLAC(f *testing.F) {
	fuzz(f, "*.flac", func(file io.ReadSeeker, size int64, g *gather) error {
		return sheltered(func() error { return readFLAC(file, size, g) })
	})
}

func FuzzMP3(f *testing.F) {
	fuzz(f, "*.mp3", func(file io.ReadSeeker, size int64, g *gather) error {
		return sheltered(func() error { return readMP3(file, size, g) })
	})
}

func FuzzTones(f *testing.F) {
	for _, text := range []string{beepTones, "350+440/1000", "0/1", "425/200,0/200,425/200", "", "/", "440", "440/0", "19/5", "7001/5", "1+2+3+4+5/6", "440/99999999999", "440/-1", ","} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := toneClip(text, fuzzLongest)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTooLong) {
				t.Errorf("got %v, want %v or %v", err, ErrFormat, ErrTooLong)
			}
			return
		}
		if d := c.Duration(); d <= 0 || d > fuzzLongest {
			t.Errorf("got %v, want more than nothing and at most %v", d, fuzzLongest)
		}
		for i, s := range c.PCM {
			if math.Abs(float64(s)) > toneAmplitude {
				t.Fatalf("sample %d: got %d, want at most %d", i, s, toneAmplitude)
			}
		}
	})
}
