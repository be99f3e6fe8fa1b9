package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/confbridge/confbridge/bench/sound/ears"
	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/page"
)

const (
	earsCase   = "independent ears"
	earsESTOI  = 0.97
	earsJitter = 3.0 // ms
)

// listen has other programs hear the first clean call of each codec.
func listen(ctx context.Context, scenes []scene, f *page.File) error {
	done := map[string]bool{}
	for _, s := range scenes {
		p, ok := s.(*pair)
		if !ok || p.name != "clean" || done[p.codec] {
			continue
		}
		done[p.codec] = true
		if p.failed != nil {
			f.Rows = append(f.Rows, missed(earsCase, p.codec, p.failed))
			continue
		}
		if err := p.listen(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// listen has other programs hear what came to the pair's listener.
func (p *pair) listen(ctx context.Context, f *page.File) error {
	dir, err := os.MkdirTemp("", "confbridge-ears-")
	if err != nil {
		return fmt.Errorf("ears: %w", err)
	}
	defer os.RemoveAll(dir)
	c := ears.Capture{Format: p.profile.Format}
	for _, in := range p.listener.Received() {
		c.Packets = append(c.Packets, ears.Packet{Arrival: in.Time(), Data: in.Data})
	}
	for _, program := range []struct {
		name string
		hear func(context.Context, string) ([]float64, error)
	}{{"ffmpeg", c.FFmpeg}, {"gst-launch-1.0", c.GStreamer}} {
		row := page.Row{Case: earsCase, What: program.name + ", " + p.codec, Wanted: "hears what was said, ESTOI ≥ .97"}
		if pcm, err := heardBy(ctx, dir, program.name, program.hear); err != nil {
			row.Got = strings.ReplaceAll(err.Error(), "\n", "; ")
		} else {
			estoi := p.compareWith(pcm)
			row.Got, row.OK = fmt.Sprintf("ESTOI %.3f", estoi), estoi >= earsESTOI
		}
		f.Rows = append(f.Rows, row)
	}
	row := page.Row{Case: earsCase, What: "tshark, " + p.codec, Wanted: "0 lost, jitter below 3 ms"}
	if stream, err := c.TShark(ctx, dir); err != nil {
		row.Got = strings.ReplaceAll(err.Error(), "\n", "; ")
	} else {
		row.Got = fmt.Sprintf("%d of %d packets lost, jitter at most %.2f ms", stream.Lost, stream.Packets, stream.MaxJitterMs)
		row.OK = stream.Lost == 0 && stream.Packets == len(c.Packets) && stream.MaxJitterMs < earsJitter
	}
	f.Rows = append(f.Rows, row)
	if p.codec == "opus" {
		row := page.Row{Case: earsCase, What: "opusinfo", Wanted: "no fault", Got: "none", OK: true}
		if err := c.OpusInfo(ctx, dir); err != nil {
			row.Got, row.OK = strings.ReplaceAll(err.Error(), "\n", "; "), false
		}
		f.Rows = append(f.Rows, row)
	}
	return nil
}

func heardBy(ctx context.Context, dir, name string, hear func(context.Context, string) ([]float64, error)) ([]float64, error) {
	if _, err := exec.LookPath(name); err != nil {
		return nil, err
	}
	return hear(ctx, dir)
}

// compareWith is the ESTOI of what another program has decoded, whose time is not that of the calls.
func (p *pair) compareWith(pcm []float64) float64 {
	rate := p.profile.SampleRateHz
	said, heard := metric.Resample(p.clean, rate, metric.DelayRateHz), metric.Resample(pcm, rate, metric.DelayRateHz)
	// It began to hear when the call did, a moment before there was something to hear.
	even := func(i int) float64 { return float64(i) / metric.DelayRateHz }
	delays := metric.Delays(said, heard, even, even, 2*leadIn.Seconds())
	aligned := metric.Align(p.clean, pcm, delays, rate)
	return metric.ESTOI(p.part(p.clean, settled, p.seconds()), p.part(aligned, settled, p.seconds()), rate)
}
