package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// group is the n-th that is sent to; the first has the receivers.
func group(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 1, 2, byte(n + 1)}), 5004)
}

// listen is n sockets that have joined the first group, until ctx is done. It says when they have, and at the end how many packets came to the one that has got the
// fewest.
func listen(ctx context.Context, n int) error {
	nic, err := net.InterfaceByName("eth0")
	if err != nil {
		return fmt.Errorf("receivers: %w", err)
	}
	polled := make([]unix.PollFd, n)
	counts := make([]int, n)
	for i := range polled {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer func() { _ = unix.Close(fd) }()
		to := group(0)
		if err := join(fd, to, nic.Index); err != nil {
			return err
		}
		polled[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	fmt.Println("joined")
	packet := make([]byte, 2048)
	for ctx.Err() == nil {
		if _, err := unix.Poll(polled, int(time.Second/time.Millisecond)); err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
		for i, p := range polled {
			for p.Revents&unix.POLLIN != 0 {
				if _, _, err := unix.Recvfrom(int(p.Fd), packet, 0); err != nil {
					break
				}
				counts[i]++
			}
		}
	}
	least := counts[0]
	for _, c := range counts {
		least = min(least, c)
	}
	fmt.Println(strconv.Itoa(least))
	return nil
}

// join has a socket hear a group among others that do.
func join(fd int, to netip.AddrPort, nic int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
		&unix.IPMreqn{Multiaddr: to.Addr().As4(), Ifindex: int32(nic)}))
}
