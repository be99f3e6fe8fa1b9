package recorder

import (
	"testing"

	"github.com/confbridge/confbridge/rooms"
)

// BenchmarkSinks is a second of sound, or of silence, into one file.
func BenchmarkSinks(b *testing.B) {
	for _, format := range []rooms.RecordingFormat{rooms.FormatWAV, rooms.FormatFLAC, rooms.FormatOpus} {
		for _, what := range []string{"tone", "silence"} {
			b.Run(formats[format].name+"/"+what, func(b *testing.B) {
				f, err := createFile(openRoot(b, b.TempDir()), "mix")
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				t, err := newTrack(f, formats[format], 8000, "mix", "")
				if err != nil {
					b.Fatal(err)
				}
				pcm := tone(8000, 440, 8000, 0)
				tick := uint64(0)
				for b.Loop() {
					for range ticksInSecond {
						if what == "tone" {
							err = t.write(tick, 8000, pcm)
						} else {
							err = t.pad(tick + 1)
						}
						if err != nil {
							b.Fatal(err)
						}
						tick++
					}
				}
			})
		}
	}
}
