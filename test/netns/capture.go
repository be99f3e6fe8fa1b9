package netns

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Capture writes all frames that go in and out of the host's interface to a file that tcpdump, tshark and others read, until the function that
// it returns is called, or the test ends. What has reached a program of this host by then is in the file: unlike with those programs themselves, nothing comes
// to it late.
func (h *Host) Capture(path string) (stop func()) {
	h.t.Helper()
	fd := -1
	h.Do(func() {
		var err error
		if fd, err = openTap(); err != nil {
			h.t.Fatalf("netns: %s: %v", h.Name, err)
		}
	})
	file, err := os.Create(path)
	if err != nil {
		_ = unix.Close(fd)
		h.t.Fatal(err)
	}
	end, done := make(chan struct{}), make(chan error, 1)
	go func() { // ends when end is closed and nothing is left
		defer func() { _ = unix.Close(fd) }()
		w := bufio.NewWriter(file)
		done <- errors.Join(record(w, fd, end), w.Flush(), file.Close())
	}()
	stop = sync.OnceFunc(func() {
		close(end)
		if err := <-done; err != nil {
			h.t.Errorf("netns: %s: capture: %v", h.Name, err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

// openTap is a socket that gets every frame of the interface, and gives up waiting for one after a short time.
func openTap() (int, error) {
	nic, err := net.InterfaceByName(Interface)
	if err != nil {
		return -1, err
	}
	const every = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, every)
	if err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: every, Ifindex: nic.Index}),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20_000}))
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// record writes frames in the format of libpcap until end is closed and none is waiting.
func record(w io.Writer, fd int, end <-chan struct{}) error {
	const most = 65535
	write := func(fields ...uint32) error { return binary.Write(w, binary.LittleEndian, fields) }
	if err := write(0xa1b2c3d4, 2|4<<16, 0, 0, most, 1); err != nil { // version 2.4, Ethernet
		return err
	}
	frame := make([]byte, most)
	for {
		ended := false
		select {
		case <-end:
			ended = true
		default:
		}
		n, _, err := unix.Recvfrom(fd, frame, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN) && ended:
			return nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENETDOWN):
		case err != nil:
			return os.NewSyscallError("recvfrom", err)
		default:
			now := time.Now()
			if err := write(uint32(now.Unix()), uint32(now.Nanosecond()/1000), uint32(n), uint32(n)); err != nil {
				return err
			}
			if _, err := w.Write(frame[:n]); err != nil {
				return err
			}
		}
	}
}
