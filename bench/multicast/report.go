package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// The bounds: what a group may cost in listening calls, how much more a great audience may cost than one receiver, and how many packets many groups take.
const (
	mostOfALeg = 1.2
	mostMore   = 0.02
)

// report prints what was found.
func report(o options, rounds []round, sweeps []sweep) {
	fmt.Printf("%d talkers, PCMU; %d rounds of %v, %d sweeps of %v\n\n| | bridge's CPU, µs a second: median | least to most |\n|---|---|---|\n",
		talkers, o.rounds, o.turn, o.sweeps, o.short)
	if len(sweeps) > 0 {
		for _, n := range audiences {
			row(fmt.Sprintf("1 group, receivers: %d", n), each(sweeps, func(s sweep) float64 { return s[n] }))
		}
	}
	if len(rounds) > 0 {
		row("no group", each(rounds, func(r round) float64 { return r.alone }))
		row(fmt.Sprintf("%d groups", many), each(rounds, func(r round) float64 { return r.groups }))
		row(fmt.Sprintf("no group, %d calls that listen", many), each(rounds, func(r round) float64 { return r.calls }))
	}
	fmt.Printf("\n| | median | goal | |\n|---|---|---|---|\n")
	if len(rounds) > 0 {
		reportRounds(rounds)
	}
	if len(sweeps) > 0 {
		reportSweeps(sweeps)
	}
}

func reportRounds(rounds []round) {
	const ticks = 1 / 0.02 // a second
	group := median(each(rounds, func(r round) float64 { return (r.groups - r.alone) / many / ticks }))
	call := median(each(rounds, func(r round) float64 { return (r.calls - r.alone) / many / ticks }))
	goal("a group, µs a tick", group, "%.2f", "", "")
	goal("a call that listens, µs a tick", call, "%.2f", "", "")
	goal("a group, in calls that listen", group/call, "%.2f", fmt.Sprintf("≤ %.1f", mostOfALeg), verdict(group <= mostOfALeg*call))
	packets := median(each(rounds, func(r round) float64 { return r.packets / r.ticks }))
	over := slices.ContainsFunc(rounds, func(r round) bool { return r.packets > many*(r.ticks+1) }) // one tick more or less may fall between two countings
	goal(fmt.Sprintf("packets a tick of %d groups", many), packets, "%.1f", fmt.Sprintf("≤ %d", many), verdict(!over))
}

// reportSweeps says how much more a greater audience costs, and between what that is to be expected with 95 % if all was done again: the goal is met where all of that is below
// it, and missed where all is above.
func reportSweeps(sweeps []sweep) {
	for _, n := range audiences[1:] {
		more := each(sweeps, func(s sweep) float64 { return 100 * (s[n]/s[audiences[0]] - 1) })
		least, most := likely(more)
		word := fmt.Sprintf("%+.1f to %+.1f %%: ", least, most)
		switch {
		case most <= 100*mostMore:
			word += verdict(true)
		case least > 100*mostMore:
			word += verdict(false)
		default:
			word += "not shown by so few sweeps"
		}
		goal(fmt.Sprintf("%d receivers against 1", n), median(more), "%+.1f %%", fmt.Sprintf("≤ %.0f %%", 100*mostMore), word)
	}
}

// likely is what 95 of 100 medians of as many values lie between that are drawn from those again and again.
func likely(all []float64) (least, most float64) {
	const draws = 2000
	random := rand.New(rand.NewPCG(1, 2)) // the same for the same values
	medians := make([]float64, draws)
	drawn := make([]float64, len(all))
	for i := range medians {
		for j := range drawn {
			drawn[j] = all[random.IntN(len(all))]
		}
		medians[i] = median(drawn)
	}
	slices.Sort(medians)
	return medians[draws/40], medians[draws-1-draws/40]
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

// row prints one row of the first table.
func row(name string, costs []float64) {
	fmt.Printf("| %s | %.0f | %.0f to %.0f |\n", name, median(costs), slices.Min(costs), slices.Max(costs))
}

// goal prints one of the second.
func goal(name string, value float64, format, bound, word string) {
	fmt.Printf("| %s | "+format+" | %s | %s |\n", name, value, bound, word)
}

func each[T any](all []T, of func(T) float64) []float64 {
	values := make([]float64, len(all))
	for i, one := range all {
		values[i] = of(one)
	}
	return values
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}
