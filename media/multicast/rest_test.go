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
	for _, row := range []struct {
		packet time.Duration
		known  int // packets: half a second
	}{{10 * time.Millisecond, 50}, {20 * time.Millisecond, 25}, {60 * time.Millisecond, 9}} {
		cfg := config(groups[0].group)
		cfg.Profile.Packet = row.packet
		s := open(t, cfg)
		now := time.Now()
		for name, again := range map[string]func(){
			"another SSRC": func() { s.renew(now) },
			"a rest":       func() { s.Rest(now); s.Tick(now) },
		} {
			for i := range row.known {
				if !s.Begins() {
					t.Fatalf("%v: it has begun with %d packets, want %d", row.packet, i, row.known)
				}
				s.Send(now, nil, 160) // is none
				s.Send(now, []byte{1}, 160)
			}
			if s.Begins() {
				t.Errorf("%v: %d packets are no beginning", row.packet, row.known)
			}
			again()
			if !s.Begins() {
				t.Errorf("%v: behind %s it does not begin", row.packet, name)
			}
		}
	}
}

// TestAPathIsDownWhenNothingCouldBeSentForHalfASecond: whatever a packet lasts.
func TestAPathIsDownWhenNothingCouldBeSentForHalfASecond(t *testing.T) {
	for _, row := range []struct{ units, packets int }{{80, 50}, {160, 25}, {480, 9}, {1600, 3}} {
		s := &Sender{cfg: config(groups[0].group)}
		s.init(time.Now())
		s.keeper.ailing = make(chan struct{}, 1)
		for i := range 2 * row.packets {
			s.next += uint32(row.units)
			s.count(1, 1, 0, 1)
			if down := len(s.keeper.ailing) > 0; down != (i+1 >= row.packets) {
				t.Fatalf("packets of %d units: after %d that failed down is %v, want it after %d", row.units, i+1, down, row.packets)
			}
		}
		s.count(1, 1, 1, 0)
		if s.failures != 0 {
			t.Errorf("packets of %d units: one was sent, and %d units have failed", row.units, s.failures)
		}
	}
}
