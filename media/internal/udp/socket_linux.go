// Package udp holds the sockets of RTP: bare non-blocking descriptors that Go's netpoller does not know, drained many packets a
// call, with the kernel's time of arrival. Nothing that is called once a packet allocates or waits.
package udp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// receiveBuffer bounds what the kernel keeps of one socket: well over a second of calls, little of a flood.
	receiveBuffer = 64 << 10
	// Expedited is DSCP EF (RFC 3246, RFC 4594 §4.1).
	Expedited = 46
)

// Socket is a bound non-blocking UDP socket.
type Socket struct {
	FD    int
	V4    bool
	scope uint32 // the zone of a link-local IPv6 address
}

// OpenPair binds port and the one after it.
func OpenPair(ip netip.Addr, port uint16) (rtp, rtcp Socket, err error) {
	if rtp, err = Open(ip, port); err != nil {
		return Socket{}, Socket{}, err
	}
	if rtcp, err = Open(ip, port+1); err != nil {
		return Socket{}, Socket{}, errors.Join(err, rtp.Close())
	}
	return rtp, rtcp, nil
}

// IsPortTaken says whether err is of a port that another socket holds.
func IsPortTaken(err error) bool { return errors.Is(err, unix.EADDRINUSE) }

// Open binds port at ip, of the zone that ip names; port 0 is any.
func Open(ip netip.Addr, port uint16) (Socket, error) {
	s, err := open(ip)
	if err != nil {
		return Socket{}, err
	}
	if err := errors.Join(s.setUp(), s.bind(ip, port)); err != nil {
		return Socket{}, errors.Join(err, s.Close())
	}
	return s, nil
}

// open makes a socket of ip's family.
func open(ip netip.Addr) (Socket, error) {
	family := unix.AF_INET6
	if ip.Is4() {
		family = unix.AF_INET
	}
	scope, err := zoneIndex(ip.Zone())
	if err != nil {
		return Socket{}, err
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Socket{}, fmt.Errorf("socket: %w", err)
	}
	return Socket{FD: fd, V4: ip.Is4(), scope: scope}, nil
}

func zoneIndex(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("zone %q: %w", zone, err)
	}
	return uint32(i.Index), nil
}

// setUp sets what all sockets have: the time of arrival, a small queue, and a wish for speed.
func (s Socket) setUp() error {
	if err := unix.SetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("SO_TIMESTAMPNS: %w", err)
	}
	if err := unix.SetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
		return fmt.Errorf("SO_RCVBUF: %w", err)
	}
	_ = s.setDSCP(Expedited) // a wish: the call works without
	if !s.V4 {
		if err := unix.SetsockoptInt(s.FD, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return fmt.Errorf("IPV6_V6ONLY: %w", err)
		}
	}
	return nil
}

func (s Socket) setDSCP(dscp int) error {
	if s.V4 {
		return unix.SetsockoptInt(s.FD, unix.IPPROTO_IP, unix.IP_TOS, dscp<<2)
	}
	return unix.SetsockoptInt(s.FD, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, dscp<<2)
}

func (s Socket) bind(ip netip.Addr, port uint16) error {
	if err := unix.Bind(s.FD, sockaddr(netip.AddrPortFrom(ip, port), s.scope)); err != nil {
		return fmt.Errorf("bind port %d: %w", port, err)
	}
	return nil
}

func sockaddr(a netip.AddrPort, scope uint32) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port()), ZoneId: scope}
}

// Local is the address that the socket is bound to, without its zone.
func (s Socket) Local() (netip.AddrPort, error) {
	sa, err := unix.Getsockname(s.FD)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address of a socket: %w", err)
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("address of a socket: %w", unix.EAFNOSUPPORT)
}

// Close gives the descriptor back.
func (s Socket) Close() error {
	if err := unix.Close(s.FD); err != nil {
		return fmt.Errorf("close socket: %w", err)
	}
	return nil
}

// Destination is an address as the kernel takes it. The zero value is nowhere.
type Destination struct {
	raw  unix.RawSockaddrInet6 // or the RawSockaddrInet4 at its beginning
	size uint32
}

// Destination translates to; what cannot be reached becomes nowhere.
func (s Socket) To(to netip.AddrPort) (d Destination) {
	if !Reachable(to) || to.Addr().Is4() != s.V4 {
		return d
	}
	return raw(to, s.scope)
}

// None says whether it is nowhere.
func (d *Destination) None() bool { return d.size == 0 }

// raw is an address as the kernel takes it.
func raw(to netip.AddrPort, scope uint32) (d Destination) {
	// The port is at the same place in both structures, in network order.
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&d.raw.Port))[:], to.Port())
	if to.Addr().Is4() {
		d.raw.Family = unix.AF_INET
		(*unix.RawSockaddrInet4)(unsafe.Pointer(&d.raw)).Addr = to.Addr().As4()
		d.size = unix.SizeofSockaddrInet4
		return d
	}
	d.raw.Family = unix.AF_INET6
	d.raw.Addr = to.Addr().As16()
	d.raw.Scope_id = scope
	d.size = unix.SizeofSockaddrInet6
	return d
}

// Send does not wait and does not allocate. packet must not be empty.
func (s Socket) Send(packet []byte, to *Destination) bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.FD), uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to.raw)), uintptr(to.size))
	return errno == 0 && int(n) == len(packet)
}

// Plain is the address as the kernel's answers are compared with it.
func Plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// Reachable says whether a single host can be sent to there.
func Reachable(a netip.AddrPort) bool {
	return a.IsValid() && a.Port() != 0 && !a.Addr().IsUnspecified() && !a.Addr().IsMulticast()
}
