package jitter_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/jitter"
)

// TestTheCopyBehindALongLossIsAskedFor loses bursts of packets, so long that the buffer takes them for silence. What comes behind
// each may hold a copy of the last one.
func TestTheCopyBehindALongLossIsAskedFor(t *testing.T) {
	for _, row := range []struct {
		name    string
		repairs bool
		heard   bool // the last of each burst comes, without audio
		want    bool
	}{
		{"packets hold copies", true, false, true},
		{"packets hold none", false, false, false},
		{"the last of the burst has come", true, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			const from, every, burst = 100, 25, 7
			b := jitter.New(jitter.Config{})
			b.Repairs(row.repairs)
			asked, bursts, held := 0, 0, 0
			var before jitter.Packet // what Next has said last
			for i := range uint16(1000) {
				p := packet(i, time.Duration(i)*20*ms)
				p.Payload = []byte{byte(i), byte(i >> 8)}
				switch phase := i % every; {
				case i < from || phase > burst:
					b.Put(p)
				case phase == burst:
					bursts++
					if row.heard {
						b.Absent(i)
					}
				}
				b.Tick(epoch.Add(time.Duration(i)*20*ms + 5*ms))
				for got := held; ; {
					if held = got - 160; held >= 0 {
						break
					}
					p, what := b.Next(time.Duration(got) * ms / 8)
					got += p.Samples
					if first := p.Sequence; what == jitter.Play && first > from && first%every == burst+1 && bytes.Equal(before.Payload, p.Payload) {
						asked++
						if before.Samples != 160 {
							t.Errorf("%d samples asked for out of packet %d, want the 160 of a packet", before.Samples, first)
						}
					}
					if before = p; what != jitter.Lost {
						before = jitter.Packet{}
					}
				}
			}
			if !row.want && asked > 0 || row.want && asked < bursts-2 {
				t.Errorf("a copy asked for behind %d of %d bursts", asked, bursts)
			}
		})
	}
}
