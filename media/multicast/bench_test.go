package multicast

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer"
)

// BenchmarkTick is what a distribution costs a tick, over a cable to another host: one packet, and a look for RTCP in every fifth.
func BenchmarkTick(b *testing.B) {
	newNetwork(b)
	secret := config(groups[0].group)
	secret.Key = &keys[0]
	gcm := config(groups[0].group)
	gcm.Key = &keys[1]
	list := func(n int) Config {
		c := Config{Profile: pcmu}
		for i := range n {
			c.Listeners = append(c.Listeners, netip.AddrPortFrom(groups[0].there, uint16(20000+2*i)))
		}
		return c
	}
	for _, c := range []struct {
		name string
		cfg  Config
	}{
		{"group", config(groups[0].group)},
		{"groupIPv6", config(groups[2].group)},
		{"groupAESCM", secret},
		{"groupAESGCM", gcm},
		{"list1", list(1)},
		{"list100", list(100)},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := open(b, c.cfg)
			now, payload := time.Now(), make([]byte, 160)
			sources := []mixer.Source{{ID: 1}, {ID: 2}, {ID: 3}}
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(tick)
				s.Tick(now)
				s.Mixed(sources)
				s.Send(now, payload, 160)
			}
		})
	}
}

// BenchmarkLeg is the tick of a leg that listens in a call, to the same other host: what a distribution is measured by.
func BenchmarkLeg(b *testing.B) {
	newNetwork(b)
	e, err := media.NewEngine(media.Config{Timeout: 100 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	l, err := e.Open(groups[0].here)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	stream := media.Stream{Remote: netip.AddrPortFrom(groups[0].there, 20000), Send: true, Receive: true, Payloads: listening.Payloads}
	if err := l.Configure(stream); err != nil {
		b.Fatal(err)
	}
	now, payload := time.Now(), make([]byte, 160)
	var in inlet
	for b.Loop() {
		now = now.Add(tick)
		if err := l.Receive(now, &in); err != nil {
			b.Fatal(err)
		}
		l.Send(now, payload, 160)
	}
}

// BenchmarkGroups is one tick of a room with so many groups.
func BenchmarkGroups(b *testing.B) {
	newNetwork(b)
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var all []*Sender
			for i := range n {
				all = append(all, open(b, config(netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 1, 3, byte(i)}), 5004))))
			}
			now, payload := time.Now(), make([]byte, 160)
			for b.Loop() {
				now = now.Add(tick)
				for _, s := range all {
					s.Tick(now)
					s.Send(now, payload, 160)
				}
			}
		})
	}
}
