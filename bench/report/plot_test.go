package report_test

import (
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/confbridge/confbridge/bench/report"
)

func TestWhatWasMeasuredIsDrawn(t *testing.T) {
	dir := t.TempDir()
	f := whole()
	for i := range f.Runs {
		f.Runs[i].MouthToEarBy5, f.Runs[i].LateBy5 = report.By5([]float64{1, 2, 3}), report.By5([]float64{0, 0, 1})
	}
	drawn, err := f.Plot(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"cost.png", "delay.png", "late.png"}; !slices.Equal(drawn, want) {
		t.Errorf("drew %v, want %v", drawn, want)
	}
	for _, name := range drawn {
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(file)
		file.Close()
		if err != nil || picture.Bounds().Dx() < 400 {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.Ladder = nil
	for i := range f.Runs { // what older files have
		f.Runs[i].MouthToEarBy5, f.Runs[i].LateBy5, f.Runs[i].ServerMicros = nil, nil, nil
	}
	if drawn, err := f.Plot(dir); err != nil || len(drawn) > 0 {
		t.Errorf("without figures: drew %v, %v", drawn, err)
	}
}
