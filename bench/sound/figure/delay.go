// Package figure draws what was heard: delay over time, and spectrograms.
package figure

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

const (
	width  = 6.5 * vg.Inch
	height = 2.2 * vg.Inch
	dpi    = 100
)

// Line is one line of a plot: its name, and points of seconds and milliseconds.
type Line struct {
	Name   string
	Points plotter.XYs
}

var lineColors = []color.RGBA{{31, 119, 180, 255}, {214, 39, 40, 255}, {44, 160, 44, 255}, {148, 103, 189, 255}}

// Delay draws delay over time as a PNG.
func Delay(path, title string, lines []Line) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "s", "mouth to ear, ms"
	p.Y.Min = 0
	p.Add(plotter.NewGrid())
	p.Legend.Top = true
	for i, l := range lines {
		line, err := plotter.NewScatter(l.Points)
		if err != nil {
			return fmt.Errorf("figure %s: %w", title, err)
		}
		line.GlyphStyle = vgdraw.GlyphStyle{Color: lineColors[i%len(lineColors)], Radius: vg.Points(1.2), Shape: vgdraw.CircleGlyph{}}
		p.Add(line)
		p.Legend.Add(l.Name, line)
	}
	return save(p, path)
}

// save writes a plot as a PNG of few colours, so that it is small.
func save(p *plot.Plot, path string) (err error) {
	canvas := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))
	p.Draw(vgdraw.New(canvas))
	from := canvas.Image()
	small := image.NewPaletted(from.Bounds(), palette())
	draw.Draw(small, from.Bounds(), from, image.Point{}, draw.Src)
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("figure: %w", err)
	}
	defer func() {
		if bad := file.Close(); err == nil && bad != nil {
			err = fmt.Errorf("figure: %w", bad)
		}
	}()
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(file, small); err != nil {
		return fmt.Errorf("figure: %w", err)
	}
	return nil
}

// palette has greys, the colours of lines, and those of the spectrograms.
func palette() color.Palette {
	var out color.Palette
	for i := range 8 {
		v := uint8(i * 255 / 7)
		out = append(out, color.RGBA{v, v, v, 255})
	}
	for _, c := range lineColors {
		out = append(out, c)
	}
	for i := range heatColors {
		out = append(out, heat(float64(i)/(heatColors-1)))
	}
	return out
}
