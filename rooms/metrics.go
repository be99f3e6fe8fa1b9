package rooms

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/mixer/codec"
)

// histogram counts values without a lock: one goroutine or many may observe.
type histogram struct {
	bounds [10]float64
	counts [11]atomic.Uint64
	sum    atomic.Int64 // in units of 1e-9
}

// observe counts a duration, in seconds.
func (h *histogram) observe(d time.Duration) { h.count(d.Seconds()) }

func (h *histogram) count(value float64) {
	i := 0
	for i < len(h.bounds) && value > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(value * 1e9))
}

func (h *histogram) metric(desc *prometheus.Desc) prometheus.Metric {
	buckets, count := make(map[float64]uint64, len(h.bounds)), uint64(0)
	for i, bound := range h.bounds {
		count += h.counts[i].Load()
		buckets[bound] = count
	}
	count += h.counts[len(h.bounds)].Load()
	return prometheus.MustNewConstHistogram(desc, count, float64(h.sum.Load())/1e9, buckets)
}

// codecs are the values of the label codec.
var codecs = codec.Names()

// tickMetrics counts what all rooms of a registry do. Room goroutines add to it without a lock.
type tickMetrics struct {
	participants [len(codecs)]atomic.Int64
	tick         histogram
	bufferDelay  histogram
	lateTicks    atomic.Uint64
	longTurns    atomic.Uint64
	overruns     atomic.Uint64 // turns that were late, and not by accident
	wordsDropped atomic.Uint64
	quality      qualityMetrics
}

func newTickMetrics() *tickMetrics {
	t := &tickMetrics{}
	t.tick.bounds = [...]float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .02, .05}
	t.bufferDelay.bounds = [...]float64{.005, .01, .015, .02, .03, .04, .06, .1, .2, .4}
	t.quality.setBounds()
	return t
}

func (t *tickMetrics) participant(name codec.Name, add int64) {
	for i, n := range codecs {
		if n == name {
			t.participants[i].Add(add)
		}
	}
}

var (
	descRooms         = prometheus.NewDesc("confbridge_rooms", "Rooms that there are, with somebody in them or not.", nil, nil)
	descParticipants  = prometheus.NewDesc("confbridge_participants", "Participants who have joined, by the codec that they are sent.", []string{"codec"}, nil)
	descTick          = prometheus.NewDesc("confbridge_mixer_tick_seconds", "What a room's 20 ms tick takes.", nil, nil)
	descLateTicks     = prometheus.NewDesc("confbridge_mixer_late_ticks_total", "Frames skipped because the tick came too late.", nil, nil)
	descLongTurns     = prometheus.NewDesc("confbridge_mixer_long_turns_total", "Turns of rooms' clocks whose frames were sent more than 15 ms after they were due, or were skipped.", nil, nil)
	descBufferDelay   = prometheus.NewDesc("confbridge_jitter_buffer_seconds", "What the jitter buffers add, observed once a second and leg.", nil, nil)
	descEventsUnkept  = prometheus.NewDesc("confbridge_events_unkept_total", "Events that will be missing after a restart, as the store was too slow or failed.", nil, nil)
	descWordsDropped  = prometheus.NewDesc("confbridge_words_dropped_total", "What was not said in rooms, because too much waited to be.", nil, nil)
	descEventsDropped = prometheus.NewDesc("confbridge_events_dropped_total", "Events that a slow watcher missed.", nil, nil)
)

// LateTicks is how many frames of all rooms have been skipped until now because their tick came too late. It is safe for
// concurrent use and takes no lock.
func (g *Registry) LateTicks() uint64 { return g.metrics.lateTicks.Load() }

// Overruns is how often until now a room's frames were sent later than 15 ms after they were due, twice in a row, or skipped: whoever lets callers in should
// let in fewer before the sound suffers. It is safe for concurrent use and takes no lock.
func (g *Registry) Overruns() uint64 { return g.metrics.overruns.Load() }

// Describe implements prometheus.Collector.
func (g *Registry) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRooms, descParticipants, descTick, descLateTicks, descLongTurns, descBufferDelay, descEventsDropped, descEventsUnkept, descWordsDropped} {
		ch <- d
	}
	g.metrics.quality.describe(ch)
}

// Collect implements prometheus.Collector.
func (g *Registry) Collect(ch chan<- prometheus.Metric) {
	t := g.metrics
	ch <- prometheus.MustNewConstMetric(descRooms, prometheus.GaugeValue, float64(g.count()))
	for i, name := range codecs {
		ch <- prometheus.MustNewConstMetric(descParticipants, prometheus.GaugeValue, float64(t.participants[i].Load()), string(name))
	}
	ch <- prometheus.MustNewConstMetric(descLateTicks, prometheus.CounterValue, float64(t.lateTicks.Load()))
	ch <- prometheus.MustNewConstMetric(descLongTurns, prometheus.CounterValue, float64(t.longTurns.Load()))
	ch <- prometheus.MustNewConstMetric(descEventsDropped, prometheus.CounterValue, float64(g.eventsDropped.Load()))
	if m := g.memory; m != nil {
		ch <- prometheus.MustNewConstMetric(descEventsUnkept, prometheus.CounterValue, float64(m.unkept.Load()))
	}
	ch <- prometheus.MustNewConstMetric(descWordsDropped, prometheus.CounterValue, float64(t.wordsDropped.Load()))
	ch <- t.tick.metric(descTick)
	ch <- t.bufferDelay.metric(descBufferDelay)
	t.quality.collect(ch)
}
