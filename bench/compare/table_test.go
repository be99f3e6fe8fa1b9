package main

import (
	"testing"

	"github.com/confbridge/confbridge/bench/report"
)

func TestTheTableHasMediansAndTheRatiosOfTurns(t *testing.T) {
	run := func(micros, p50 float64) report.Run {
		return report.Run{ServerMicros: &micros, Chirps: 1, MouthToEarP50: p50, MouthToEarP95: 2 * p50}
	}
	silent := report.Run{}
	got := table([]pair{
		{"some", [2][]report.Run{{run(500, 10), run(600, 10), run(700, 10)}, {run(250, 20), run(540, 20), run(350, 20)}}},
		{"other", [2][]report.Run{{silent}, {silent}}},
	})
	const want = `| load | | ref | now | ratio (least to most) |
|---|---|---:|---:|---:|
| some | µs per leg and second | 600.0 | 350.0 | 0.500 (0.500 to 0.900) |
| some | delay p50, ms | 10.0 | 20.0 | 2.000 (2.000 to 2.000) |
| some | delay p95, ms | 20.0 | 40.0 | 2.000 (2.000 to 2.000) |
| some | bad legs | 0.0 | 0.0 | – |
| other | bad legs | 0.0 | 0.0 | – |
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTheMedianOfTwoIsBetweenThem(t *testing.T) {
	if got := median([]float64{3, 1}); got != 2 {
		t.Errorf("got %v", got)
	}
}

func TestWhoIsFirstChanges(t *testing.T) {
	if order(0) == order(1) || order(0) != order(2) {
		t.Errorf("got %v, %v, %v", order(0), order(1), order(2))
	}
}
