package distributor

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/rooms"
)

// gathered are the values of metrics by name and state.
func gathered(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			all[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return all
}

func TestWhatDistributionsHaveSentIsCountedBeyondTheirEnd(t *testing.T) {
	ctx := waitContext(t)
	h := newHouse(t, rooms.Memory{}, loopback)
	h.room(t, "1000")
	e := newEar(t)
	if _, err := h.Create(ctx, "1000", to(e.to)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		e.next()
	}
	during := gathered(t, h.Collector())
	if during["confbridge_distributions up"] != 1 || during["confbridge_distributions down"] != 0 || during["confbridge_distribution_packets_total"] < 2 || // the third may not be counted yet

		during["confbridge_distribution_send_errors_total"] != 0 || during["confbridge_distribution_receivers"] != 0 {
		t.Errorf("while one is on: got %v", during)
	}
	if err := h.Delete(ctx, "1000", "hall"); err != nil {
		t.Fatal(err)
	}
	after := gathered(t, h.Collector())
	if after["confbridge_distributions up"] != 0 || after["confbridge_distribution_packets_total"] < during["confbridge_distribution_packets_total"] {
		t.Errorf("after its end: got %v, was %v", after, during)
	}
	if _, err := h.Create(ctx, "1000", to(e.to)); err != nil {
		t.Fatal(err)
	}
	again := gathered(t, h.Collector())
	if again["confbridge_distributions up"] != 1 || again["confbridge_distribution_packets_total"] < after["confbridge_distribution_packets_total"] {
		t.Errorf("of another one: got %v, was %v", again, after)
	}
	if err := h.Close(ctx); err != nil {
		t.Fatal(err)
	}
	closed := gathered(t, h.Collector())
	if closed["confbridge_distributions up"] != 0 || closed["confbridge_distribution_packets_total"] < again["confbridge_distribution_packets_total"] {
		t.Errorf("closed: got %v, was %v", closed, again)
	}
}
