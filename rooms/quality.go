package rooms

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/mixer/quality"
)

// qualityWatch is what is known of how a member is heard. It is worked out once a second.
type qualityWatch struct {
	now   quality.Local
	ticks uint64
	began uint64 // the tick in which the first packet was there; 0: none yet
	last  MediaStats
}

// watchQuality works out once a second how the member is heard, and tells its leg and the metrics.
func (m *member) watchQuality() {
	w := &m.voice.watch
	w.ticks++
	if w.ticks%uint64(framesPerSecond) != 0 {
		return
	}
	stats := m.voice.stream.Stats()
	if stats.PacketsReceived > 0 && w.began == 0 {
		w.began = w.ticks - uint64(framesPerSecond)
	}
	w.now = m.assess(stats)
	m.leg.Observe(w.now)
	t := m.state.metrics
	t.bufferDelay.observe(stats.BufferDelay)
	if w.began > 0 {
		t.quality.observe(lossOf(stats, w.last), share(stats.Concealed-w.last.Concealed, time.Second), w.now.MOS)
	}
	if m.peer.Incoming > 0 {
		t.quality.jitter.observe(m.peer.Incoming)
	}
	if m.peer.RoundTrip > 0 {
		t.quality.roundTrip.observe(m.peer.RoundTrip)
	}
	w.last = stats
}

// assess is how the member has been heard since the join.
func (m *member) assess(stats MediaStats) quality.Local {
	v := &m.voice
	heard := time.Duration(v.watch.ticks-v.watch.began) * frameDuration
	if v.watch.began == 0 && stats.PacketsReceived == 0 {
		heard = 0
	}
	q := quality.Local{
		Loss:          lossOf(stats, MediaStats{}),
		Recovered:     share(stats.Recovered, m.packetTime()*time.Duration(stats.PacketsReceived+stats.PacketsLost)),
		Discard:       ratio(stats.PacketsLate+stats.PacketsDiscarded, stats.PacketsReceived+stats.PacketsLost),
		Concealed:     share(stats.Concealed, heard),
		BufferNominal: stats.BufferDelay,
		BufferMax:     stats.BufferMax,
		BufferLimit:   stats.BufferLimit,
		SignalDBFS:    v.agc.SpeechDBFS(),
		NoiseDBFS:     v.vad.NoiseDBFS(),
	}
	if stats.PacketsReceived == 0 {
		return q // of nothing there is no opinion
	}
	q.RFactor, q.MOS = quality.Estimate(quality.Call{
		Codec: string(m.spoken().Name), Loss: q.Concealed, OneWay: m.oneWay(stats),
	})
	return q
}

// oneWay is how long the member's sound is under way: its packet, the network as far as it is known, our buffer, and half a tick
// on average.
func (m *member) oneWay(stats MediaStats) time.Duration {
	return m.packetTime() + m.peer.RoundTrip/2 + stats.BufferDelay + frameDuration/2
}

// lossOf is the share of lost packets between two states of the same stream.
func lossOf(now, before MediaStats) float64 {
	lost := now.PacketsLost - min(before.PacketsLost, now.PacketsLost) // fewer: one that was taken for lost has come late
	return ratio(lost, lost+now.PacketsReceived-before.PacketsReceived)
}

func ratio(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return min(float64(part)/float64(whole), 1)
}

func share(part, whole time.Duration) float64 {
	if whole <= 0 {
		return 0
	}
	return min(max(part.Seconds()/whole.Seconds(), 0), 1)
}

// logQuality writes the one line that is left of how a member was heard. It is called when the member leaves, outside the tick.
func (m *member) logQuality() {
	q := m.assess(m.voice.stream.Stats())
	attrs := []any{
		"room", m.state.room.number, "participant", m.p.id, "call_id", m.caller.CallID, "codec", string(m.spoken().Name),
		"duration_s", rounded(time.Since(m.joined).Seconds(), 10),
		"loss", rounded(q.Loss, 10000), "late", rounded(q.Discard, 10000), "concealed", rounded(q.Concealed, 10000),
		"buffer_ms", milliseconds(q.BufferNominal), "buffer_max_ms", milliseconds(q.BufferMax),
		"level_dbfs", rounded(q.SignalDBFS, 10), "noise_dbfs", rounded(q.NoiseDBFS, 10),
		"r", rounded(q.RFactor, 10), "mos", rounded(q.MOS, 100),
	}
	if m.profile.Name != m.spoken().Name {
		attrs = append(attrs, "codec_sent", string(m.profile.Name))
	}
	if !m.peer.At.IsZero() {
		attrs = append(attrs, "peer_loss", rounded(m.peer.Loss, 10000), "peer_jitter_ms", milliseconds(m.peer.Jitter))
	}
	if m.peer.Incoming > 0 {
		attrs = append(attrs, "jitter_ms", milliseconds(m.peer.Incoming))
	}
	if m.peer.RoundTrip > 0 {
		attrs = append(attrs, "round_trip_ms", milliseconds(m.peer.RoundTrip))
	}
	m.state.room.registry.cfg.Log.Info("quality", attrs...)
}

// rounded keeps one part in parts.
func rounded(v, parts float64) float64 { return math.Round(v*parts) / parts }

func milliseconds(d time.Duration) float64 { return rounded(d.Seconds()*1000, 10) }

// qualityMetrics are how participants are heard, observed once a second and participant.
type qualityMetrics struct {
	loss, concealed, mos histogram
	jitter, roundTrip    histogram
}

var (
	descLoss      = prometheus.NewDesc("confbridge_participant_loss_ratio", "Share of a participant's packets lost in a second.", nil, nil)
	descConcealed = prometheus.NewDesc("confbridge_participant_concealed_ratio", "Share of a second of a participant's sound that was made up.", nil, nil)
	descJitter    = prometheus.NewDesc("confbridge_participant_jitter_seconds", "Interarrival jitter of a participant's packets (RFC 3550 §6.4.1).", nil, nil)
	descRoundTrip = prometheus.NewDesc("confbridge_participant_round_trip_seconds", "Round trip to a participant, where RTCP tells it.", nil, nil)
	descMOS       = prometheus.NewDesc("confbridge_participant_mos", "Estimate by the E-model of how a participant is heard, 1 to 4.5, since the join.", nil, nil)
)

func (q *qualityMetrics) setBounds() {
	q.loss.bounds = [...]float64{0, .005, .01, .02, .03, .05, .1, .15, .25, .5}
	q.concealed.bounds = q.loss.bounds
	q.jitter.bounds = [...]float64{.0005, .001, .002, .005, .01, .02, .03, .05, .1, .2}
	q.roundTrip.bounds = [...]float64{.005, .01, .02, .05, .1, .15, .2, .3, .5, 1}
	q.mos.bounds = [...]float64{1.5, 2, 2.5, 3, 3.3, 3.6, 3.8, 4, 4.2, 4.4}
}

func (q *qualityMetrics) observe(loss, concealed, mos float64) {
	q.loss.count(loss)
	q.concealed.count(concealed)
	q.mos.count(mos)
}

func (q *qualityMetrics) describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLoss, descConcealed, descJitter, descRoundTrip, descMOS} {
		ch <- d
	}
}

func (q *qualityMetrics) collect(ch chan<- prometheus.Metric) {
	ch <- q.loss.metric(descLoss)
	ch <- q.concealed.metric(descConcealed)
	ch <- q.jitter.metric(descJitter)
	ch <- q.roundTrip.metric(descRoundTrip)
	ch <- q.mos.metric(descMOS)
}
