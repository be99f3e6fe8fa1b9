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

// of64 is how many legs or distributions have a tick together: as many as an exchange sends for at a time.
const of64 = media.ExchangeLegs

// distribution makes the n-th that is measured, over a cable to another host.
type distribution struct {
	name string
	make func(n int) Config
	many int // are measured together
}

// groupNumber is one of 64 groups of IPv4.
func groupNumber(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 1, 3, byte(n)}), 5004)
}

func distributions() []distribution {
	all := []distribution{{"group", func(n int) Config { return config(groupNumber(n)) }, of64}, {"groupIPv6", func(n int) Config {
		a := groups[2].group.Addr().As16()
		a[14] = byte(n)
		return config(netip.AddrPortFrom(netip.AddrFrom16(a), 5004))
	}, of64}}
	for i, name := range []string{"groupAESCM", "groupAESGCM"} {
		all = append(all, distribution{name, func(n int) Config {
			c := config(groupNumber(n))
			c.Key = &keys[i]
			return c
		}, of64})
	}
	for _, listeners := range []int{1, 4, longestPosted, 100} {
		all = append(all, distribution{fmt.Sprint("list", listeners), func(n int) Config {
			c := Config{Profile: pcmu}
			for i := range listeners {
				c.Listeners = append(c.Listeners, netip.AddrPortFrom(groups[0].there, uint16(20000+2*(listeners*n+i))))
			}
			return c
		}, max(of64/listeners, 1)})
	}
	return all
}

// distribute is the tick of a distribution: one packet, and a look for RTCP in every 25th.
func distribute(s *Sender, x *media.Exchange, now time.Time, payload []byte) {
	s.SendBy(x)
	s.Tick(now)
	s.Mixed(talkers)
	s.Send(now, payload, 160)
}

// BenchmarkTick is what a distribution costs a tick.
func BenchmarkTick(b *testing.B) {
	newNetwork(b)
	for _, d := range distributions() {
		b.Run(d.name, func(b *testing.B) {
			s := open(b, d.make(0))
			now, payload := time.Now(), make([]byte, 160)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(tick)
				distribute(s, nil, now, payload)
			}
		})
	}
}

// callers opens legs that listen in a call, to the same other host: what a distribution is measured by.
func callers(b *testing.B) (all []*media.Leg) {
	b.Helper()
	e, err := media.NewEngine(media.Config{Timeout: 100 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	for i := range of64 {
		l, err := e.Open(groups[0].here)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = l.Close() })
		stream := media.Stream{Remote: netip.AddrPortFrom(groups[0].there, uint16(20000+2*i)), Send: true, Receive: true, Payloads: listening.Payloads}
		if err := l.Configure(stream); err != nil {
			b.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

// listen is a tick of legs.
func listen(b *testing.B, legs []*media.Leg, x *media.Exchange, now time.Time, in media.Inlet, payload []byte) {
	for _, l := range legs {
		l.FetchBy(x)
	}
	x.Fetch()
	for _, l := range legs {
		if err := l.Receive(now, in); err != nil {
			b.Fatal(err)
		}
	}
	for _, l := range legs {
		l.SendBy(x)
		l.Send(now, payload, 160)
	}
	x.Flush()
}

// BenchmarkInTurns has 64 legs in calls, 64 groups of each kind, and lists with 64 listeners together, take turns of ten ticks, by themselves and together, and reports the median of the turns in µs a tick of one of
// them: what else the machine does meanwhile falls on all alike. One operation is a turn of each. Legs are sent nothing here: those of a bridge cost more by a packet that comes.
func BenchmarkInTurns(b *testing.B) {
	newNetwork(b)
	const ticks = 10
	type row struct {
		name  string
		tick  func()
		many  int
		spent []time.Duration
	}
	var rows []row
	now, payload := time.Now(), make([]byte, 160)
	var in inlet
	legs, together := callers(b), newExchange(b)
	for suffix, x := range map[string]*media.Exchange{"": nil, "-together": together} {
		rows = append(rows, row{name: "leg" + suffix, many: of64, tick: func() { listen(b, legs, x, now, &in, payload) }})
	}
	for _, d := range distributions() {
		var all []*Sender
		for i := range d.many {
			all = append(all, open(b, d.make(i)))
		}
		for suffix, x := range map[string]*media.Exchange{"": nil, "-together": together} {
			rows = append(rows, row{name: d.name + suffix, many: d.many, tick: func() {
				for _, s := range all {
					distribute(s, x, now, payload)
				}
				x.Flush()
			}})
		}
	}
	for b.Loop() {
		for i := range rows {
			begun := time.Now()
			for range ticks {
				now = now.Add(tick)
				rows[i].tick()
			}
			rows[i].spent = append(rows[i].spent, time.Since(begun))
		}
	}
	for _, r := range rows {
		slices.Sort(r.spent)
		b.ReportMetric(float64(r.spent[len(r.spent)/2].Nanoseconds())/1000/ticks/float64(r.many), r.name+"-µs")
	}
}

// BenchmarkGroups is one tick of a room with so many groups.
func BenchmarkGroups(b *testing.B) {
	newNetwork(b)
	x := newExchange(b)
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var all []*Sender
			for i := range n {
				all = append(all, open(b, config(groupNumber(i))))
			}
			now, payload := time.Now(), make([]byte, 160)
			for b.Loop() {
				now = now.Add(tick)
				for _, s := range all {
					distribute(s, x, now, payload)
				}
				x.Flush()
			}
		})
	}
}
