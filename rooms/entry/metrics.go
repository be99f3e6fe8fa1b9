package entry

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/rooms"
)

// outcomes are how dialogues end, as metrics call them. ReasonUnspecified is that of a caller who has come in.
var outcomes = []struct {
	why  rooms.Reason
	name string
}{
	{rooms.ReasonUnspecified, "admitted"},
	{rooms.ReasonHangup, "hangup"},
	{rooms.ReasonWrongPIN, "wrong_pin"},
	{rooms.ReasonLockedOut, "locked_out"},
	{rooms.ReasonNothingEntered, "nothing_entered"},
	{rooms.ReasonNoRoom, "no_room"},
	{rooms.ReasonRoomLocked, "locked"},
	{rooms.ReasonRoomFull, "full"},
	{rooms.ReasonClosed, "closed"},
	{rooms.ReasonOverloaded, "overloaded"},
	{rooms.ReasonDraining, "draining"},
	{rooms.ReasonNotConfirmed, "not_confirmed"},
}

// metrics counts. Its fields may be added to by any goroutine.
type metrics struct {
	asking    atomic.Int64
	wrongPINs atomic.Uint64
	ended     []atomic.Uint64 // by place in outcomes
}

func newMetrics() *metrics { return &metrics{ended: make([]atomic.Uint64, len(outcomes))} }

// count counts how a dialogue has ended; what is in no row counts as a hang-up.
func (m *metrics) count(why rooms.Reason) {
	for i, o := range outcomes {
		if o.why == why {
			m.ended[i].Add(1)
			return
		}
	}
	m.count(rooms.ReasonHangup)
}

var (
	descAsking    = prometheus.NewDesc("confbridge_entry_dialogues", "Callers who are asked for a room's number or a PIN at the moment.", nil, nil)
	descEnded     = prometheus.NewDesc("confbridge_entry_dialogues_total", "How the dialogues with callers have ended.", []string{"outcome"}, nil)
	descWrongPINs = prometheus.NewDesc("confbridge_pin_failures_total", "PINs that were looked at and were wrong.", nil, nil)
)

// Describe implements prometheus.Collector.
func (d *Desk) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descAsking, descEnded, descWrongPINs} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (d *Desk) Collect(ch chan<- prometheus.Metric) {
	m := d.metrics
	ch <- prometheus.MustNewConstMetric(descAsking, prometheus.GaugeValue, float64(m.asking.Load()))
	ch <- prometheus.MustNewConstMetric(descWrongPINs, prometheus.CounterValue, float64(m.wrongPINs.Load()))
	for i, o := range outcomes {
		ch <- prometheus.MustNewConstMetric(descEnded, prometheus.CounterValue, float64(m.ended[i].Load()), o.name)
	}
}
