package page

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// The marks in a page between which the tables go.
const (
	begin = "<!-- results begin -->\n"
	end   = "<!-- results end -->\n"
)

// ErrPage says that a page has no place for tables.
var ErrPage = errors.New("no place for results")

// Table is the rows as Markdown: what is wanted, what an earlier run got (nil: there was none), and what this one got.
func (f *File) Table(before *File) string {
	var b strings.Builder
	old := map[[2]string]string{}
	if before != nil {
		for _, r := range before.Rows {
			old[[2]string{r.Case, r.What}] = r.Got + mark(r.OK)
		}
		fmt.Fprintf(&b, "| case | | wanted | before: %s | %s | |\n|---|---|---|---|---|---|\n", before.Commit, f.Commit)
	} else {
		fmt.Fprintf(&b, "| case | | wanted | %s | |\n|---|---|---|---|---|\n", f.Commit)
	}
	last := ""
	for _, r := range f.Rows {
		name := r.Case
		if name == last {
			name = ""
		}
		last = r.Case
		fmt.Fprintf(&b, "| %s | %s | %s |", name, r.What, r.Wanted)
		if before != nil {
			was, ok := old[[2]string{r.Case, r.What}]
			if !ok {
				was = "–"
			}
			fmt.Fprintf(&b, " %s |", was)
		}
		verdict := "ok"
		if !r.OK {
			verdict = "**missed**"
		}
		fmt.Fprintf(&b, " %s | %s |\n", r.Got, verdict)
	}
	return b.String()
}

func mark(ok bool) string {
	if ok {
		return ""
	}
	return " ✗"
}

// CallTable is all that was measured of the calls, as Markdown.
func (f *File) CallTable() string {
	var b strings.Builder
	b.WriteString("| call | codec | delay p50, p95, max, ms | gaps, longest, ms | clicks | level, dB | ESTOI | spectrum, dB | floor, dBFS | concealed, ms | buffer max, ms |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range f.Calls {
		fmt.Fprintf(&b, "| %s | %s | %.1f, %.1f, %.1f | %d, %.0f | %d | %+.1f | %.3f | %.1f | %.0f | %.0f | %.0f |\n", c.Name, c.Codec,
			c.DelayMsP50, c.DelayMsP95, c.DelayMsMax, c.Gaps, c.LongestGapMs, c.Clicks, c.LevelDB, c.ESTOI, c.SpectralDB, c.NoiseFloorDBFS,
			c.ConcealedMs, c.BridgeBufferMs)
	}
	return b.String()
}

// Heading says when, of what, and on what machine the run was.
func (f *File) Heading() string {
	return fmt.Sprintf("%s, commit %s, %d × %s, Linux %s, %s; the telephones were late by %.1f ms (p99), at most %.1f.",
		f.Date.UTC().Format("2006-01-02 15:04"), f.Commit, f.Cores, f.CPU, f.Kernel, f.Go, f.LateMsP99, f.LateMsMax)
}

// Render puts the tables of f into a page, and pictures by their file names beside it.
func (f *File) Render(path string, before *File, pictures []Picture) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	head, rest, ok := bytes.Cut(text, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("page %s: %w", path, ErrPage)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n%s\n", head, begin, f.Heading())
	if before != nil {
		fmt.Fprintf(&b, "Before: %s\n", before.Heading())
	}
	fmt.Fprintf(&b, "\n%s\n### Every call\n\n%s\n### Pictures\n\n", f.Table(before), f.CallTable())
	for _, p := range pictures {
		fmt.Fprintf(&b, "![%s](%s)\n\n", p.Title, p.File)
	}
	fmt.Fprintf(&b, "%s%s", end, tail)
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// Picture is one of a page.
type Picture struct {
	File  string // relative to the page
	Title string
}
