// Package wire is the sockets of simulated telephones: bound one by one, read many datagrams at a time, each with the time at
// which the kernel took it in. It is for Linux.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Socket is one telephone's RTP socket: bound to an even port, connected once the far end is known.
type Socket struct {
	fd   int
	port uint16
}

// Open binds the first free even port from port on, of the loopback.
func Open(port uint16) (Socket, error) { return OpenAt([4]byte{127, 0, 0, 1}, port) }

// OpenAt is Open at another of the host's addresses.
func OpenAt(address [4]byte, port uint16) (Socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Socket{}, fmt.Errorf("socket: %w", err)
	}
	for ; port < 65000; port += 2 {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(port), Addr: address})
		if !errors.Is(err, unix.EADDRINUSE) {
			break
		}
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}
	if err != nil {
		return Socket{}, errors.Join(fmt.Errorf("RTP socket: %w", err), unix.Close(fd))
	}
	return Socket{fd: fd, port: port}, nil
}

// Of is the socket of a connection, which must outlive it, for receiving: the connection itself must not be read.
func Of(conn *net.UDPConn) (Socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Socket{}, fmt.Errorf("socket: %w", err)
	}
	var s Socket
	var failed error
	err = raw.Control(func(fd uintptr) {
		s.fd = int(fd)
		failed = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	if err = errors.Join(err, failed); err != nil {
		return Socket{}, fmt.Errorf("socket: %w", err)
	}
	return s, nil
}

// Port is where the socket listens.
func (s Socket) Port() uint16 { return s.port }

// Close gives the socket back.
func (s Socket) Close() error { return unix.Close(s.fd) }

// Connect says where what is sent goes; what others send is not taken in from then on. It can be called again.
func (s Socket) Connect(to netip.AddrPort) error {
	if err := unix.Connect(s.fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}); err != nil {
		return fmt.Errorf("RTP to %v: %w", to, err)
	}
	return nil
}

// Send sends one datagram, and says whether the kernel took it. It never waits.
func (s Socket) Send(b []byte) bool {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	return errno == 0
}

// Batch is how many datagrams one Receive takes in at most; if it has taken so many, there may be more.
const Batch = 8

const (
	datagramSize = 1500
	controlSize  = 64
)

type mmsghdr struct {
	hdr  unix.Msghdr
	size uint32
	_    [4]byte
}

// Inbox is the memory that datagrams are received into, for all sockets of one thread.
type Inbox struct {
	headers  [Batch]mmsghdr
	vectors  [Batch]unix.Iovec
	data     [Batch][datagramSize]byte
	controls [Batch][controlSize]byte
}

// NewInbox makes one.
func NewInbox() *Inbox {
	b := &Inbox{}
	for i := range b.headers {
		b.vectors[i].Base = &b.data[i][0]
		b.vectors[i].SetLen(datagramSize)
		b.headers[i].hdr.Iov = &b.vectors[i]
		b.headers[i].hdr.SetIovlen(1)
		b.headers[i].hdr.Control = &b.controls[i][0]
	}
	return b
}

// Receive takes in what has come to s, at most Batch datagrams, and says how many. It never waits.
func (b *Inbox) Receive(s Socket) int {
	for i := range b.headers {
		b.headers[i].hdr.SetControllen(controlSize)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.headers[0])), Batch,
		unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// Datagram returns the i-th of what was received, valid until the next Receive, and when the kernel took it in, in
// nanoseconds of Unix time.
func (b *Inbox) Datagram(i int) (data []byte, at int64) {
	h := &b.headers[i]
	data = b.data[i][:h.size]
	c := b.controls[i][:h.hdr.Controllen]
	// struct cmsghdr {size_t len; int level; int type}, then struct timespec, cmsg(3), socket(7).
	if len(c) >= 32 && binary.NativeEndian.Uint32(c[12:]) == unix.SO_TIMESTAMPNS {
		return data, int64(binary.NativeEndian.Uint64(c[16:]))*int64(time.Second) + int64(binary.NativeEndian.Uint64(c[24:]))
	}
	return data, time.Now().UnixNano()
}
