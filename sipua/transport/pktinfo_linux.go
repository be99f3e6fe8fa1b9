package transport

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// destination reads the address that a datagram was sent to: of IPv4 the interface's own address, also for a broadcast.
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
