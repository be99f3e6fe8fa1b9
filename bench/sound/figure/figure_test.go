package figure

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"gonum.org/v1/plot/plotter"

	"github.com/confbridge/confbridge/bench/sound/voices"
)

// small is the size that a picture in the repository may have.
const small = 60_000

func TestDelayIsDrawn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "delay.png")
	points := plotter.XYs{{X: 0, Y: 10}, {X: 5, Y: 300}, {X: 10, Y: 20}}
	if err := Delay(path, "a stall", []Line{{"PCMU", points}, {"opus", nil}}); err != nil {
		t.Fatal(err)
	}
	colors := colorsOf(t, path)
	if colors[lineColors[0]] == 0 {
		t.Error("no point is to be seen")
	}
}

func TestASpectrogramShowsASweepAsALineFromCornerToCorner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sweep.png")
	if err := Spectrogram(path, "a sweep", voices.Sweep(0, 4000, -20, 8000, 32000), 8000, 4000); err != nil {
		t.Fatal(err)
	}
	colors := colorsOf(t, path)
	loud, quiet := colors[heat(1)], colors[heat(0)]
	if loud < 500 || quiet < 20*loud {
		t.Errorf("%d loud points, %d quiet ones", loud, quiet)
	}
	if err := Spectrogram(path, "next to nothing", []float64{0}, 8000, 4000); err != nil {
		t.Error(err)
	}
}

// colorsOf counts the colours of a picture, and says if it is too large for a repository.
func colorsOf(t *testing.T, path string) map[any]int {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() > small {
		t.Errorf("the picture has %d bytes", info.Size())
	}
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	out := map[any]int{}
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			out[picture.At(x, y)]++
		}
	}
	return out
}
