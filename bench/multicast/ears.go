package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// group is the n-th that is sent to; the first has the receivers.
func group(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 1, 2, byte(n + 1)}), 5004)
}

// ears are sockets that have joined the first group, and the goroutine that reads them.
type ears struct {
	polled []unix.PollFd
	counts []int
	end    chan struct{}
	done   chan error
}

// newEars opens n of them.
func newEars(n int) (*ears, error) {
	e := &ears{counts: make([]int, n), end: make(chan struct{}), done: make(chan error, 1)}
	nic, err := net.InterfaceByName("eth0")
	if err != nil {
		return nil, fmt.Errorf("receivers: %w", err)
	}
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			e.polled = append(e.polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
			err = join(fd, group(0), nic.Index)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("receivers: %w", err), e.close())
		}
	}
	go e.run()
	return e, nil
}

// run reads until end is closed.
func (e *ears) run() {
	const look = 50 * time.Millisecond
	packet := make([]byte, 2048)
	for {
		ended := false
		select {
		case <-e.end:
			ended = true // what has come is still counted
		default:
		}
		if _, err := unix.Poll(e.polled, int(look/time.Millisecond)); err != nil && !errors.Is(err, unix.EINTR) {
			e.done <- os.NewSyscallError("poll", err)
			return
		}
		for i, p := range e.polled {
			for p.Revents&unix.POLLIN != 0 {
				if _, _, err := unix.Recvfrom(int(p.Fd), packet, 0); err != nil {
					break
				}
				e.counts[i]++
			}
		}
		if ended {
			e.done <- nil
			return
		}
	}
}

// leave closes them, and returns how many packets came to the one that has got the fewest.
func (e *ears) leave() (least int, err error) {
	close(e.end)
	err = <-e.done
	return slices.Min(e.counts), errors.Join(err, e.close())
}

func (e *ears) close() (err error) {
	for _, p := range e.polled {
		err = errors.Join(err, unix.Close(int(p.Fd)))
	}
	return err
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
