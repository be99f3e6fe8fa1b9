package media

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/codec"
)

// BenchmarkTick is one leg's share of a room's tick: a packet comes in and is taken, one goes out. Two hundred legs
// send to each other in pairs, so that caches are as cold as in a bridge. The figure includes the kernel's UDP both ways.
func BenchmarkTick(b *testing.B) {
	const legs = 200
	e := newTestEngine(b, Config{})
	all := make([]*Leg, legs)
	for i := range all {
		all[i] = openLeg(b, e, "127.0.0.1")
	}
	for i, l := range all {
		configure(b, l, Stream{Remote: all[i^1].Addr(), Send: true, Receive: true, Payloads: []Payload{{0, 0, 0, codec.Profile{Format: pcmu}}}})
	}
	var in deaf
	sound := make([]byte, 160)
	now := start
	round := func() {
		now = now.Add(tick)
		for _, l := range all {
			if err := l.Receive(now, &in); err != nil {
				b.Fatal(err)
			}
			l.Send(now, sound, 160)
		}
	}
	for range 5 {
		round()
	}
	in.packets = 0
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += legs {
		round()
	}
	if in.packets < b.N*9/10 {
		b.Errorf("%d packets came in %d ticks", in.packets, b.N)
	}
}

// BenchmarkFloor is the same sockets and packets with nothing but sendto and recv until it is empty.
func BenchmarkFloor(b *testing.B) {
	const legs = 200
	e := newTestEngine(b, Config{})
	all := make([]*Leg, legs)
	for i := range all {
		all[i] = openLeg(b, e, "127.0.0.1")
	}
	packet := make([]byte, headerSize+160)
	to := make([]udp.Destination, legs)
	for i := range all {
		to[i] = all[i].rtp.To(all[i^1].Addr())
	}
	buf := make([]byte, udp.MaxPacket)
	b.ResetTimer()
	for n := 0; n < b.N; n += legs {
		for i, l := range all {
			for {
				_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(l.rtp.FD), uintptr(unsafe.Pointer(&buf[0])), udp.MaxPacket, unix.MSG_DONTWAIT, 0, 0)
				if errno != 0 {
					break
				}
			}
			l.rtp.Send(packet, &to[i])
		}
	}
}

// BenchmarkHandle is what Receive does with a packet of sound behind the kernel.
func BenchmarkHandle(b *testing.B) {
	l := bare(newTestEngine(b, Config{}))
	batch := newBatch()
	var in deaf
	p := udp.Packet{Data: packet(7, 0), From: signalledAddr, At: start}
	b.ReportAllocs()
	for i := range b.N {
		p.Data[2], p.Data[3] = byte(i>>8), byte(i)
		l.handle(p, start, &batch.parsed, &in)
	}
}
