package media

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	packetsDesc = prometheus.NewDesc("confbridge_rtp_packets_total",
		"RTP packets by direction and what became of them.", []string{"dir", "result"}, nil)
	rejectedDesc = prometheus.NewDesc("confbridge_rtp_rejected_total",
		"RTP and RTCP packets that came in and were not taken, by reason.", []string{"reason"}, nil)
	legsDesc = prometheus.NewDesc("confbridge_media_legs", "RTP legs that are open.", nil, nil)
)

var _ prometheus.Collector = (*Engine)(nil)

// Describe is part of prometheus.Collector.
func (e *Engine) Describe(ch chan<- *prometheus.Desc) {
	ch <- packetsDesc
	ch <- rejectedDesc
	ch <- legsDesc
}

// Collect is part of prometheus.Collector. It adds up what the legs count, without stopping any of them.
func (e *Engine) Collect(ch chan<- prometheus.Metric) {
	t, legs := e.sum()
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	counter(packetsDesc, t.in, "in", "ok")
	counter(packetsDesc, t.inRejected, "in", "rejected")
	counter(packetsDesc, t.out, "out", "ok")
	counter(packetsDesc, t.outError, "out", "error")
	for r := accepted + 1; r < reasons; r++ {
		counter(rejectedDesc, t.rejected[r], reasonNames[r])
	}
	ch <- prometheus.MustNewConstMetric(legsDesc, prometheus.GaugeValue, float64(legs))
}

// sum counts over all legs that are and were. It lets go of the lock before it counts: a room must not wait for it
// when it closes a leg. What a leg counts meanwhile is in the next sum, by way of the leg or of closed.
func (e *Engine) sum() (totals, int) {
	e.mu.Lock()
	t := e.closed
	legs := slices.Collect(maps.Keys(e.legs))
	e.mu.Unlock()
	for _, l := range legs {
		t.add(&l.counters)
	}
	return t, len(legs)
}
