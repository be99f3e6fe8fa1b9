package main

import (
	"context"
	"time"
)

// The search for what a bridge is able to: inFull is the share of the calls that must be answered in full, and rest is how long the bridge is left alone
// after each try. No more than most is tried.
const (
	inFull    = 0.99
	rest      = 2 * time.Second
	most      = 8000
	bisection = 3
	fewest    = 50
)

// able looks for the highest rate of calls that are answered in full: it doubles the rate until they are not, and then halves the step three times.
// Where not even the first rate is answered, it halves it until one is. A rate that was missed is tried once more, as somebody else may have taken the machine. The result is that of the highest rate that held.
func able(ctx context.Context, o options) (best Result, err error) {
	try := func(rate float64) (bool, error) {
		for range 2 {
			o.rate = rate
			r, err := placeCalls(ctx, o)
			if err != nil || ctx.Err() != nil {
				return false, err
			}
			select {
			case <-time.After(rest):
			case <-ctx.Done():
			}
			if float64(r.Completed) >= inFull*float64(r.Offered) && r.Offered > 0 {
				best = r
				return true, nil
			}
		}
		return false, nil
	}
	low, high := 0.0, o.rate
	for ; high <= most; high *= 2 {
		ok, err := try(high)
		if err != nil {
			return best, err
		}
		if !ok {
			break
		}
		low = high
	}
	for low == 0 && high/2 >= fewest {
		ok, err := try(high / 2)
		if err != nil {
			return best, err
		}
		if ok {
			low = high / 2
		} else {
			high /= 2
		}
	}
	for range bisection {
		if low == 0 {
			break
		}
		ok, err := try((low + high) / 2)
		if err != nil {
			return best, err
		}
		if ok {
			low = (low + high) / 2
		} else {
			high = (low + high) / 2
		}
	}
	return best, nil
}
