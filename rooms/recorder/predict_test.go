package recorder

import (
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/confbridge/confbridge/mixer"
)

// Whatever is chosen for a block, what is read back is what was written.
func TestEveryBlockIsReadBack(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		rateHz := rapid.SampledFrom([]int{8000, 16000, 48000}).Draw(rt, "rate")
		kind := rapid.SampledFrom([]string{"silence", "one value", "quiet", "loud", "edges", "tone", "one sample"}).Draw(rt, "kind")
		frames := rapid.IntRange(1, 9).Draw(rt, "frames")
		root := openRoot(t, dir)
		name := "block.flac"
		_ = root.Remove(name)
		f, err := createFile(root, name)
		if err != nil {
			rt.Fatal(err)
		}
		s, err := newFLAC(f, rateHz)
		if err != nil {
			rt.Fatal(err)
		}
		var want []int16
		for tick := range frames {
			pcm := drawn(rt, kind, rateHz, uint64(tick))
			if err := s.write(pcm); err != nil {
				rt.Fatal(err)
			}
			if rapid.Bool().Draw(rt, "flush") {
				if err := s.flush(); err != nil {
					rt.Fatal(err)
				}
			}
			want = append(want, pcm...)
		}
		if err := s.finish(); err != nil {
			rt.Fatal(err)
		}
		if err := f.Close(); err != nil {
			rt.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			rt.Fatal(err)
		}
		got := decodeFLAC(t, raw)
		if len(got) != len(want) {
			rt.Fatalf("got %d samples, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				rt.Fatalf("sample %d: got %d, want %d", i, got[i], want[i])
			}
		}
	})
}

// drawn is a frame of some kind of sound.
func drawn(rt *rapid.T, kind string, rateHz int, tick uint64) []int16 {
	pcm := make([]int16, mixer.FrameSamples(rateHz))
	seed := rapid.Uint32().Draw(rt, "seed")
	for i := range pcm {
		seed = seed*1664525 + 1013904223
		switch kind {
		case "one value":
			pcm[i] = -32768
		case "quiet":
			pcm[i] = int16(seed>>28) - 8
		case "loud":
			pcm[i] = int16(seed >> 16)
		case "edges":
			pcm[i] = 32767
			if seed>>31 == 0 {
				pcm[i] = -32768
			}
		}
	}
	switch kind {
	case "tone":
		return tone(rateHz, 440, 12000, tick)
	case "one sample":
		pcm[int(seed>>8)%len(pcm)] = int16(seed)
	}
	return pcm
}

// What can be predicted is short.
func TestBlocksAreShort(t *testing.T) {
	for _, row := range []struct {
		name  string
		frame func(tick uint64) []int16
		most  float64 // of the length in WAV
	}{
		{"a vowel", func(tick uint64) []int16 { return vowel(8000, tick) }, 0.75},
		{"a tone at 48 kHz", func(tick uint64) []int16 { return tone(48000, 440, 8000, tick) }, 0.5},
		{"silence", func(uint64) []int16 { return make([]int16, 160) }, 0.05},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			f, err := createFile(openRoot(t, dir), "f.flac")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s, err := newFLAC(f, len(row.frame(0))*50)
			if err != nil {
				t.Fatal(err)
			}
			samples := 0
			for tick := range uint64(100) {
				pcm := row.frame(tick)
				samples += len(pcm)
				if err := s.write(pcm); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.finish(); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(filepath.Join(dir, "f.flac"))
			if err != nil {
				t.Fatal(err)
			}
			if got := float64(info.Size()) / float64(2*samples); got > row.most {
				t.Errorf("the file has %.2f of the length in WAV, want at most %.2f", got, row.most)
			}
		})
	}
}
