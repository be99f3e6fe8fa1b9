package trace

import "github.com/prometheus/client_golang/prometheus"

var (
	messagesDesc = prometheus.NewDesc("confbridge_trace_messages_total",
		"SIP messages that went through the trace: kept (all), cut (only their beginning), unreadable (of no call), missed (by a slow watcher).",
		[]string{"result"}, nil)
	callsDesc  = prometheus.NewDesc("confbridge_trace_calls", "Calls and other exchanges whose messages are kept.", nil, nil)
	bytesDesc  = prometheus.NewDesc("confbridge_trace_bytes", "What the messages kept take.", nil, nil)
	packetDesc = prometheus.NewDesc("confbridge_hep_packets_total",
		"HEPv3 packets: sent, dropped (queue full), failed.", []string{"result"}, nil)
)

// Describe and Collect make Recorder a prometheus.Collector.
func (r *Recorder) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{messagesDesc, callsDesc, bytesDesc, packetDesc} {
		ch <- d
	}
}

// Collect is Describe's other half.
func (r *Recorder) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n uint64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), label)
	}
	counter(messagesDesc, r.count.kept.Load(), "kept")
	counter(messagesDesc, r.count.cut.Load(), "cut")
	counter(messagesDesc, r.count.unreadable.Load(), "unreadable")
	counter(messagesDesc, r.count.missed.Load(), "missed")
	if r.homer != nil {
		counter(packetDesc, r.homer.sent.Load(), "sent")
		counter(packetDesc, r.homer.queue.dropped.Load(), "dropped")
		counter(packetDesc, r.homer.failed.Load(), "failed")
	}
	r.mu.Lock()
	calls := r.calls.calls + r.others.calls
	bytes := r.calls.bytes + r.others.bytes + r.broken.bytes
	r.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(callsDesc, prometheus.GaugeValue, float64(calls))
	ch <- prometheus.MustNewConstMetric(bytesDesc, prometheus.GaugeValue, float64(bytes))
}
