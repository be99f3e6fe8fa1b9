package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/bench/report"
)

// climbed is what is tried of a bridge that bears so many legs; every run takes so long.
func climbed(t *testing.T, bears int, takes time.Duration) (legs []int) {
	t.Helper()
	tried, err := climb(t.Context(), func(_ context.Context, n int) (report.Run, error) {
		time.Sleep(takes) // in a bubble
		r := report.Run{Legs: n, Answered: n}
		if n > bears {
			r.BadLegs = (n + 99) / 100
		}
		return r, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tried {
		legs = append(legs, r.Legs)
	}
	return legs
}

func TestTheLadderDoublesAndThenHalves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			name  string
			bears int
			takes time.Duration
			want  []int
		}{
			{"somewhere in the middle", 2600, time.Second, []int{500, 1000, 2000, 4000, 4000, 3000, 3000, 2500, 2750, 2750}},
			{"not even the first", 0, time.Second, []int{500, 500, 250, 250, 100, 100, 50, 50}},
			{"all that can be asked", 100_000, time.Second, []int{500, 1000, 2000, 4000, 8000}},
			{"just not all", 7999, time.Second, []int{500, 1000, 2000, 4000, 8000, 8000, 6000, 7000, 7500}},
			{"what takes too long ends", 100_000, 200 * time.Second, []int{500, 1000}},
		} {
			if got := climbed(t, tt.bears, tt.takes); !slices.Equal(got, tt.want) {
				t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
			}
		}
	})
}

func TestARunThatFailsEndsTheLadder(t *testing.T) {
	broken := errors.New("broken")
	_, err := climb(t.Context(), func(context.Context, int) (report.Run, error) { return report.Run{}, broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
