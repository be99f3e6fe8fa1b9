package jitter

import "time"

const (
	binCount = 64 // a power of two
	binTime  = 10 * time.Millisecond
	// memoryTime is how fast it forgets: a packet counts for 1/e after so much sound.
	memoryTime = 10 * time.Second
	// latePrice is the delay that it is worth to save all packets, were all of them late: 50 ms for each hundredth.
	latePrice = 5 * time.Second
	fewest    = 260    // with less in it than this, one late packet would seem to be worth 20 ms; longer packets are never as many
	renewAt   = 100    // the weight of the newest at which all weights are scaled back
	traceless = 1. / 5 // of what a packet weighed, at which it is forgotten: e^-memoryTime·renewAt
)

// histogram is the distribution of what was added last, of the newest with the greatest weight. Its bins are a
// ring, so that it follows what it measures wherever that drifts; what is not between low and high weighs nothing.
type histogram struct {
	weights   [binCount]float32
	edge      [binCount]int32 // nanoseconds from the beginning of the bin to what was added to it last
	low, high int64           // numbers of the lowest and highest bin in use, not wrapped
	unit      float32         // what the next one weighs: it grows, instead of the others shrinking
	total     float32
	most      float32 // units that there can be, of packets as long as the last one
}

func (h *histogram) clear() { *h = histogram{unit: 1, high: -1} }

func (h *histogram) empty() bool { return h.total <= 0 }

// add counts v, when d of sound has gone by since the last one.
func (h *histogram) add(v, d time.Duration) {
	h.most = float32(memoryTime) / float32(max(d, time.Millisecond))
	if h.unit *= 1 + float32(d)/float32(memoryTime); h.unit > renewAt {
		h.renew()
	}
	h.count(v)
}

// move takes back what was added last, as old, and counts v instead.
func (h *histogram) move(old, v time.Duration) {
	at := min(binOf(old), h.low+binCount-1) & (binCount - 1)
	h.total -= min(h.unit, h.weights[at])
	h.weights[at] -= min(h.unit, h.weights[at])
	h.count(v)
}

func (h *histogram) count(v time.Duration) {
	bin := binOf(v)
	if h.empty() {
		h.total = 0
		h.low, h.high = bin, bin
	}
	if bin > h.low+binCount-1 { // later than can be told apart
		bin = h.low + binCount - 1
		v = time.Duration(bin) * binTime
	}
	for ; h.high > bin+binCount-1; h.high-- {
		h.total -= h.weights[h.high&(binCount-1)]
		h.weights[h.high&(binCount-1)] = 0
	}
	h.low, h.high = min(h.low, bin), max(h.high, bin)
	at := bin & (binCount - 1)
	h.weights[at] += h.unit
	h.edge[at] = int32(v - time.Duration(bin)*binTime)
	h.total += h.unit
}

// binOf is the number of the bin that v falls into.
func binOf(v time.Duration) int64 {
	bin := int64(v / binTime)
	if v < 0 && v%binTime != 0 {
		bin--
	}
	return bin
}

// renew scales the weights so that the next one is 1 again, and lets go of what is next to nothing.
func (h *histogram) renew() {
	h.total = 0
	for i := range h.weights {
		h.weights[i] /= h.unit
		if h.weights[i] < traceless/renewAt {
			h.weights[i] = 0
		}
		h.total += h.weights[i]
	}
	h.unit = 1
	if h.empty() {
		h.clear()
		return
	}
	for ; h.weights[h.low&(binCount-1)] == 0; h.low++ {
	}
	for ; h.weights[h.high&(binCount-1)] == 0; h.high-- {
	}
}

// value is what was added last to a bin.
func (h *histogram) value(bin int64) time.Duration {
	return time.Duration(bin)*binTime + time.Duration(h.edge[bin&(binCount-1)])
}

// least is the beginning of the lowest bin.
func (h *histogram) least() time.Duration { return time.Duration(h.low) * binTime }

// best is the value that costs the least: itself, and latePrice for the share of what is greater. It must not be empty.
func (h *histogram) best() time.Duration {
	perWeight := float32(latePrice) / max(h.total, min(fewest, h.most)*h.unit)
	found, least, late := h.high, float32(0), float32(0)
	for bin := h.high; bin >= h.low; bin-- {
		w := h.weights[bin&(binCount-1)]
		if w == 0 {
			continue
		}
		cost := float32(time.Duration(bin-h.low)*binTime) + perWeight*late
		if late == 0 || cost < least {
			found, least = bin, cost
		}
		late += w
	}
	return h.value(found)
}
