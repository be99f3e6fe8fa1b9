package multicast

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func TestARestEndsWithTheNextTick(t *testing.T) {
	n := newNetwork(t)
	row := groups[0]
	e, control := n.listen(t, row.group), n.listen(t, netip.AddrPortFrom(row.group.Addr(), row.group.Port()+1))
	s := open(t, config(row.group))
	now := time.Now()
	sound := make([]byte, 160)
	s.Tick(now)
	s.Send(now, sound, 160)
	first := e.rtp()
	s.Rest(now)
	s.Rest(now) // again: nothing is said twice
	all := control.rtcp()
	if _, ok := all[len(all)-1].(*rtcp.Goodbye); !ok {
		t.Errorf("a rest begins with %v, want BYE", all)
	}
	now = now.Add(10 * time.Second)
	s.Tick(now)
	s.Send(now, sound, 160)
	after := e.rtp()
	if after.SSRC != first.SSRC || after.SequenceNumber != first.SequenceNumber+1 || !after.Marker {
		t.Errorf("after the rest: %v, before it %v", after.Header, first.Header)
	}
	if got := after.Timestamp - first.Timestamp; got != 160+80000 {
		t.Errorf("the timestamp went on by %d in 10 s and a packet, want 80160", got)
	}
	if got := before(t, control, row.group); len(got) > 0 {
		t.Errorf("more was said: %v", got)
	}
}

// TestAStreamBegins: at first, under another SSRC, and behind a rest.
func TestAStreamBegins(t *testing.T) {
	newNetwork(t)
	s := open(t, config(groups[0].group))
	now := time.Now()
	for name, again := range map[string]func(){
		"another SSRC": func() { s.renew(now) },
		"a rest":       func() { s.Rest(now); s.Tick(now) },
	} {
		for i := range begun {
			if !s.Begins() {
				t.Fatalf("it has begun with %d packets, want %d", i, begun)
			}
			s.Send(now, nil, 160) // is none
			s.Send(now, []byte{1}, 160)
		}
		if s.Begins() {
			t.Errorf("%d packets are no beginning", begun)
		}
		again()
		if !s.Begins() {
			t.Errorf("behind %s it does not begin", name)
		}
	}
}
