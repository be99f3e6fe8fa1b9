package serve

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// lookEvery is how often the bridge looks whether a rush is over.
	lookEvery = 5 * time.Second
	// worthIt is the least memory that is worth a collection of its own, where the bridge is empty again, and calmWorth where calls stay.
	worthIt, calmWorth = 64 << 20, 4 << 20
)

// tide gives memory back to the system when a rush of calls is over: they have gone, or they stay and no others come. The runtime by itself collects an idle heap only
// every two minutes, and returns what is free little by little; transactions live for 32 s (RFC 3261 §17.2), so a rush leaves much. While sound goes on and nobody comes or
// goes nothing is allocated, so what the collector has left itself room for is used by nobody.
type tide struct {
	load      func() int    // calls and transactions
	footprint func() uint64 // bytes of the heap that the system has given
	free      func()
	peak      int
	low       uint64 // footprint when it was freed last
	before    int    // load at the last look
	settled   bool   // it was freed since the load has been about the same
}

func newTide(load func() int) *tide {
	return &tide{load: load, footprint: heapFootprint, free: debug.FreeOSMemory}
}

// run looks until ctx is done.
func (t *tide) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.look()
		case <-ctx.Done():
			return
		}
	}
}

// look frees what a rush has left: the load is down to a tenth, and the heap is larger by half, and much, than after the last time; or the load stays, for the
// first time since it changed.
func (t *tide) look() {
	load := t.load()
	calm := t.calm(load)
	t.peak = max(t.peak, load)
	gone := load <= t.peak/10
	if gone {
		t.peak = load
	}
	now := t.footprint()
	switch {
	case gone && now > t.low+t.low/2 && now > t.low+worthIt:
	case calm && now > t.low+calmWorth:
	default:
		return
	}
	t.free()
	t.low = t.footprint()
}

// calm says once that the load is what it was at the last look, but for a twentieth.
func (t *tide) calm(load int) bool {
	still := load > 0 && max(load-t.before, t.before-load) <= t.before/20
	t.before = load
	now := still && !t.settled
	t.settled = still
	return now
}

// heapFootprint is what the heap holds of the system's memory.
func heapFootprint() uint64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	var sum uint64
	for _, s := range samples {
		sum += s.Value.Uint64()
	}
	return sum
}
