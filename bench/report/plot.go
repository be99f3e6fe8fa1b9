package report

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// The pictures that Plot draws, in the order in which a page shows them.
const (
	costPicture  = "cost.png"
	delayPicture = "delay.png"
	latePicture  = "late.png"
)

// curve is a line of a picture.
type curve struct {
	name   string
	points plotter.XYs
}

// Plot draws what a file shows into a folder: cost against legs, the distribution of delay, and that of how far packets came
// behind their turn. What was not measured has no picture. It returns the names of those that were drawn.
func (f *File) Plot(dir string) ([]string, error) {
	var delays, late []curve
	for i := range f.Runs {
		r := &f.Runs[i]
		if r.Ratio != nil && r.Chirps > 0 {
			delays = append(delays, curve{r.Name, by5(r.MouthToEarBy5)})
		}
		if r.Ratio != nil || r.Churn > 0 {
			late = append(late, curve{r.Name, by5(r.LateBy5)})
		}
	}
	var drawn []string
	for _, p := range []struct {
		file, title, x, y string
		curves            []curve
	}{
		{costPicture, "Cost of a leg", "legs of PCMU in one room", "µs per leg and second", f.costs()},
		{delayPicture, "Mouth to ear", "ms", "% of chirps", delays},
		{latePicture, "Behind their turn", "ms", "% of packets", late},
	} {
		if ok, err := f.draw(filepath.Join(dir, p.file), p.title, p.x, p.y, p.curves); err != nil {
			return drawn, fmt.Errorf("plot %s: %w", p.file, err)
		} else if ok {
			drawn = append(drawn, p.file)
		}
	}
	return drawn, nil
}

// costs are what a leg takes of the bridge, and the floor, against how many there are; the ladder's first try of each size.
func (f *File) costs() []curve {
	bridge, floor := curve{name: "bridge"}, curve{name: "floor"}
	seen := map[int]bool{}
	add := func(r *Run) {
		if r.ServerMicros == nil || seen[r.Legs] || r.Answered < r.Legs {
			return
		}
		seen[r.Legs] = true
		bridge.points = append(bridge.points, plotter.XY{X: float64(r.Legs), Y: *r.ServerMicros})
		if r.FloorMicros != nil {
			floor.points = append(floor.points, plotter.XY{X: float64(r.Legs), Y: *r.FloorMicros})
		}
	}
	for i := range f.Runs {
		if name := f.Runs[i].Name; name == Few || name == PCMUOneRoom || name == Many {
			add(&f.Runs[i])
		}
	}
	for i := range f.Ladder {
		add(&f.Ladder[i])
	}
	for _, c := range []*curve{&bridge, &floor} {
		sortByX(c.points)
	}
	return []curve{bridge, floor}
}

// draw draws curves, and says whether there was anything to draw.
func (f *File) draw(file, title, x, y string, curves []curve) (bool, error) {
	p := plot.New()
	p.Title.Text = title + "\n" + f.Head()
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Min, p.Y.Min = 0, 0
	p.Add(plotter.NewGrid())
	some := false
	for i, c := range curves {
		if len(c.points) < 2 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(c.points)
		if err != nil {
			return false, err
		}
		line.Color, dots.Color, dots.Shape = plotutil.Color(i), plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, dots)
		p.Legend.Add(c.name, line, dots)
		some = true
	}
	if !some {
		return false, nil
	}
	return true, p.Save(9*vg.Inch, 5*vg.Inch, file)
}

// by5 is a distribution as points: value, and per cent that are at most that.
func by5(values []float64) plotter.XYs {
	points := make(plotter.XYs, len(values))
	for i, v := range values {
		points[i] = plotter.XY{X: v, Y: 5 * float64(i)}
	}
	return points
}

func sortByX(points plotter.XYs) {
	slices.SortFunc(points, func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
}
