package sctp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// DefaultUDPPort is where SCTP over UDP is listened for (RFC 6951 §5.1).
const DefaultUDPPort = 9899

// path is where a packet came from, or goes to.
type path struct {
	peer  netip.AddrPort // the port is of UDP; 0 over IP
	local netip.Addr     // our address; the zero value leaves it to the kernel
}

// carrier moves SCTP packets. read is called by one goroutine, write by many.
type carrier interface {
	read(b []byte) (int, path, error)
	write(b []byte, to path) error
	close() error
}

// socket is a packet socket of one family: UDP, or IP of protocol 132.
type socket struct {
	udp   bool
	v4    *ipv4.PacketConn
	v6    *ipv6.PacketConn
	claim net.Listener // holds the port of an IP socket; nil for UDP
}

// openUDP opens SCTP over UDP (RFC 6951).
func openUDP(ctx context.Context, addr netip.AddrPort) (*socket, netip.AddrPort, error) {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp"+family(addr.Addr()), addr.String())
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	_ = pc.(*net.UDPConn).SetReadBuffer(socketBuffer)
	s, err := newSocket(pc, addr.Addr())
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	s.udp = true
	return s, netip.AddrPortFrom(addr.Addr(), pc.LocalAddr().(*net.UDPAddr).AddrPort().Port()), nil
}

// socketBuffer is what is asked of the kernel for packets that we have not read yet.
const socketBuffer = 1 << 20

// openIP opens SCTP over IP. It needs CAP_NET_RAW, and a kernel without SCTP of its own, which would answer our peers with ABORT.
func openIP(ctx context.Context, addr netip.AddrPort) (*socket, netip.AddrPort, error) {
	if _, err := os.Stat("/proc/net/sctp"); err == nil {
		return nil, netip.AddrPort{}, ErrKernel
	}
	claim, addr, err := claimPort(ctx, addr)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "ip"+family(addr.Addr())+":132", addr.Addr().String())
	if err != nil {
		_ = claim.Close()
		return nil, netip.AddrPort{}, err
	}
	_ = pc.(*net.IPConn).SetReadBuffer(socketBuffer)
	s, err := newSocket(pc, addr.Addr())
	if err != nil {
		_ = claim.Close()
		return nil, netip.AddrPort{}, err
	}
	s.claim = claim
	return s, addr, nil
}

// claimPort reserves an SCTP port among the programs that use this package. To the kernel raw sockets have no ports: without it, two
// bridges on one port would both answer. On Linux a socket with an abstract name stands for the port, in the same network namespace.
func claimPort(ctx context.Context, addr netip.AddrPort) (net.Listener, netip.AddrPort, error) {
	free := addr.Port() == 0
	for tries := 1; ; tries++ {
		if free {
			addr = netip.AddrPortFrom(addr.Addr(), uint16(20000+random()%20000))
		}
		if runtime.GOOS != "linux" {
			return nopListener{}, addr, nil
		}
		var lc net.ListenConfig
		claim, err := lc.Listen(ctx, "unix", "@confbridge sctp "+addr.String())
		if err == nil || !free || tries == 32 {
			return claim, addr, err
		}
	}
}

type nopListener struct{ net.Listener }

func (nopListener) Close() error { return nil }

// newSocket makes the kernel tell which of our addresses each packet came to; it owns pc.
func newSocket(pc net.PacketConn, ip netip.Addr) (*socket, error) {
	s := &socket{}
	var err error
	if ip.Is4() {
		s.v4 = ipv4.NewPacketConn(pc)
		err = s.v4.SetControlMessage(ipv4.FlagDst, true)
	} else {
		s.v6 = ipv6.NewPacketConn(pc)
		err = s.v6.SetControlMessage(ipv6.FlagDst, true)
	}
	if err != nil && runtime.GOOS == "linux" {
		_ = pc.Close()
		return nil, fmt.Errorf("packet information: %w", err)
	}
	return s, nil
}

func (s *socket) read(b []byte) (int, path, error) {
	var (
		n    int
		from net.Addr
		dst  net.IP
		err  error
	)
	if s.v4 != nil {
		var cm *ipv4.ControlMessage
		if n, cm, from, err = s.v4.ReadFrom(b); cm != nil {
			dst = cm.Dst
		}
	} else {
		var cm *ipv6.ControlMessage
		if n, cm, from, err = s.v6.ReadFrom(b); cm != nil {
			dst = cm.Dst
		}
	}
	if err != nil {
		return 0, path{}, err
	}
	p := path{peer: peerOf(from)}
	if local, ok := netip.AddrFromSlice(dst); ok {
		p.local = local.Unmap()
	}
	if p.local.IsMulticast() {
		return 0, p, nil // no association is made by multicast; an empty packet is dropped
	}
	return n, p, nil
}

func peerOf(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	case *net.IPAddr:
		ip, _ := netip.AddrFromSlice(a.IP)
		return netip.AddrPortFrom(ip.Unmap().WithZone(a.Zone), 0)
	}
	return netip.AddrPort{}
}

func (s *socket) write(b []byte, to path) error {
	var (
		dst   net.Addr
		local net.IP
		err   error
	)
	if s.udp {
		dst = net.UDPAddrFromAddrPort(to.peer)
	} else {
		dst = &net.IPAddr{IP: to.peer.Addr().AsSlice(), Zone: to.peer.Addr().Zone()}
	}
	if to.local.IsValid() && !to.local.IsUnspecified() {
		local = to.local.AsSlice()
	}
	switch {
	case s.v4 != nil && local != nil:
		_, err = s.v4.WriteTo(b, &ipv4.ControlMessage{Src: local}, dst)
	case s.v4 != nil:
		_, err = s.v4.WriteTo(b, nil, dst)
	case local != nil:
		_, err = s.v6.WriteTo(b, &ipv6.ControlMessage{Src: local}, dst)
	default:
		_, err = s.v6.WriteTo(b, nil, dst)
	}
	return err
}

func (s *socket) close() error {
	var err error
	if s.claim != nil {
		err = s.claim.Close()
	}
	if s.v4 != nil {
		return errors.Join(s.v4.Close(), err)
	}
	return errors.Join(s.v6.Close(), err)
}

func family(ip netip.Addr) string {
	if ip.Is4() {
		return "4"
	}
	return "6"
}

// Addr is an SCTP address.
type Addr netip.AddrPort

// Network is "sctp".
func (Addr) Network() string { return "sctp" }

// AddrPort is the address and the SCTP port.
func (a Addr) AddrPort() netip.AddrPort { return netip.AddrPort(a) }

// String is the address and the port; of IPv6 the address in brackets.
func (a Addr) String() string { return netip.AddrPort(a).String() }
