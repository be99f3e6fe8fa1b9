package jitter_test

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/jitter"
)

// BenchmarkTick is one packet in and one out, as on a clean path.
func BenchmarkTick(b *testing.B) {
	buf := jitter.New(jitter.Config{})
	payload := make([]byte, 160)
	at := epoch
	b.ReportAllocs()
	for i := range b.N {
		buf.Put(jitter.Packet{
			Sequence: uint16(i), Timestamp: uint32(i) * 160, Samples: 160, Arrival: at, Payload: payload,
		})
		next(buf, at.Add(10*ms))
		at = at.Add(20 * ms)
	}
}

// BenchmarkTickJitter is the same on a path with 60 ms of jitter, where packets wait in the buffer.
func BenchmarkTickJitter(b *testing.B) {
	buf := jitter.New(jitter.Config{})
	payload := make([]byte, 160)
	at := epoch
	b.ReportAllocs()
	for i := range b.N {
		late := time.Duration(i%4) * 20 * ms
		if n := i - i%4 + 3 - i%4; n >= 0 { // packets come four at a time and backward
			buf.Put(jitter.Packet{
				Sequence: uint16(n), Timestamp: uint32(n) * 160, Samples: 160, Arrival: at.Add(late), Payload: payload,
			})
		}
		next(buf, at.Add(10*ms))
		at = at.Add(20 * ms)
	}
}

// BenchmarkIdle is a tick of a leg that sends nothing.
func BenchmarkIdle(b *testing.B) {
	buf := jitter.New(jitter.Config{})
	b.ReportAllocs()
	for b.Loop() {
		next(buf, epoch)
	}
}
