package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"time"
)

// maxReaders bounds the sockets of one UDP listener, whatever the machine has.
const maxReaders = 8

// maxOthers bounds how many errors of other datagrams one is held up by: the reader that takes one of them from the kernel's
// queue brings the next one to the surface, and a burst to a dead peer puts a burst into the queue. If the error is of this
// datagram after all, as where no route is, so many system calls take less than a millisecond.
const maxOthers = 200

// udpSocket is one UDP listener. It has as many sockets on its one port as there are processors, each with a goroutine
// that reads it: the kernel chooses by the pair of addresses, so all datagrams of one source come to the same and stay in
// their order. Requests and responses go out by them too, so that they come from the port that peers know (RFC 3581 §4).
type udpSocket struct {
	m    *Manager
	id   uint64
	pcs  []*net.UDPConn
	raws []syscall.RawConn // of pcs
	addr netip.AddrPort    // bound
	any  bool              // bound to all addresses: the kernel says for each packet which one it came to
}

func (m *Manager) listenUDP(ctx context.Context, addr netip.AddrPort) error {
	u := &udpSocket{m: m, id: m.id(), any: addr.Addr().IsUnspecified()}
	if err := u.open(ctx, addr, m.cfg.UDPReaders); err != nil {
		u.close()
		return err
	}
	m.udp = append(m.udp, u)
	m.addrs = append(m.addrs, Target{Transport: "UDP", Addr: u.addr})
	return nil
}

// open binds the sockets. The first is bound without sharing its port, so that a port that another program has is an error
// even if that is a bridge as well; the others share it afterwards.
func (u *udpSocket) open(ctx context.Context, addr netip.AddrPort, readers int) error {
	first, err := listenPacket(ctx, addr, nil)
	if err != nil {
		return err
	}
	u.pcs = append(u.pcs, first)
	u.addr = addrPort(first.LocalAddr())
	if readers = bounded(readers); readers > 1 {
		if err := control(first, sharePort); err != nil {
			return err
		}
	}
	for len(u.pcs) < readers {
		pc, err := listenPacket(ctx, u.addr, sharePort)
		if err != nil {
			return err
		}
		u.pcs = append(u.pcs, pc)
	}
	for _, pc := range u.pcs {
		// Half a second of an offered load that is three times what can be served: who is kept out must not push out who is in. As much of it as
		// the system allows (net.core.rmem_max).
		_ = pc.SetReadBuffer(4 << 20)
		if err := prepareUDP(pc, addr.Addr().Is4(), u.any); err != nil {
			return err
		}
		raw, err := pc.SyscallConn()
		if err != nil {
			return err
		}
		u.raws = append(u.raws, raw)
	}
	return nil
}

// bounded is how many readers a listener has.
func bounded(readers int) int {
	if readers <= 0 {
		readers = runtime.GOMAXPROCS(0)
	}
	if !canShare {
		readers = 1
	}
	return min(readers, maxReaders)
}

// listenPacket opens a socket; option is applied before it is bound.
func listenPacket(ctx context.Context, addr netip.AddrPort, option func(fd int) error) (*net.UDPConn, error) {
	var lc net.ListenConfig
	if option != nil {
		lc.Control = func(_, _ string, raw syscall.RawConn) error { return onDescriptor(raw, option) }
	}
	p, err := lc.ListenPacket(ctx, network("udp", addr.Addr()), addr.String())
	if err != nil {
		return nil, err
	}
	return p.(*net.UDPConn), nil
}

// control applies a socket option.
func control(pc *net.UDPConn, option func(fd int) error) error {
	raw, err := pc.SyscallConn()
	if err != nil {
		return err
	}
	return onDescriptor(raw, option)
}

