package dtmf

import (
	"fmt"
	"testing"
	"time"

	"github.com/confbridge/confbridge/bench/sound/voices"
)

// BenchmarkProcess is a second of a leg's sound in frames of 20 ms.
func BenchmarkProcess(b *testing.B) {
	for _, rate := range rates {
		voice, err := voices.Speech(0, rate)
		if err != nil {
			b.Fatal(err)
		}
		key := good('5')
		key.length = time.Second
		for _, sound := range []struct {
			name string
			pcm  []int16
		}{
			{"silence", make([]int16, rate)},
			{"speech", integers(voice[rate : 2*rate])},
			{"key", key.sound(rate, 0, seeded(1))[:rate]},
		} {
			b.Run(fmt.Sprintf("%d/%s", rate, sound.name), func(b *testing.B) {
				d := New(rate)
				frame := make([]int16, rate/50)
				b.ReportAllocs()
				for b.Loop() {
					for at := 0; at < len(sound.pcm); at += len(frame) {
						copy(frame, sound.pcm[at:])
						d.Process(frame)
					}
					d.Next()
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "µs/s")
			})
		}
	}
}
