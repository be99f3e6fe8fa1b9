package figure

import (
	"image"
	"image/color"
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

const (
	heatColors = 16
	columns    = 560  // of a spectrogram
	window     = 0.03 // seconds
	quietest   = -95.0
	loudest    = -35.0
)

// heat is the colour of a level from 0 to 1: black, violet, orange, white.
func heat(x float64) color.RGBA {
	stops := [...][3]float64{{0, 0, 8}, {80, 18, 123}, {220, 70, 60}, {252, 160, 50}, {252, 253, 200}}
	x = max(min(x, 1), 0) * float64(len(stops)-1)
	i := min(int(x), len(stops)-2)
	var c [3]uint8
	for k := range c {
		c[k] = uint8(stops[i][k] + (stops[i+1][k]-stops[i][k])*(x-float64(i)))
	}
	return color.RGBA{c[0], c[1], c[2], 255}
}

// Spectrogram draws pcm up to a frequency as a PNG.
func Spectrogram(path, title string, pcm []float64, rateHz int, toHz float64) error {
	size := int(window * float64(rateHz))
	fft := fourier.NewFFT(size)
	rows := int(toHz * window)
	picture := image.NewRGBA(image.Rect(0, 0, columns, rows))
	frame := make([]float64, size)
	for x := range columns {
		from := x * max(len(pcm)-size, 1) / columns
		for i := range frame {
			frame[i] = 0
			if from+i < len(pcm) {
				frame[i] = pcm[from+i] * (0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(size)))
			}
		}
		bins := fft.Coefficients(nil, frame)
		for y := range min(rows, len(bins)) {
			level := 20 * math.Log10(4*cmplx.Abs(bins[y])/float64(size)+1e-9)
			step := math.Round((level - quietest) / (loudest - quietest) * (heatColors - 1))
			picture.SetRGBA(x, rows-1-y, heat(step/(heatColors-1)))
		}
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "s", "Hz"
	p.Add(plotter.NewImage(picture, 0, 0, float64(len(pcm))/float64(rateHz), toHz))
	return save(p, path)
}
