package main

import (
	"fmt"
	"slices"
)

// The bounds: what a group may cost in listening calls, how much more a great audience may cost than one receiver, and how many packets many groups take.
const (
	mostOfALeg = 1.2
	mostMore   = 0.02
)

// report prints what was found.
func report(o options, rounds []round) {
	fmt.Printf("%d talkers, PCMU, %d rounds, turns of %v\n\n| | bridge's CPU, µs a second: median | least to most |\n|---|---|---|\n", talkers, o.rounds, o.turn)
	row("no group", each(rounds, func(r round) float64 { return r.alone }))
	for _, n := range audiences {
		var all []float64
		for _, r := range rounds {
			all = append(all, r.heard[n]...)
		}
		row(fmt.Sprintf("1 group, receivers: %d", n), all)
	}
	row(fmt.Sprintf("%d groups", many), each(rounds, func(r round) float64 { return r.groups }))
	row(fmt.Sprintf("no group, %d calls that listen", many), each(rounds, func(r round) float64 { return r.calls }))

	const ticks = 1 / 0.02 // a second
	group := median(each(rounds, func(r round) float64 { return (r.groups - r.alone) / many / ticks }))
	call := median(each(rounds, func(r round) float64 { return (r.calls - r.alone) / many / ticks }))
	fmt.Printf("\n| | median of the rounds | goal | |\n|---|---|---|---|\n")
	goal("a group, µs a tick", group, "%.2f", "", true)
	goal("a call that listens, µs a tick", call, "%.2f", "", true)
	goal("a group, in calls that listen", group/call, "%.2f", fmt.Sprintf("≤ %.1f", mostOfALeg), group <= mostOfALeg*call)
	for _, n := range audiences[1:] {
		more := median(each(rounds, func(r round) float64 { return mean(r.heard[n])/mean(r.heard[audiences[0]]) - 1 }))
		goal(fmt.Sprintf("%d receivers against 1", n), 100*more, "%+.1f %%", fmt.Sprintf("≤ %.0f %%", 100*mostMore), more <= mostMore)
	}
	sends := slices.Max(each(rounds, func(r round) float64 { return r.sends + r.failed }))
	goal(fmt.Sprintf("packets a tick of %d groups, the most", many), sends, "%.1f", fmt.Sprintf("≤ %d", many), sends < 1.005*many)
}

// row prints one row of the first table.
func row(name string, costs []float64) {
	fmt.Printf("| %s | %.0f | %.0f to %.0f |\n", name, median(costs), slices.Min(costs), slices.Max(costs))
}

// goal prints one of the second.
func goal(name string, value float64, format, bound string, met bool) {
	word := ""
	if bound != "" {
		word = map[bool]string{true: "met", false: "missed"}[met]
	}
	fmt.Printf("| %s | "+format+" | %s | %s |\n", name, value, bound, word)
}

func each(rounds []round, of func(round) float64) []float64 {
	all := make([]float64, len(rounds))
	for i, r := range rounds {
		all[i] = of(r)
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

func mean(all []float64) float64 {
	sum := 0.0
	for _, x := range all {
		sum += x
	}
	return sum / float64(len(all))
}
