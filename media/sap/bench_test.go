package sap

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// BenchmarkDirectory is what a packet of each kind costs, with a thousand sessions known.
func BenchmarkDirectory(b *testing.B) {
	d := newDirectory(ListenerConfig{MaxPerSource: 1000})
	for i := range 1000 {
		d.tokens = readsAtOnce
		d.take(arrival{from: stage, bytes: mustMarshal(b, Packet{Hash: uint16(i + 1), Source: stage, Payload: described(i+1, 1)})}, noon)
	}
	known := mustMarshal(b, Packet{Hash: 1000, Source: stage, Payload: described(1000, 1)})
	unread := mustMarshal(b, Packet{Hash: 2000, Source: forger, Payload: slices.Concat([]byte("v=0\r\n"), bytes.Repeat([]byte("a=x\r\n"), 180))})
	for name, row := range map[string]struct {
		packet []byte
		tokens float64
	}{
		"garbage":               {bytes.Repeat([]byte{0xff}, 1000), 0},
		"forged":                {mustMarshal(b, Packet{Hash: 1, Source: forger, Payload: described(1, 1)}), 0},
		"known":                 {known, 0},
		"unread":                {unread, 0},
		"read":                  {unread, readsAtOnce},
		"one_that_does_not_fit": {mustMarshal(b, Packet{Hash: 3000, Source: stage, Payload: described(3000, 1)}), readsAtOnce},
	} {
		b.Run(name, func(b *testing.B) {
			from := stage
			if name == "unread" || name == "read" {
				from = forger
			}
			at := noon.Add(time.Second)
			d.filled = at
			b.ReportAllocs()
			for b.Loop() {
				d.tokens = row.tokens
				d.take(arrival{from: from, bytes: row.packet}, at)
			}
		})
	}
}
