//go:build !linux

package transport

import (
	"net"
	"net/netip"
	"syscall"
)

// Elsewhere a listener has one socket, the system chooses the address that a socket on all addresses sends from, and
// ICMP errors are not heard.

const canShare = false

func sharePort(int) error { return syscall.ENOTSUP }

func prepareUDP(*net.UDPConn, bool, bool) error { return nil }

func unreachable(error) bool { return false }

func source(netip.Addr) []byte { return nil }

func sendNow(syscall.RawConn, []byte, []byte, netip.AddrPort) (bool, error) { return false, nil }

// read is the goroutine of one socket.
func (u *udpSocket) read(pc *net.UDPConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := pc.ReadFromUDPAddrPort(buf)
		if err == nil {
			u.receive(buf[:n], netip.Addr{}, from)
		} else if !u.failing(err) {
			return
		}
	}
}
