package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/confbridge/confbridge/bench/report"
)

// file is one go of the comparison, as bench/results/peers/NAME.json. Runs bear the names of peers.
type file struct {
	report.File
	Versions map[string]string `json:"versions"`          // by the names of peers
	Missing  []string          `json:"missing,omitempty"` // were not installed
}

// page is the newest figures of each number of legs, in Markdown. Files come in order of their dates.
func page(files []file) string {
	newest := map[int]*file{}
	for i := range files {
		for _, r := range files[i].Runs {
			newest[r.Legs] = &files[i]
		}
	}
	var b strings.Builder
	for _, legs := range slices.Sorted(maps.Keys(newest)) {
		f := newest[legs]
		fmt.Fprintf(&b, "%d legs: %s\n\n%s\n", legs, f.Head(), f.table(legs))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// columns are the figures of the table.
var columns = []struct {
	name  string
	value func(f *file, r *report.Run) string
}{
	{"calls answered", func(_ *file, r *report.Run) string { return strconv.Itoa(r.Answered) }},
	{"floor", func(_ *file, r *report.Run) string { return show(r.FloorMicros, "%.0f", 1) }},
	{"µs per leg and second", func(_ *file, r *report.Run) string { return show(r.ServerMicros, "%.0f", 1) }},
	{"ratio", func(_ *file, r *report.Run) string { return show(r.Ratio, "%.2f", 1) }},
	{"times confbridge's", func(f *file, r *report.Run) string { return show(f.toOurs(r), "%.2f", 1) }},
	{"delay p50, p95, ms", func(_ *file, r *report.Run) string {
		if r.Chirps == 0 {
			return "–"
		}
		return fmt.Sprintf("%.1f, %.1f", r.MouthToEarP50, r.MouthToEarP95)
	}},
	{"bad legs", func(_ *file, r *report.Run) string { return strconv.Itoa(r.BadLegs) }},
	{"hear wrong", func(_ *file, r *report.Run) string { return strconv.Itoa(r.HearWrong) }},
	{"kB a leg", func(_ *file, r *report.Run) string { return show(r.RSSPerLeg, "%.1f", 1e-3) }},
	{"generator late p99, ms", func(_ *file, r *report.Run) string { return fmt.Sprintf("%.1f", r.GeneratorLateMsP99) }},
}

// table is a line a run of so many legs, in Markdown, and what ran.
func (f *file) table(legs int) string {
	var b strings.Builder
	b.WriteString("| |")
	for _, c := range columns {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(columns)) + "\n")
	for i := range f.Runs {
		if f.Runs[i].Legs != legs {
			continue
		}
		b.WriteString("| " + f.Runs[i].Name + " |")
		for _, c := range columns {
			b.WriteString(" " + c.value(f, &f.Runs[i]) + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for _, p := range peers("") {
		if v, ok := f.Versions[p.name]; ok {
			fmt.Fprintf(&b, "- %s: %s\n", p.name, v)
		}
	}
	for _, name := range f.Missing {
		fmt.Fprintf(&b, "- %s was not installed, and not measured\n", name)
	}
	return b.String()
}

// toOurs is a run's ratio to the floor by that of ours with as many legs; nil where one of them is not known.
func (f *file) toOurs(r *report.Run) *float64 {
	for i := range f.Runs {
		ours := &f.Runs[i]
		if ours.Name == peers("")[0].name && ours.Legs == r.Legs && ours.Ratio != nil && *ours.Ratio > 0 && r.Ratio != nil {
			times := *r.Ratio / *ours.Ratio
			return &times
		}
	}
	return nil
}

func show(p *float64, format string, scale float64) string {
	if p == nil {
		return "–"
	}
	return fmt.Sprintf(format, *p*scale)
}
