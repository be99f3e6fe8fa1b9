package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// late says whether a socket's error can be that of an earlier datagram: the kernel gives it to whoever uses the socket
// next (udp(7)).
func late(errno syscall.Errno) bool {
	switch errno {
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENOPROTOOPT, unix.EPROTO, unix.EMSGSIZE, unix.EACCES,
		unix.ENONET, unix.EOPNOTSUPP:
		return true
	}
	return false
}

// unreachable is late for an error as package net wraps it.
func unreachable(err error) bool {
	var errno syscall.Errno
	return err != nil && errors.As(err, &errno) && late(errno)
}

// failed takes an error from the kernel's queue: a datagram of ours to a peer has not arrived, and with an ICMP error that
// RFC 3261 §18.4 counts as one, the handler is told. The kernel has found our socket by the addresses and ports in the
// packet that the ICMP error quotes; that is all the proof there is that it is about something we sent (RFC 5927 §4.1).
func (u *udpSocket) failed(to netip.AddrPort, control []byte) {
	why, fatal := icmpError(control)
	if !fatal {
		return
	}
	u.m.count.unreachable.Add(1)
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	u.m.handler.Closed(Flow{Transport: "UDP", Remote: to, ID: u.id}, why)
}

// icmpError reads a struct sock_extended_err (ip(7)) and says whether it means that nothing arrives.
func icmpError(control []byte) (why error, fatal bool) {
	for len(control) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return fmt.Errorf("control message: %w", err), false
		}
		control = rest
		v4 := h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR
		if !v4 && (h.Level != unix.IPPROTO_IPV6 || h.Type != unix.IPV6_RECVERR) || len(data) < 16 {
			continue
		}
		errno, origin, kind, code := syscall.Errno(binary.NativeEndian.Uint32(data)), data[4], data[5], data[6]
		why = fmt.Errorf("ICMP type %d code %d: %w", kind, code, errno)
		switch origin {
		case unix.SO_EE_ORIGIN_ICMP: // RFC 792: destination unreachable, but for "fragmentation needed"; parameter problem
			return why, kind == 3 && code != 4 || kind == 12
		case unix.SO_EE_ORIGIN_ICMP6: // RFC 4443: destination unreachable, parameter problem
			return why, kind == 1 || kind == 4
		}
	}
	return nil, false
}
