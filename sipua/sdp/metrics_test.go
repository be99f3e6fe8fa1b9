package sdp

import (
	"strings"
	"testing"
)

func TestWhoAsksForMetricsIsAskedForThem(t *testing.T) {
	const stream = "m=audio 5004 RTP/AVP 0\r\n"
	offer := func(session, media string) []byte {
		return []byte("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" + session + stream + media)
	}
	for name, c := range map[string]struct {
		session, media string
		want           bool
	}{
		"nothing":                        {"", "", false},
		"metrics":                        {"", "a=rtcp-xr:voip-metrics\r\n", true},
		"among others":                   {"", "a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup voip-metrics\r\n", true},
		"others":                         {"", "a=rtcp-xr:rcvr-rtt=sender pkt-loss-rle\r\n", false},
		"none at all":                    {"", "a=rtcp-xr:\r\n", false},
		"a name that begins alike":       {"", "a=rtcp-xr:voip-metrics-2\r\n", false},
		"in the session":                 {"a=rtcp-xr:voip-metrics\r\n", "", true},
		"in the session, not the stream": {"a=rtcp-xr:voip-metrics\r\n", "a=rtcp-xr:\r\n", false},
	} {
		o := offer(c.session, c.media)
		answer, agreed, err := Answer(o, local(o))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := strings.Contains(string(answer), "a=rtcp-xr:voip-metrics\r\n"); agreed.Metrics != c.want || got != c.want {
			t.Errorf("%s: agreed %v, answered %v, want %v", name, agreed.Metrics, got, c.want)
		}
	}
}
