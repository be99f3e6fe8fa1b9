package quality

import (
	"math"
	"testing"
	"time"
)

// TestTheDefaultCallIsThatOfG107 holds R and MOS without any impairment against G.107 §7.7 and its table B.1.
func TestTheDefaultCallIsThatOfG107(t *testing.T) {
	r, mos := Estimate(Call{})
	if r != 93.2 || math.Abs(mos-4.41) > .005 {
		t.Errorf("got R %g and MOS %.3f, want 93.2 and 4.41", r, mos)
	}
}

// TestMOSOfR is table B.1 of G.107, whose 4.03 is 4.024 by the formula above it.
func TestMOSOfR(t *testing.T) {
	for _, c := range []struct{ r, want float64 }{
		{100, 4.50}, {90, 4.34}, {80, 4.03}, {70, 3.60}, {60, 3.10}, {50, 2.58}, {0, 1}, {5, 1},
	} {
		if got := opinion(c.r); math.Abs(got-c.want) > .0065 {
			t.Errorf("R %g: got MOS %.3f, want %.2f", c.r, got, c.want)
		}
	}
}

func TestDelayTakesAway(t *testing.T) {
	for _, c := range []struct {
		oneWay time.Duration
		want   float64 // Idd of G.107 §7.4, by hand
	}{
		{-time.Second, 0},
		{0, 0},
		{100 * time.Millisecond, 0},
		{150 * time.Millisecond, 0.16}, // x = .585: 25 (1.00652 − 3·1.0000092 + 2)
		{200 * time.Millisecond, 3.05}, // x = 1: 25 (2^(1/6) − 3·1.000229 + 2)
		{400 * time.Millisecond, 24.07},
		{time.Hour, 50}, // 25 (x − x + 2) where x is large
	} {
		if got := delayImpairment(c.oneWay); math.Abs(got-c.want) > .1 {
			t.Errorf("%v: got Id %.3f, want %.2f", c.oneWay, got, c.want)
		}
	}
	if r, _ := Estimate(Call{OneWay: 400 * time.Millisecond}); math.Abs(r-(93.2-24.07)) > .1 {
		t.Errorf("at 400 ms got R %.2f, want 69.13", r)
	}
}

func TestLossTakesAway(t *testing.T) {
	for _, c := range []struct {
		name string
		call Call
		want float64 // R, by hand
	}{
		{"1 % by chance", Call{Codec: "PCMU", Loss: .01}, 93.2 - 95*1/26.1},
		{"5 % by chance", Call{Codec: "PCMA", Loss: .05}, 93.2 - 95*5/30.1},
		{"5 % in bursts twice as long", Call{Codec: "PCMA", Loss: .05, BurstRatio: 2}, 93.2 - 95*5/27.6},
		{"5 % of Opus", Call{Codec: "OPUS", Loss: .05}, 93.2 - 95*5/24.},
		{"5 % of G.722", Call{Codec: "G722", Loss: .05}, 93.2 - 95*5/30.1},
		{"5 % and 400 ms", Call{Loss: .05, OneWay: 400 * time.Millisecond}, 93.2 - 24.07 - 95*5/30.1},
		{"nothing comes", Call{Loss: 1}, 93.2 - 95*100/125.1},
		{"more than all, in one burst", Call{Loss: 7, BurstRatio: math.Inf(1)}, 0},
		{"a share that is none", Call{Loss: math.NaN(), BurstRatio: math.NaN()}, 93.2},
		{"less than nothing", Call{Loss: -1, BurstRatio: -1, OneWay: -1}, 93.2},
	} {
		r, mos := Estimate(c.call)
		if math.Abs(r-c.want) > .1 || mos != opinion(r) {
			t.Errorf("%s: got R %.2f and MOS %.2f, want R %.2f", c.name, r, mos, c.want)
		}
	}
}

func TestEstimateDoesNotAllocate(t *testing.T) {
	c := Call{Codec: "opus", Loss: .03, BurstRatio: 1.5, OneWay: 180 * time.Millisecond}
	if n := testing.AllocsPerRun(100, func() { Estimate(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
