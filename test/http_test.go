package test

import (
	"strconv"
	"testing"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/test/bridge"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestLiveReadyAndMetrics(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	for _, path := range []string{"/livez", "/readyz"} {
		code, body, err := b.Fetch(t.Context(), path)
		if err != nil || code != 200 || body != "ok\n" {
			t.Errorf("%s: %d %q %v", path, code, body, err)
		}
	}
	if code, _, err := b.Fetch(t.Context(), "/secret"); err != nil || code != 404 {
		t.Errorf("/secret: %d %v, want 404", code, err)
	}
	client := newClient(t)
	guests := []*guest{
		invite(t, client, "sip:1000@"+b.UDP, codec.PCMU, tone(877, 8000, 20)),
		invite(t, client, "sip:1000@"+b.UDP, codec.Opus, nil),
	}
	b.present(t, "1000", 2)
	for _, g := range guests {
		g.listen(t, 16000)
	}
	for _, m := range []struct {
		name   string
		labels []string
		want   float64 // -1: it is there
	}{
		{"confbridge_rooms", nil, 1},
		{"confbridge_participants", []string{`codec="PCMU"`}, 1},
		{"confbridge_participants", []string{`codec="opus"`}, 1},
		{"confbridge_participants", []string{`codec="PCMA"`}, 0},
		{"confbridge_mixer_tick_seconds_count", nil, -1},
		{"confbridge_mixer_late_ticks_total", nil, -1},
		{"confbridge_jitter_buffer_seconds_count", nil, -1},
		{"confbridge_rtp_packets_total", []string{`dir="in"`, `result="ok"`}, -1},
		{"confbridge_rtp_packets_total", []string{`dir="out"`, `result="ok"`}, -1},
		{"confbridge_rtp_rejected_total", []string{`reason="payload_type"`}, 0},
		{"confbridge_sip_requests_total", []string{`method="INVITE"`, `code="200"`}, 2},
		{"confbridge_events_dropped_total", nil, 0},
		{"go_goroutines", nil, -1},
	} {
		got, found := b.metric(t, m.name, m.labels...)
		if !found || m.want >= 0 && got != m.want {
			t.Errorf("%s%v = %v, found %t; want %v", m.name, m.labels, got, found, m.want)
		}
	}
	eventually(t, "packets and ticks are counted", func() bool {
		in, _ := b.metric(t, "confbridge_rtp_packets_total", `dir="in"`)
		out, _ := b.metric(t, "confbridge_rtp_packets_total", `dir="out"`)
		ticks, _ := b.metric(t, "confbridge_mixer_tick_seconds_count")
		return in > 50 && out > 50 && ticks > 25
	})
	for _, g := range guests {
		g.end()
	}
	eventually(t, "nobody is counted any more", func() bool {
		n, _ := b.metric(t, "confbridge_participants")
		return n == 0
	})
	if got, _ := b.metric(t, "confbridge_sip_requests_total", `method="BYE"`, `code="200"`); got != 2 {
		t.Errorf("%v BYEs were answered, want 2", got)
	}
}
