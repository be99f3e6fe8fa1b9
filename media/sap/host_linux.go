package sap

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// network is what an [Announcer] sends by.
type network interface {
	// source is the address that packets out of an interface come from: wanted, if it is one of the interface's. The error is ErrInterface.
	source(nic string, wanted netip.Addr, v4 bool) (netip.Addr, error)
	send(datagram) error
}

// datagram is a packet on its way out.
type datagram struct {
	to    netip.AddrPort
	from  netip.Addr
	nic   string
	ttl   int
	bytes []byte
}

// host is the network of this host. It holds nothing from one packet to the next: interfaces go and come back, and there is a packet in
// minutes.
type host struct{}

func (host) source(nic string, wanted netip.Addr, v4 bool) (netip.Addr, error) {
	i, err := net.InterfaceByName(nic)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%w: %q: %w", ErrInterface, nic, err)
	}
	all, err := i.Addrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%w: %q: %w", ErrInterface, nic, err)
	}
	var best netip.Addr
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil || prefix.Addr().Unmap().Is4() != v4 {
			continue
		}
		addr := prefix.Addr().Unmap()
		if addr == wanted {
			return addr, nil
		}
		if !best.IsValid() || best.IsLinkLocalUnicast() && !addr.IsLinkLocalUnicast() {
			best = addr
		}
	}
	if !best.IsValid() {
		return netip.Addr{}, fmt.Errorf("%w: %q has no address to send from", ErrInterface, nic)
	}
	return best, nil
}

func (host) send(d datagram) error {
	nic, err := net.InterfaceByName(d.nic)
	if err != nil {
		return fmt.Errorf("%w: %q: %w", ErrInterface, d.nic, err)
	}
	from, to := netip.AddrPortFrom(d.from, 0), d.to
	if !d.from.Is4() { // which link a link-local address is on is not in it
		to = netip.AddrPortFrom(d.to.Addr().WithZone(d.nic), d.to.Port())
		if d.from.IsLinkLocalUnicast() {
			from = netip.AddrPortFrom(d.from.WithZone(d.nic), 0)
		}
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(from))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if d.from.Is4() {
		p := ipv4.NewPacketConn(conn)
		err = firstError(p.SetMulticastInterface(nic), p.SetMulticastTTL(d.ttl))
	} else {
		p := ipv6.NewPacketConn(conn)
		err = firstError(p.SetMulticastInterface(nic), p.SetMulticastHopLimit(d.ttl))
	}
	if err != nil {
		return err
	}
	_, err = conn.WriteToUDPAddrPort(d.bytes, to)
	return err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ear is a socket that hears the announcements of one interface.
type ear struct {
	nic  *net.Interface
	conn *net.UDPConn
	read func(b []byte) (n int, from netip.Addr, to netip.Addr, nic int, err error)
}

// openEar joins the addresses of announcements on an interface. Others on this host may do so too.
func openEar(ctx context.Context, nic *net.Interface, v4 bool) (*ear, error) {
	network, all := "udp6", unix.IPV6_MULTICAST_ALL
	if v4 {
		network, all = "udp4", unix.IP_MULTICAST_ALL
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if rawErr := raw.Control(func(fd uintptr) {
			level := unix.IPPROTO_IPV6
			if v4 {
				level = unix.IPPROTO_IP
			}
			err = firstError(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.SetsockoptInt(int(fd), level, all, 0)) // only what this socket has joined
		}); rawErr != nil {
			return rawErr
		}
		return err
	}}
	conn, err := lc.ListenPacket(ctx, network, ":"+strconv.Itoa(Port))
	if err != nil {
		return nil, err
	}
	e := &ear{nic: nic, conn: conn.(*net.UDPConn)}
	if err := e.join(v4); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%w: %q: %w", ErrInterface, nic.Name, err)
	}
	return e, nil
}

func (e *ear) join(v4 bool) error {
	if v4 {
		p := ipv4.NewPacketConn(e.conn)
		e.read = func(b []byte) (int, netip.Addr, netip.Addr, int, error) {
			n, cm, from, err := p.ReadFrom(b)
			if err != nil || cm == nil {
				return n, netip.Addr{}, netip.Addr{}, 0, err
			}
			return n, addrOf(from), fromIP(cm.Dst), cm.IfIndex, nil
		}
		for _, a := range addresses(true) {
			if err := p.JoinGroup(e.nic, &net.UDPAddr{IP: a.AsSlice()}); err != nil {
				return err
			}
		}
		return p.SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
	}
	p := ipv6.NewPacketConn(e.conn)
	e.read = func(b []byte) (int, netip.Addr, netip.Addr, int, error) {
		n, cm, from, err := p.ReadFrom(b)
		if err != nil || cm == nil {
			return n, netip.Addr{}, netip.Addr{}, 0, err
		}
		return n, addrOf(from), fromIP(cm.Dst), cm.IfIndex, nil
	}
	for _, a := range addresses(false) {
		if err := p.JoinGroup(e.nic, &net.UDPAddr{IP: a.AsSlice()}); err != nil {
			return err
		}
	}
	return p.SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
}

func addrOf(a net.Addr) netip.Addr {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.Addr{}
	}
	return fromIP(u.IP)
}

// fromIP is an address without its zone.
func fromIP(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
