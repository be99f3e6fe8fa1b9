package distributor

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/media/multicast"
)

// totals are what distributions have sent, over all of them.
type totals struct{ packets, errors uint64 }

func (t *totals) add(r *running) multicast.Stats {
	s := r.sender.Stats()
	t.packets += s.Packets
	t.errors += s.SendErrors
	return s
}

// tally counts what distributions have sent, those that have ended too. The zero value is ready; who has it guards it.
type tally struct {
	open map[*running]bool // those that are not in past yet: what runs, and what ends at the moment
	past totals
}

func (t *tally) begin(r *running) {
	if t.open == nil {
		t.open = map[*running]bool{}
	}
	t.open[r] = true
}

func (t *tally) end(r *running) {
	t.past.add(r)
	delete(t.open, r)
}

// over says whether the distribution has ended, but for its BYE.
func (r *running) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

var (
	descDistributions = prometheus.NewDesc("confbridge_distributions",
		"Distributions that are on, by whether there is a way to their destinations.", []string{"state"}, nil)
	descPackets = prometheus.NewDesc("confbridge_distribution_packets_total",
		"RTP packets that distributions have sent, once for each listener of a list.", nil, nil)
	descErrors    = prometheus.NewDesc("confbridge_distribution_send_errors_total", "RTP packets of distributions that could not be sent.", nil, nil)
	descReceivers = prometheus.NewDesc("confbridge_distribution_receivers",
		"Receivers that have reported lately how they hear a distribution, over all distributions.", nil, nil)
)

// collector is a prometheus.Collector of a Distributor.
type collector struct{ *Distributor }

// Collector collects how distributions go, over all of them.
func (d *Distributor) Collector() prometheus.Collector { return collector{d} }

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descDistributions, descPackets, descErrors, descReceivers} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (d collector) Collect(ch chan<- prometheus.Metric) {
	d.mu.Lock()
	up, down, receivers, sum := 0, 0, 0, d.tally.past
	for r := range d.tally.open {
		s := sum.add(r)
		if r.over() {
			continue
		}
		receivers += s.Receivers
		if s.Up {
			up++
		} else {
			down++
		}
	}
	d.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(descDistributions, prometheus.GaugeValue, float64(up), "up")
	ch <- prometheus.MustNewConstMetric(descDistributions, prometheus.GaugeValue, float64(down), "down")
	ch <- prometheus.MustNewConstMetric(descPackets, prometheus.CounterValue, float64(sum.packets))
	ch <- prometheus.MustNewConstMetric(descErrors, prometheus.CounterValue, float64(sum.errors))
	ch <- prometheus.MustNewConstMetric(descReceivers, prometheus.GaugeValue, float64(receivers))
}