func onDescriptor(raw syscall.RawConn, option func(fd int) error) error {
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = option(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func (u *udpSocket) close() {
	for _, pc := range u.pcs {
		_ = pc.Close()
	}
}

// start starts the readers.
func (u *udpSocket) start() {
	for _, pc := range u.pcs {
		u.m.wg.Go(func() { u.read(pc) })
	}
}

// udpFor chooses the socket for a peer and the local address it goes out from: the socket on that very address, else
// one on all addresses, else one of the same family.
func (m *Manager) udpFor(peer netip.Addr) (*udpSocket, netip.Addr, error) {
	var best *udpSocket
	for _, u := range m.udp {
		if u.addr.Addr().Is4() == peer.Is4() && (best == nil || u.any && !best.any) {
			best = u
		}
	}
	if best == nil {
		return nil, netip.Addr{}, ErrNoListener
	}
	if len(m.udp) == 1 && !best.any {
		return best, best.addr.Addr(), nil
	}
	local, err := probe(m.ctx, peer)
	if err != nil {
		return nil, netip.Addr{}, err
	}
	for _, u := range m.udp {
		if u.addr.Addr() == local.WithZone("") {
			return u, local, nil
		}
	}
	if !best.any {
		local = best.addr.Addr()
	}
	return best, local, nil
}

func (u *udpSocket) flow(local netip.Addr, remote netip.AddrPort) Flow {
	at := netip.AddrPortFrom(local, u.addr.Port())
	return Flow{Transport: "UDP", Local: at, Remote: remote, SentBy: u.m.sentBy("UDP", at, remote.Addr()), ID: u.id}
}

// receive takes one datagram, on the goroutine that read it; data is only lent.
func (u *udpSocket) receive(data []byte, local netip.Addr, from netip.AddrPort) {
	if blank(data) { // RFC 5626 §3.5.1 has no answer to these over UDP
		u.m.count.keepalives.Add(1)
		return
	}
	if !local.IsValid() {
		local = u.addr.Addr()
	}
	u.m.receive(data, u.flow(local, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())))
}

// failing says whether a socket that cannot be read is to be read again: not after Close.
func (u *udpSocket) failing(err error) bool {
	if errors.Is(err, net.ErrClosed) || !u.m.pause(50*time.Millisecond) {
		return false
	}
	u.m.cfg.Log.Warn("SIP socket cannot be read", "local", u.addr, "err", err)
	return true
}

// blank says whether a datagram has nothing but line ends, or NUL as some telephones send to keep a NAT open.
func blank(data []byte) bool {
	for _, b := range data {
		if b != '\r' && b != '\n' && b != 0 {
			return false
		}
	}
	return true
}

// send sends one datagram from the local address given, if the socket has several. All for one peer leave by the same
// socket.
func (u *udpSocket) send(local netip.Addr, to netip.AddrPort, data []byte) error {
	var oob []byte
	if u.any && local.IsValid() && !local.IsUnspecified() {
		oob = source(local)
	}
	at := int(to.Port()) % len(u.pcs)
	err := u.write(at, data, oob, to)
	for tries := 0; tries < maxOthers && unreachable(err); tries++ {
		// It may be about an earlier datagram to somebody else, whose ICMP error the reader tells (udp(7)): once told it is gone.
		err = u.write(at, data, oob, to)
	}
	if err != nil {
		u.m.count.sendErrors.Add(1)
		if errors.Is(err, net.ErrClosed) {
			err = ErrClosed
		}
		return fmt.Errorf("udp %s: %w", to, err)
	}
	u.m.count.sentUDP.Add(1)
	return nil
}

// write sends by one of the sockets, and waits only where the kernel has no room for more.
func (u *udpSocket) write(at int, data, oob []byte, to netip.AddrPort) error {
	sent, err := sendNow(u.raws[at], data, oob, to)
	if sent || err != nil {
		return err
	}
	_, _, err = u.pcs[at].WriteMsgUDPAddrPort(data, oob, to)
	return err
}

// pause waits, and says whether the manager is still open.
func (m *Manager) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-m.ctx.Done():
		return false
	}
}
