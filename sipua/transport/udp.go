package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// udpSocket is one UDP listener. Requests and responses go out by it too, so that they come from the port that peers
// know (RFC 3581 §4).
type udpSocket struct {
	m    *Manager
	id   uint64
	pc   *net.UDPConn
	addr netip.AddrPort // bound
	any  bool           // bound to all addresses: the kernel says for each packet which one it came to
}

func (m *Manager) listenUDP(ctx context.Context, addr netip.AddrPort) error {
	var lc net.ListenConfig
	p, err := lc.ListenPacket(ctx, network("udp", addr.Addr()), addr.String())
	if err != nil {
		return err
	}
	u := &udpSocket{m: m, id: m.id(), pc: p.(*net.UDPConn), any: addr.Addr().IsUnspecified()}
	u.addr = addrPort(u.pc.LocalAddr())
	_ = u.pc.SetReadBuffer(1 << 20) // as much of it as the system allows
	if u.any {
		if err := tellDestination(u.pc, addr.Addr().Is4()); err != nil {
			_ = p.Close()
			return err
		}
	}
	m.udp = append(m.udp, u)
	m.addrs = append(m.addrs, Target{Transport: "UDP", Addr: u.addr})
	return nil
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

// read is the socket's goroutine.
func (u *udpSocket) read() {
	buf := make([]byte, 65536)
	oob := make([]byte, 128)
	for {
		n, oobn, _, from, err := u.pc.ReadMsgUDPAddrPort(buf, oob)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !u.m.pause(50*time.Millisecond) {
				return
			}
			u.m.cfg.Log.Warn("SIP socket cannot be read", "local", u.addr, "err", err)
			continue
		}
		local := u.addr.Addr()
		if u.any {
			if dst, ok := destination(oob[:oobn]); ok {
				local = dst
			}
		}
		if blank(buf[:n]) { // RFC 5626 §3.5.1 has no answer to these over UDP
			u.m.count.keepalives.Add(1)
			continue
		}
		u.m.receive(buf[:n], u.flow(local, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())))
	}
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

// send sends one datagram from the local address given, if the socket has several.
func (u *udpSocket) send(local netip.Addr, to netip.AddrPort, data []byte) error {
	var oob []byte
	if u.any && local.IsValid() && !local.IsUnspecified() {
		oob = source(local)
	}
	if _, _, err := u.pc.WriteMsgUDPAddrPort(data, oob, to); err != nil {
		u.m.count.sendErrors.Add(1)
		if errors.Is(err, net.ErrClosed) {
			err = ErrClosed
		}
		return fmt.Errorf("udp %s: %w", to, err)
	}
	u.m.count.sentUDP.Add(1)
	return nil
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
