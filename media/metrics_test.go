package media

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/codec"
)

// gather reads the metrics as name, labels and value.
func gather(t *testing.T, e *Engine) map[string]float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(e)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != 0 {
				got[name] = v
			}
		}
	}
	return got
}

func TestMetrics(t *testing.T) {
	e := newTestEngine(t, Config{})
	p := newPeer(t, "127.0.0.1")
	l, err := e.Open(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	configure(t, l, p.stream())
	for seq := range uint16(3) {
		p.send(p.rtp, packet(7, seq), l.Addr())
	}
	p.send(p.rtp, []byte{0x80}, l.Addr())
	p.send(p.rtp, make([]byte, udp.MaxPacket+1), l.Addr())
	p.send(p.rtcp, []byte{1, 2, 3}, nextPort(l.Addr()))
	until(t, l, start, &ear{}, func() bool { return l.counters.rejected[reasonRTCP].Load() == 1 })
	l.Send(start, []byte{1}, 160)
	l.Send(start, make([]byte, codec.MaxPayloadBytes+1), 160)
	want := map[string]float64{
		"confbridge_media_legs":                               1,
		"confbridge_rtp_packets_total dir=in result=ok":       2,
		"confbridge_rtp_packets_total dir=in result=rejected": 3,
		"confbridge_rtp_packets_total dir=out result=ok":      1,
		"confbridge_rtp_packets_total dir=out result=error":   1,
		"confbridge_rtp_rejected_total reason=probation":      1,
		"confbridge_rtp_rejected_total reason=short":          1,
		"confbridge_rtp_rejected_total reason=too_long":       1,
		"confbridge_rtp_rejected_total reason=rtcp_malformed": 1,
	}
	if diff := cmp.Diff(want, gather(t, e)); diff != "" {
		t.Error(diff)
	}
	s := l.Stats()
	if s.PacketsReceived != 2 || s.BytesReceived != 344 || s.PacketsRejected != 3 || s.PacketsSent != 1 || s.BytesSent != 13 ||
		s.SendErrors != 1 || s.Source != addrOf(p.rtp) {
		t.Errorf("got %+v", s)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	delete(want, "confbridge_media_legs")
	if diff := cmp.Diff(want, gather(t, e)); diff != "" {
		t.Errorf("after the leg is gone: %s", diff)
	}
}

func TestEveryReasonHasAName(t *testing.T) {
	seen := map[string]bool{}
	for r := accepted + 1; r < reasons; r++ {
		if reasonNames[r] == "" || seen[reasonNames[r]] {
			t.Errorf("reason %d is called %q", r, reasonNames[r])
		}
		seen[reasonNames[r]] = true
	}
}

// TestLegsOfManyRooms runs legs on several goroutines at once while metrics are read: the race detector judges.
func TestLegsOfManyRooms(t *testing.T) {
	e := newTestEngine(t, Config{})
	var rooms sync.WaitGroup
	for range 4 {
		rooms.Go(func() {
			a, errA := e.Open(netip.MustParseAddr("127.0.0.1"))
			b, errB := e.Open(netip.MustParseAddr("127.0.0.1"))
			if errA != nil || errB != nil {
				t.Error(errA, errB)
				return
			}
			defer func() { _, _ = a.Close(), b.Close() }()
			s := Stream{Remote: b.Addr(), Send: true, Receive: true, Payloads: []Payload{{0, 0, 0, codec.Profile{Format: pcmu}}}}
			errA = a.Configure(s)
			s.Remote = a.Addr()
			errB = b.Configure(s)
			if errA != nil || errB != nil {
				t.Error(errA, errB)
				return
			}
			var in deaf
			now := start
			for i := 0; i < tries && in.packets < 200; i++ {
				now = now.Add(tick)
				a.Send(now, []byte("from a"), 160)
				b.Send(now, []byte("from b"), 160)
				_, _ = a.Receive(now, &in), b.Receive(now, &in)
			}
			if in.packets < 200 {
				t.Errorf("%d packets came", in.packets)
			}
		})
	}
	for range 50 {
		gather(t, e)
	}
	rooms.Wait()
}
