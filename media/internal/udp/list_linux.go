package udp

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// List sends the same packet to many, by one system call. It points into itself and must not be copied.
type List struct {
	messages     []message
	destinations []Destination
	iov          unix.Iovec
}

// Init makes it ready, where it will stay. Of addresses that s cannot reach nothing is said: the caller has looked.
func (l *List) Init(s Socket, to []netip.AddrPort) {
	l.messages, l.destinations = make([]message, len(to)), make([]Destination, len(to))
	for i, a := range to {
		l.destinations[i] = s.To(a)
		h := &l.messages[i].header
		h.Name = (*byte)(unsafe.Pointer(&l.destinations[i].raw))
		h.Namelen = l.destinations[i].size
		h.Iov = &l.iov
		h.SetIovlen(1)
	}
}

// Send sends packet to all, without waiting, and returns to how many it went. One that fails is passed over.
func (l *List) Send(s Socket, packet []byte) (sent int) {
	l.iov.Base = &packet[0]
	l.iov.SetLen(len(packet))
	for at := 0; at < len(l.messages); {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.FD), uintptr(unsafe.Pointer(&l.messages[at])),
			uintptr(len(l.messages)-at), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno != 0 {
			at++
			continue
		}
		sent += int(n)
		at += int(n)
	}
	l.iov.Base = nil // it is the caller's
	return sent
}

// Post has packet go out to all with the next Flush of out, which OutboxSize are the most for. by is told of each.
func (l *List) Post(s Socket, packet []byte, by Poster, out *Outbox) {
	out.Reserve(len(l.destinations))
	for i := range l.destinations {
		out.Post(s, packet, &l.destinations[i], by)
	}
}
