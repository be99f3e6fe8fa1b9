package media

import (
	"runtime"
	"slices"
	"testing"
)

func TestDiscardForgetsWhatCameBefore(t *testing.T) {
	l, early, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1"), newPeer(t, "127.0.0.1")
	const before = 2 * packetsPerReceive
	for i := range uint16(before) {
		early.send(early.rtp, packet(7, i), l.Addr())
	}
	early.send(early.rtcp, []byte("early"), nextPort(l.Addr()))
	dropped := 0
	for range tries {
		if dropped += l.Discard(); dropped >= before+1 {
			break
		}
		runtime.Gosched()
	}
	if dropped != before+1 {
		t.Errorf("%d packets were dropped, want %d", dropped, before+1)
	}
	configure(t, l, p.stream())
	var e ear
	for i := range uint16(3) {
		p.send(p.rtp, packet(8, 100+i), l.Addr())
	}
	until(t, l, start, &e, func() bool { return len(e.audio) == 2 })
	if want := []uint16{101, 102}; !slices.Equal(e.sequences(), want) { // the first is probation
		t.Errorf("got sequence %v, want %v", e.sequences(), want)
	}
}
