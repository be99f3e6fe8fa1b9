package media

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
	// expedited is DSCP EF in the TOS byte (RFC 3246, RFC 4594 §4.1).
	expedited = 46 << 2
)

// socket is a bound non-blocking UDP socket. It is a bare descriptor: Go's netpoller does not know it.
type socket struct {
	fd    int
	scope uint32 // the zone of a link-local IPv6 address
	v4    bool
}

// openPair binds port and the one after it.
func openPair(ip netip.Addr, port uint16) (rtp, rtcp socket, err error) {
	if rtp, err = openSocket(ip, port); err != nil {
		return socket{}, socket{}, err
	}
	if rtcp, err = openSocket(ip, port+1); err != nil {
		return socket{}, socket{}, errors.Join(err, rtp.close())
	}
	return rtp, rtcp, nil
}

func isPortTaken(err error) bool { return errors.Is(err, unix.EADDRINUSE) }

func openSocket(ip netip.Addr, port uint16) (socket, error) {
	family := unix.AF_INET6
	if ip.Is4() {
		family = unix.AF_INET
	}
	scope, err := zoneIndex(ip.Zone())
	if err != nil {
		return socket{}, err
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return socket{}, fmt.Errorf("socket: %w", err)
	}
	s := socket{fd: fd, v4: ip.Is4(), scope: scope}
	if err := s.setUp(ip, port); err != nil {
		return socket{}, errors.Join(err, s.close())
	}
	return s, nil
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

func (s socket) setUp(ip netip.Addr, port uint16) error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("SO_TIMESTAMPNS: %w", err)
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
		return fmt.Errorf("SO_RCVBUF: %w", err)
	}
	var sa unix.Sockaddr
	if s.v4 {
		_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_TOS, expedited) // a wish: the call works without
		sa = &unix.SockaddrInet4{Addr: ip.As4(), Port: int(port)}
	} else {
		_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited) // likewise
		if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return fmt.Errorf("IPV6_V6ONLY: %w", err)
		}
		sa = &unix.SockaddrInet6{Addr: ip.As16(), Port: int(port), ZoneId: s.scope}
	}
	if err := unix.Bind(s.fd, sa); err != nil {
		return fmt.Errorf("bind port %d: %w", port, err)
	}
	return nil
}

func (s socket) close() error {
	if err := unix.Close(s.fd); err != nil {
		return fmt.Errorf("close socket: %w", err)
	}
	return nil
}

// destination is an address as the kernel takes it. The zero value is nowhere.
type destination struct {
	raw  unix.RawSockaddrInet6 // or the RawSockaddrInet4 at its beginning
	size uint32
}

// destination translates to; what cannot be reached becomes nowhere.
func (s socket) destination(to netip.AddrPort) (d destination) {
	if !reachable(to) || to.Addr().Is4() != s.v4 {
		return d
	}
	// The port is at the same place in both structures, in network order.
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&d.raw.Port))[:], to.Port())
	if s.v4 {
		d.raw.Family = unix.AF_INET
		(*unix.RawSockaddrInet4)(unsafe.Pointer(&d.raw)).Addr = to.Addr().As4()
		d.size = unix.SizeofSockaddrInet4
		return d
	}
	d.raw.Family = unix.AF_INET6
	d.raw.Addr = to.Addr().As16()
	d.raw.Scope_id = s.scope
	d.size = unix.SizeofSockaddrInet6
	return d
}

// send does not wait and does not allocate. packet must not be empty.
func (s socket) send(packet []byte, to *destination) bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to.raw)), uintptr(to.size))
	return errno == 0 && int(n) == len(packet)
}
