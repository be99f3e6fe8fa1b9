// Package flame draws a profile as a flame graph: an SVG that a browser opens from a file, without any script. What a function
// took is its width, what called it stands above it; the pointer on a box shows its name in full.
package flame

import (
	"bufio"
	"cmp"
	"fmt"
	"html"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/confbridge/confbridge/bench/profile/stage"
)

// All lengths are those of the picture, in pixels.
const (
	width     = 1400.0
	rowHeight = 17.0
	head      = 44.0
	letter    = 6.6 // of the font, about
	narrowest = 0.4 // boxes below it are left out
)

// colours are those of the stages.
var colours = map[stage.Stage]string{
	stage.Receive: "#8fc7ff", stage.Jitter: "#a8e6b8", stage.Decode: "#5fc98a", stage.Levels: "#e6e28a", stage.Mix: "#f5c26b", stage.Encode: "#f59a6b",
	stage.Send: "#6b9df5", stage.Scheduler: "#c9b8f0", stage.Garbage: "#f08fb0", stage.Rest: "#d9d9d9", stage.Unknown: "#ff5050",
}

// box is a function under those that called it.
type box struct {
	value int64
	below map[string]*box
}

func (b *box) child(name string) *box {
	if b.below == nil {
		b.below = map[string]*box{}
	}
	if b.below[name] == nil {
		b.below[name] = &box{}
	}
	return b.below[name]
}

// ordered are the names of what is below, the widest first.
func (b *box) ordered() []string {
	return slices.SortedFunc(maps.Keys(b.below), func(x, y string) int {
		return cmp.Or(cmp.Compare(b.below[y].value, b.below[x].value), cmp.Compare(x, y))
	})
}

func (b *box) depth() int {
	deepest := 0
	for _, c := range b.below {
		deepest = max(deepest, c.depth())
	}
	return deepest + 1
}

// Write draws the profile's values of one type, such as "cpu", under a title. The error is one of w, or says that there is no such type.
func Write(w io.Writer, p *profile.Profile, kind, title string) error {
	index := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == kind })
	if index < 0 {
		return fmt.Errorf("the profile has no %s", kind)
	}
	root := &box{}
	for _, s := range p.Sample {
		value := s.Value[index]
		if value <= 0 {
			continue
		}
		root.value += value
		at := root
		for _, function := range slices.Backward(stage.Stack(s)) {
			at = at.child(function)
			at.value += value
		}
	}
	d := drawing{Writer: bufio.NewWriter(w), all: max(root.value, 1), unit: p.SampleType[index].Unit}
	d.begin(title, root)
	d.row(root, nil, 0, head)
	d.WriteString("</svg>\n") //nolint:errcheck // Flush returns it
	return d.Flush()
}

// drawing is a picture on its way. Its writer keeps the first error for Flush.
type drawing struct {
	*bufio.Writer
	all  int64
	unit string
}

func (d drawing) begin(title string, root *box) {
	height := head + float64(root.depth())*rowHeight
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="monospace" font-size="11">`+"\n", width, height)
	fmt.Fprintf(d, `<rect width="100%%" height="100%%" fill="#fff"/><text x="4" y="16" font-size="14">%s: %s</text>`+"\n", html.EscapeString(title), d.amount(root.value))
	for i, s := range stage.Stages() {
		x := 4 + float64(i)*125
		fmt.Fprintf(d, `<rect x="%.0f" y="24" width="12" height="12" fill="%s"/><text x="%.0f" y="34">%s</text>`+"\n", x, colours[s], x+16, s)
	}
}

// row draws what is below b, from x on, and all that is below that. callers are the functions above, the deepest first.
func (d drawing) row(b *box, callers []string, x, y float64) {
	for _, name := range b.ordered() {
		c := b.below[name]
		w := width * float64(c.value) / float64(d.all)
		if w >= narrowest {
			stack := append([]string{name}, callers...)
			d.box(name, stage.OfStack(stack), c.value, x, y, w)
			d.row(c, stack, x, y+rowHeight)
		}
		x += w
	}
}

func (d drawing) box(name string, of stage.Stage, value int64, x, y, w float64) {
	fmt.Fprintf(d, `<g><title>%s: %s, %.1f %%, %s</title><rect x="%.1f" y="%.0f" width="%.1f" height="%.0f" fill="%s" stroke="#fff" stroke-width="0.5"/>`,
		html.EscapeString(name), d.amount(value), 100*float64(value)/float64(d.all), of, x, y, w, rowHeight-1, colours[of])
	short := name[strings.LastIndexByte(name, '/')+1:]
	if room := int((w - 4) / letter); room >= 3 {
		if runes := []rune(short); len(runes) > room {
			short = string(runes[:room-1]) + "…"
		}
		fmt.Fprintf(d, `<text x="%.1f" y="%.0f">%s</text>`, x+2, y+12, html.EscapeString(short))
	}
	d.WriteString("</g>\n") //nolint:errcheck // Flush returns it
}

// amount is a value with its unit, as people read it.
func (d drawing) amount(v int64) string {
	switch d.unit {
	case "nanoseconds":
		return fmt.Sprintf("%.0f ms", float64(v)/1e6)
	case "bytes":
		return fmt.Sprintf("%.1f kB", float64(v)/1e3)
	}
	return fmt.Sprintf("%d %s", v, d.unit)
}
