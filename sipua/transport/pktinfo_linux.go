package transport

import (
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// tellDestination makes the kernel add to each packet the address that it was sent to (ip(7), ipv6(7)).
func tellDestination(pc *net.UDPConn, v4 bool) error {
	raw, err := pc.SyscallConn()
	if err != nil {
		return err
	}
	var opt error
	err = raw.Control(func(fd uintptr) {
		if v4 {
			opt = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		} else {
			opt = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		}
	})
	if err != nil {
		return err
	}
	return opt
}

// destination reads what tellDestination had added: of IPv4 the interface's own address, also for a broadcast.
func destination(oob []byte) (netip.Addr, bool) {
	for len(oob) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return netip.Addr{}, false
		}
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= 12:
			return netip.AddrFrom4([4]byte(data[4:8])), true
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= 16:
			a := netip.AddrFrom16([16]byte(data[:16]))
			return a, !a.IsMulticast()
		}
		oob = rest
	}
	return netip.Addr{}, false
}

// source makes a packet go out from an address of ours.
func source(local netip.Addr) []byte {
	if local.Is4() {
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: local.As4()})
	}
	return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: local.As16()})
}
