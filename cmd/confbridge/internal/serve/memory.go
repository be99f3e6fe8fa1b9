package serve

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// lookEvery is how often the bridge looks whether a rush is over.
	lookEvery = 15 * time.Second
	// worthIt is the least memory that is worth a collection of its own.
	worthIt = 64 << 20
)

// tide gives memory back to the system when a rush of calls is over. The runtime by itself collects an idle heap only every two minutes, and returns
// what is free little by little; transactions live for 32 s (RFC 3261 §17.2), so a rush leaves much.
type tide struct {
	load      func() int    // calls and transactions
	footprint func() uint64 // bytes of the heap that the system has given
	free      func()
	peak      int
	low       uint64 // footprint when it was freed last
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

// look frees what a rush has left: the load is down to a tenth, and the heap is larger by half, and much, than after the last time.
func (t *tide) look() {
	load := t.load()
	t.peak = max(t.peak, load)
	if load > t.peak/10 {
		return
	}
	if now := t.footprint(); now > t.low+t.low/2 && now > t.low+worthIt {
		t.free()
		t.low = t.footprint()
	}
	t.peak = load
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
