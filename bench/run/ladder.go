package main

import (
	"context"
	"fmt"
	"time"

	"github.com/confbridge/confbridge/bench/report"
)

// The ladder: from how many legs, to how many at most, how often the step is halved behind the first that are too many, to a
// multiple of what; and how many runs and how much time all of it may take.
const (
	firstLegs  = 500
	mostLegs   = 8000
	halvings   = 3
	roundTo    = 50
	mostRungs  = 12
	ladderTime = 6 * time.Minute
)

// climb tries ever more legs: twice as many each time until they are too many, then halfway between. What is too many is
// tried twice. It returns all that it tried, and ends early, with what it has, where it takes too long.
func climb(ctx context.Context, try func(ctx context.Context, legs int) (report.Run, error)) ([]report.Run, error) {
	begun := time.Now()
	var tried []report.Run
	bears := func(legs int) (bool, error) {
		for range 2 {
			if len(tried) == mostRungs || time.Since(begun) > ladderTime {
				return false, nil
			}
			r, err := try(ctx, legs)
			if err != nil {
				return false, fmt.Errorf("%d legs: %w", legs, err)
			}
			tried = append(tried, r)
			if !r.Bad() {
				return true, nil
			}
		}
		return false, nil
	}
	good, bad := 0, 0
	for legs := firstLegs; legs <= mostLegs && bad == 0; legs *= 2 {
		ok, err := bears(legs)
		if err != nil {
			return tried, err
		}
		if ok {
			good = legs
		} else {
			bad = legs
		}
	}
	for range halvings {
		legs := (good + bad) / 2 / roundTo * roundTo
		if bad == 0 || legs <= good {
			break
		}
		ok, err := bears(legs)
		if err != nil {
			return tried, err
		}
		if ok {
			good = legs
		} else {
			bad = legs
		}
	}
	return tried, nil
}
