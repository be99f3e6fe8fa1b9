package sounds

import (
	"errors"
	"fmt"
	"io"

	"github.com/mewkiz/flac"
)

// readFLAC reads a FLAC file (RFC 9639). The checksums of its frames are looked at; that of the whole is not.
func readFLAC(file io.ReadSeeker, _ int64, g *gather) error {
	stream, err := flac.New(file)
	if err != nil {
		return err
	}
	info := stream.Info
	if err := g.begin(int(info.SampleRate), int(info.NChannels)); err != nil {
		return err
	}
	if info.NSamples > uint64(g.most) {
		return g.room(g.most + 1)
	}
	scale := 1 / float32(int64(1)<<max(info.BitsPerSample, 1)) * (1 << 16)
	var mono []float32
	for {
		frame, err := stream.ParseNext()
		if errors.Is(err, io.EOF) && uint64(len(g.pcm)) >= info.NSamples {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d of %d samples: %w", len(g.pcm), info.NSamples, err)
		}
		mono = append(mono[:0], make([]float32, frame.BlockSize)...)
		for _, channel := range frame.Subframes {
			for i, v := range channel.Samples[:len(mono)] {
				mono[i] += float32(v)
			}
		}
		for i := range mono {
			mono[i] *= scale / float32(len(frame.Subframes))
		}
		if err := g.add(mono); err != nil {
			return err
		}
	}
}
