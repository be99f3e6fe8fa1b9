package multicast

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/confbridge/confbridge/mixer"
)

// TestTheTickDoesNotAllocate counts over ticks that hear receivers, and send reports and comfort noise.
func TestTheTickDoesNotAllocate(t *testing.T) {
	n := newNetwork(t)
	list := Config{Profile: pcmu, Listeners: []netip.AddrPort{netip.MustParseAddrPort("10.77.0.2:7000"), netip.MustParseAddrPort("10.77.0.2:7002")}}
	noisy := config(groups[0].group)
	noisy.Noise = 13
	secret := config(groups[0].group)
	secret.Key = &keys[1]
	counter := config(groups[0].group)
	counter.Key = &keys[0]
	x := newExchange(t)
	for name, cfg := range map[string]Config{"a group": noisy, "a group of IPv6": config(groups[2].group), "a list": list, "in AES-GCM": secret, "in AES-CM": counter} {
		s := open(t, cfg)
		now := time.Now()
		if cfg.Group.IsValid() {
			member := n.bind(t, netip.AddrPortFrom(groups[0].there, 0))
			if cfg.Group.Addr().Is6() {
				member = n.bind(t, netip.AddrPortFrom(groups[2].there, 0))
			}
			for i := range uint32(30) {
				member.say(nextPort(cfg.Group), &rtcp.ReceiverReport{SSRC: 1 + i, Reports: []rtcp.ReceptionReport{{SSRC: s.header.SSRC}}})
			}
		}
		sources := []mixer.Source{{ID: 1}, {ID: 2}}
		payload := make([]byte, 160)
		i := 0
		if got := testing.AllocsPerRun(500, func() {
			now = now.Add(tick)
			switch i % 10 { // by itself, together with others, and from the one to the other
			case 0:
				s.SendBy(x)
			case 5:
				s.SendBy(nil)
			}
			s.Tick(now)
			s.Mixed(sources)
			if i++; i%100 < 50 {
				s.Send(now, payload, 160)
			} else {
				s.Send(now, nil, 160)
			}
			x.Flush()
		}); got != 0 {
			t.Errorf("%s: %v allocations a tick", name, got)
		}
		if got := s.Stats(); got.Packets == 0 || cfg.Key == nil && cfg.Group.IsValid() && got.Receivers != 30 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
