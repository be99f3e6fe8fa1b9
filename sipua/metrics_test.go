package sipua

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/sipua/message"
)

func TestRequestsAreCountedUnderFewLabels(t *testing.T) {
	b := newBridge(t, nil)
	w := b.phone(t, "UDP")
	w.call()
	for _, method := range []string{"DANCE", "SING"} {
		other := b.phone(t, "UDP")
		other.send(method, "")
		other.want(message.Method(method), 501)
	}
	w.hangup()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(b.Server)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "," + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"confbridge_sip_requests_total,200,INVITE": 1, "confbridge_sip_requests_total,200,BYE": 1,
		"confbridge_sip_requests_total,501,other": 2,
	} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
	for _, name := range []string{"confbridge_sip_calls", "confbridge_sip_transactions,server", "confbridge_sip_signalling_total,merged"} {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is not there", name)
		}
	}
}
