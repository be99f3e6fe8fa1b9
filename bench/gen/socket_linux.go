package gen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is one telephone's RTP socket: bound to an even port, connected once the far end is known.
type socket struct {
	fd   int
	port uint16
}

// open binds the first free even port from port on.
func open(port uint16) (socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return socket{}, fmt.Errorf("socket: %w", err)
	}
	for ; port < 65000; port += 2 {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}})
		if !errors.Is(err, unix.EADDRINUSE) {
			break
		}
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}
	if err != nil {
		return socket{}, errors.Join(fmt.Errorf("RTP socket: %w", err), unix.Close(fd))
	}
	return socket{fd: fd, port: port}, nil
}

func (s socket) connect(to netip.AddrPort) error {
	if err := unix.Connect(s.fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}); err != nil {
		return fmt.Errorf("RTP to %v: %w", to, err)
	}
	return nil
}

func (s socket) send(b []byte) bool {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	return errno == 0
}

const (
	batch        = 8 // datagrams a call
	datagramSize = 1500
	controlSize  = 64
)

type mmsghdr struct {
	hdr  unix.Msghdr
	size uint32
	_    [4]byte
}

// inbox is the memory that datagrams are received into, for all sockets of one thread.
type inbox struct {
	headers  [batch]mmsghdr
	vectors  [batch]unix.Iovec
	data     [batch][datagramSize]byte
	controls [batch][controlSize]byte
}

func newInbox() *inbox {
	b := &inbox{}
	for i := range b.headers {
		b.vectors[i].Base = &b.data[i][0]
		b.vectors[i].SetLen(datagramSize)
		b.headers[i].hdr.Iov = &b.vectors[i]
		b.headers[i].hdr.SetIovlen(1)
		b.headers[i].hdr.Control = &b.controls[i][0]
	}
	return b
}

// receive takes in what has come to s, at most batch datagrams.
func (b *inbox) receive(s socket) int {
	for i := range b.headers {
		b.headers[i].hdr.SetControllen(controlSize)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.headers[0])), batch,
		unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// datagram returns the i-th of what was received and when the kernel took it in, in nanoseconds of Unix time.
func (b *inbox) datagram(i int) (data []byte, at int64) {
	h := &b.headers[i]
	data = b.data[i][:h.size]
	c := b.controls[i][:h.hdr.Controllen]
	// struct cmsghdr {size_t len; int level; int type}, then struct timespec, cmsg(3), socket(7).
	if len(c) >= 32 && binary.NativeEndian.Uint32(c[12:]) == unix.SO_TIMESTAMPNS {
		return data, int64(binary.NativeEndian.Uint64(c[16:]))*int64(time.Second) + int64(binary.NativeEndian.Uint64(c[24:]))
	}
	return data, time.Now().UnixNano()
}
