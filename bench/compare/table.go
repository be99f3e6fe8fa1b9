package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/confbridge/confbridge/bench/report"
)

// pair is one load's runs against both sides, turn by turn.
type pair struct {
	name string
	runs [2][]report.Run
}

// figures are what is compared of a run; nil where it was not measured.
var figures = []struct {
	name  string
	value func(r *report.Run) *float64
}{
	{"µs per leg and second", func(r *report.Run) *float64 { return r.ServerMicros }},
	{"a tick, µs", func(r *report.Run) *float64 { return r.TickMicros }},
	{"delay p50, ms", func(r *report.Run) *float64 { return heard(r, r.MouthToEarP50) }},
	{"delay p95, ms", func(r *report.Run) *float64 { return heard(r, r.MouthToEarP95) }},
	{"behind its turn p99.9, ms", func(r *report.Run) *float64 { return r.LateMsP999 }},
	{"bytes a leg", func(r *report.Run) *float64 { return r.RSSPerLeg }},
	{"bad legs", func(r *report.Run) *float64 { n := float64(r.BadLegs); return &n }},
}

func heard(r *report.Run, ms float64) *float64 {
	if r.Chirps == 0 {
		return nil
	}
	return &ms
}

// table is a line for each load and figure: the medians of both sides, and the ratio now : ref, as the median of the turns' with
// the least and the most of them, in Markdown.
func table(pairs []pair) string {
	var b strings.Builder
	b.WriteString("| load | | ref | now | ratio (least to most) |\n|---|---|---:|---:|---:|\n")
	for i := range pairs {
		for _, f := range figures {
			ref, now := values(pairs[i].runs[0], f.value), values(pairs[i].runs[1], f.value)
			if len(ref) == 0 || len(ref) != len(now) {
				continue
			}
			ratios := make([]float64, 0, len(ref))
			for turn := range ref {
				if ref[turn] != 0 {
					ratios = append(ratios, now[turn]/ref[turn])
				}
			}
			ratio := "–"
			if len(ratios) == len(ref) {
				ratio = fmt.Sprintf("%.3f (%.3f to %.3f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
			}
			fmt.Fprintf(&b, "| %s | %s | %.1f | %.1f | %s |\n", pairs[i].name, f.name, median(ref), median(now), ratio)
		}
	}
	return b.String()
}

// values are a figure of all runs; none where one of them lacks it.
func values(runs []report.Run, of func(*report.Run) *float64) []float64 {
	var all []float64
	for i := range runs {
		v := of(&runs[i])
		if v == nil {
			return nil
		}
		all = append(all, *v)
	}
	return all
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}
