package multicast

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer"
)

// talkers are who is heard in what the benchmarks send.
var talkers = []mixer.Source{{ID: 1}, {ID: 2}, {ID: 3}}

// distributions are what is measured, over a cable to another host.
func distributions() (names []string, all []Config) {
	add := func(name string, c Config) { names, all = append(names, name), append(all, c) }
	list := func(n int) Config {
		c := Config{Profile: pcmu}
		for i := range n {
			c.Listeners = append(c.Listeners, netip.AddrPortFrom(groups[0].there, uint16(20000+2*i)))
		}
		return c
	}
	add("group", config(groups[0].group))
	add("groupIPv6", config(groups[2].group))
	for i, name := range []string{"groupAESCM", "groupAESGCM"} {
		c := config(groups[0].group)
		c.Key = &keys[i]
		add(name, c)
	}
	add("list1", list(1))
	add("list100", list(100))
	return names, all
}

// distribute is the tick of a distribution: one packet, and a look for RTCP in every fifth.
func distribute(s *Sender, now time.Time, payload []byte) {
	s.Tick(now)
	s.Mixed(talkers)
	s.Send(now, payload, 160)
}

// BenchmarkTick is what a distribution costs a tick.
func BenchmarkTick(b *testing.B) {
	newNetwork(b)
	names, all := distributions()
	for i, name := range names {
		b.Run(name, func(b *testing.B) {
			s := open(b, all[i])
			now, payload := time.Now(), make([]byte, 160)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(tick)
				distribute(s, now, payload)
			}
		})
	}
}

// caller opens a leg that listens in a call, to the same other host: what a distribution is measured by.
func caller(b *testing.B) *media.Leg {
	b.Helper()
	e, err := media.NewEngine(media.Config{Timeout: 100 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	l, err := e.Open(groups[0].here)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	stream := media.Stream{Remote: netip.AddrPortFrom(groups[0].there, 20000), Send: true, Receive: true, Payloads: listening.Payloads}
	if err := l.Configure(stream); err != nil {
		b.Fatal(err)
	}
	return l
}

// BenchmarkLeg is the tick of such a leg.
func BenchmarkLeg(b *testing.B) {
	newNetwork(b)
	l := caller(b)
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

// BenchmarkInTurns has all of them, and the leg, take turns of a hundred ticks, and reports the median of each one's turns in µs a tick: what else the machine does meanwhile
// falls on all alike. One operation is a turn of each.
func BenchmarkInTurns(b *testing.B) {
	newNetwork(b)
	const ticks = 100
	names, all := distributions()
	now, payload := time.Now(), make([]byte, 160)
	var in inlet
	l := caller(b)
	turns := []func(){func() {
		if err := l.Receive(now, &in); err != nil {
			b.Fatal(err)
		}
		l.Send(now, payload, 160)
	}}
	for _, c := range all {
		s := open(b, c)
		turns = append(turns, func() { distribute(s, now, payload) })
	}
	spent := make([][]time.Duration, len(turns))
	for b.Loop() {
		for i, turn := range turns {
			begun := time.Now()
			for range ticks {
				now = now.Add(tick)
				turn()
			}
			spent[i] = append(spent[i], time.Since(begun))
		}
	}
	for i, name := range append([]string{"leg"}, names...) {
		slices.Sort(spent[i])
		b.ReportMetric(float64(spent[i][len(spent[i])/2].Nanoseconds())/1000/ticks, name+"-µs")
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
