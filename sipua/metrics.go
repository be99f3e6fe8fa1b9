package sipua

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/upstream"
)

// metrics counts what the core answers. Labels are bounded: the methods that Allow names, the rest as "other".
type metrics struct{ requests *prometheus.CounterVec }

func newMetrics() metrics {
	return metrics{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "confbridge_sip_requests_total",
		Help: "SIP requests that were given a final response, by method and status.",
	}, []string{"method", "code"})}
}

// count counts one final response.
func (m metrics) count(method message.Method, status int) {
	label := "other"
	switch method {
	case message.Invite, message.Bye, message.Cancel, message.Options, message.Update, message.Info, message.Prack:
		label = string(method)
	}
	m.requests.WithLabelValues(label, strconv.Itoa(status)).Inc()
}

var (
	callsDesc = prometheus.NewDesc("confbridge_sip_calls", "Calls, from INVITE to the end of BYE.", nil, nil)
	transDesc = prometheus.NewDesc("confbridge_sip_transactions", "SIP transactions alive.", []string{"side"}, nil)
	connsDesc = prometheus.NewDesc("confbridge_sip_connections", "SIP connections open.", nil, nil)
	linesDesc = prometheus.NewDesc("confbridge_trunk_calls", "Calls of a trunk; anonymous: from nobody's.", []string{"trunk"}, nil)
	authDesc  = prometheus.NewDesc("confbridge_sip_auth_failures_total", "Requests of callers that were not let in, by reason.", []string{"reason"}, nil)
	halfDesc  = prometheus.NewDesc("confbridge_sip_calls_half_open", "INVITEs taken that have had no ACK yet.", nil, nil)
	refDesc   = prometheus.NewDesc("confbridge_sip_refused_total",
		"New requests refused with 503 before anything was spent on them, by reason: rate (of their source), half_open, late (the "+
			"mixer), transactions, calls; flood counts those that were not even answered.", []string{"reason"}, nil)
	sigDesc = prometheus.NewDesc("confbridge_sip_signalling_total",
		"What befell SIP messages: retransmitted (received again), repeated (sent again), merged (482), misdirected (responses for "+
			"somebody else), unreachable (ICMP errors), malformed, queue_full, send_error; and connections: over_limit, "+
			"handshake_failed, origin_refused, too_large (a message), idle_timeout, message_timeout (one that did not end), flood (of "+
			"pings).", []string{"what"}, nil)
	regDesc  = prometheus.NewDesc("confbridge_registration_up", "Whether calls reach us by a registration of ours.", []string{"trunk"}, nil)
	pingDesc = prometheus.NewDesc("confbridge_trunk_up", "Whether a trunk answers to OPTIONS.", []string{"trunk"}, nil)
)

// Describe and Collect make Server a prometheus.Collector.
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	s.metrics.requests.Describe(ch)
	for _, d := range []*prometheus.Desc{callsDesc, transDesc, connsDesc, halfDesc, refDesc, linesDesc, authDesc, regDesc, pingDesc, sigDesc} {
		ch <- d
	}
}

// Collect is Describe's other half.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	s.metrics.requests.Collect(ch)
	s.mu.Lock()
	ep := s.ep
	s.mu.Unlock()
	if ep == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	gauge(callsDesc, ep.callCount())
	for _, t := range s.book.States() {
		gauge(linesDesc, t.Calls, t.Name)
	}
	up := func(ok bool) int {
		if ok {
			return 1
		}
		return 0
	}
	for _, r := range s.Registrations() {
		gauge(regDesc, up(r.Phase == upstream.Registered), r.Name)
	}
	for _, p := range s.Pings() {
		gauge(pingDesc, up(p.Up), p.Name)
	}
	for why, n := range s.book.Failures() {
		ch <- prometheus.MustNewConstMetric(authDesc, prometheus.CounterValue, float64(n), string(why))
	}
	tx, tp := ep.layer.Stats(), ep.stats()
	gauge(transDesc, tx.Servers, "server")
	gauge(transDesc, tx.Clients, "client")
	gauge(connsDesc, tp.Connections)
	gate := s.gate.Stats()
	gauge(halfDesc, gate.HalfOpen)
	type count struct {
		what string
		n    uint64
	}
	counter := func(d *prometheus.Desc, list ...count) {
		for _, c := range list {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(c.n), c.what)
		}
	}
	counter(refDesc,
		count{"rate", gate.RefusedRate}, count{"half_open", gate.RefusedHalfOpen}, count{"late", gate.RefusedLate},
		count{"transactions", tx.Refused}, count{"calls", ep.tooMany.Load()}, count{"flood", gate.Dropped})
	for _, c := range []count{
		{"retransmitted", tx.Retransmissions},
		{"repeated", tx.Repeated},
		{"merged", tx.Merged},
		{"misdirected", tx.Misdirected},
		{"unreachable", tp.Unreachable},
		{"malformed", tp.Malformed},
		{"queue_full", tp.QueueFull},
		{"send_error", tp.SendErrors},
		{"over_limit", tp.Refused},
		{"handshake_failed", tp.HandshakeFailed},
		{"origin_refused", tp.OriginRefused},
		{"too_large", tp.TooLarge},
		{"idle_timeout", tp.IdleTimeouts},
		{"message_timeout", tp.MessageTimeouts},
		{"flood", tp.Floods},
	} {
		ch <- prometheus.MustNewConstMetric(sigDesc, prometheus.CounterValue, float64(c.n), c.what)
	}
}
