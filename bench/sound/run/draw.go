package main

import (
	"fmt"
	"os"
	"path/filepath"

	"gonum.org/v1/plot/plotter"

	"github.com/confbridge/confbridge/bench/sound/figure"
	"github.com/confbridge/confbridge/bench/sound/page"
)

// delayPlots are the cases whose delay is drawn over time, all codecs of one in one picture.
var delayPlots = []struct{ file, title string }{
	{"delay-stall", "stall of 300 ms"},
	{"delay-jitter", "jitter 0 to 100 ms"},
	{"delay-pareto", "jitter of Pareto"},
	{"delay-bursts", "5 % in bursts of 3, spikes to 250 ms"},
	{"delay-skew-fast", "skew +200 ppm"},
	{"delay-skew-slow", "skew -200 ppm"},
}

// spectrograms are the calls that are drawn, as they were heard.
var spectrograms = []struct {
	file, name, codec string
	toHz              float64
}{
	{"spectrum-pcmu-clean", "clean twin", "PCMU", 4000},
	{"spectrum-pcmu-loss", "loss 15 %", "PCMU", 4000},
	{"spectrum-opus-clean", "clean twin", "opus", 8000},
	{"spectrum-opus-bursts", "5 % in bursts of 3, spikes to 250 ms", "opus", 8000},
}

const drawnSeconds = 8

// draw makes all pictures in a folder, for the page beside it.
func draw(scenes []scene, folder string) ([]page.Picture, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	var out []page.Picture
	add := func(file, title string) string {
		out = append(out, page.Picture{File: filepath.Base(folder) + "/" + file + ".png", Title: title})
		return filepath.Join(folder, file+".png")
	}
	for _, d := range delayPlots {
		var lines []figure.Line
		for _, s := range scenes {
			if p, ok := s.(*pair); ok && p.name == d.title && p.failed == nil {
				lines = append(lines, p.line())
			}
		}
		if err := figure.Delay(add(d.file, "delay: "+d.title), d.title, lines); err != nil {
			return out, err
		}
	}
	for _, d := range spectrograms {
		for _, s := range scenes {
			p, ok := s.(*pair)
			if !ok || p.name != d.name || p.codec != d.codec || p.failed != nil {
				continue
			}
			title := d.codec + ", " + d.name
			heard := p.part(p.aligned, 0, drawnSeconds)
			if err := figure.Spectrogram(add(d.file, "spectrogram: "+title), title, heard, p.profile.SampleRateHz, d.toHz); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// line is the pair's delay over time.
func (p *pair) line() figure.Line {
	l := figure.Line{Name: p.codec}
	for _, d := range p.delays {
		l.Points = append(l.Points, plotter.XY{X: d.Seconds - p.track.Start(), Y: d.Millis})
	}
	return l
}
