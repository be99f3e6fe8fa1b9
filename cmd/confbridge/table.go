package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
)

// lineWidth is what a line fits into, in columns of a terminal.
const lineWidth = 80

const minFirst = 10

// table is rows under a header, aligned and not wider than a line: long texts are cut off with "…".
type table struct {
	header []string
	right  []bool // column is of numbers
	first  int    // column that gives way before all others, until it has minFirst columns left
	typed  bool   // the first column is for other commands: it stays whole
	rows   [][]string
}

func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = clean(cells[i])
	}
	t.rows = append(t.rows, cells)
}

func (t *table) print(w io.Writer) error {
	widths := t.widths()
	for _, row := range append([][]string{t.header}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			cell = cut(cell, widths[i])
			pad := strings.Repeat(" ", widths[i]-columns(cell))
			if t.right[i] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// widths is what each column gets: what it wants, less what must be given for all to fit.
func (t *table) widths() []int {
	widths := make([]int, len(t.header))
	total := 2 * (len(t.header) - 1)
	for i := range widths {
		widths[i] = columns(t.header[i])
		for _, row := range t.rows {
			widths[i] = max(widths[i], columns(row[i]))
		}
		total += widths[i]
	}
	for ; total > lineWidth; total-- {
		give := t.first
		for i := range widths {
			if widths[t.first] <= minFirst && widths[i] > widths[give] && (i > 0 || !t.typed) {
				give = i
			}
		}
		if t.typed && widths[give] == 1 {
			give = 0 // all others are dots
		}
		widths[give]--
	}
	return widths
}

// cut shortens s to n columns.
func cut(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	taken := 1 // by the "…"
	for i, r := range s {
		if taken += columnsOf(r); taken > n {
			return s[:i] + "…"
		}
	}
	return s
}

// columns is how wide a terminal writes s.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

// columnsOf is 2 for the characters of East Asia and emoji, and 0 for an accent that goes onto the one before it.
func columnsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// clean makes a text that came from a telephone safe for a terminal: no control characters, no line breaks.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// fields prints names and values, one pair a line.
func fields(w io.Writer, pairs ...[2]string) error {
	wide := 0
	for _, p := range pairs {
		wide = max(wide, len(p[0]))
	}
	for _, p := range pairs {
		if _, err := fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-*s  %s", wide, p[0], clean(p[1])), " ")); err != nil {
			return err
		}
	}
	return nil
}

// span is a duration in the two largest of its units: 3h4m, 4m10s, 9s.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
