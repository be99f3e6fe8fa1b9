package transport

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// canShare says that several sockets may be bound to one port, and that the kernel spreads by source (socket(7)).
	canShare = true
	// batchSize is how many datagrams one system call may bring.
	batchSize = 8
	// maxRead is one octet more than the longest datagram.
	maxRead = 64 << 10
)

func sharePort(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }

// prepareUDP makes the kernel tell of ICMP errors, and add to each datagram the address that it was sent to where the
// socket has several (ip(7), ipv6(7)).
func prepareUDP(pc *net.UDPConn, v4, everywhere bool) error {
	return control(pc, func(fd int) error {
		level, errors, destination := unix.IPPROTO_IPV6, unix.IPV6_RECVERR, unix.IPV6_RECVPKTINFO
		if v4 {
			level, errors, destination = unix.IPPROTO_IP, unix.IP_RECVERR, unix.IP_PKTINFO
		}
		if err := unix.SetsockoptInt(fd, level, errors, 1); err != nil || !everywhere {
			return err
		}
		return unix.SetsockoptInt(fd, level, destination, 1)
	})
}

// batch is what one recvmmsg needs and brings. It points into itself and must not be copied.
type batch struct {
	headers [batchSize]mmsghdr
	slots   [batchSize]slot
}

type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

type slot struct {
	iov     unix.Iovec
	from    unix.RawSockaddrInet6
	control [20]uint64
	buf     [maxRead]byte
}

func newBatch() *batch {
	b := &batch{}
	for i := range b.headers {
		s, h := &b.slots[i], &b.headers[i].header
		s.iov.Base = &s.buf[0]
		s.iov.SetLen(len(s.buf))
		h.Iov = &s.iov
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&s.from))
		h.Control = (*byte)(unsafe.Pointer(&s.control))
		b.reset(i)
	}
	return b
}

// reset restores the lengths that the kernel has overwritten.
func (b *batch) reset(i int) {
	b.headers[i].header.Namelen = unix.SizeofSockaddrInet6
	b.headers[i].header.SetControllen(int(unsafe.Sizeof(b.slots[i].control)))
}

// receive takes up to count datagrams without waiting, or with MSG_ERRQUEUE errors.
func (b *batch) receive(fd uintptr, count, flags int) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.headers[0])), uintptr(count),
		uintptr(unix.MSG_DONTWAIT|flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// message is what slot i holds: what came, from where (of an error: what was sent, to where), and its control messages.
func (b *batch) message(i int) (data []byte, addr netip.AddrPort, control []byte) {
	h, s := &b.headers[i], &b.slots[i]
	data = s.buf[:min(int(h.length), len(s.buf))]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&s.from.Port))[:])
	if s.from.Family == unix.AF_INET {
		addr = netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&s.from)).Addr), port)
	} else {
		addr = netip.AddrPortFrom(zoned(netip.AddrFrom16(s.from.Addr), s.from.Scope_id), port)
	}
	size := min(int(h.header.Controllen), int(unsafe.Sizeof(s.control)))
	return data, addr, unsafe.Slice((*byte)(unsafe.Pointer(&s.control)), size)
}

// zoned adds the interface that a link-local address is on.
func zoned(a netip.Addr, scope uint32) netip.Addr {
	if scope == 0 {
		return a
	}
	if ifi, err := net.InterfaceByIndex(int(scope)); err == nil {
		return a.WithZone(ifi.Name)
	}
	return a
}

// sendNow sends a datagram if the kernel takes it at once, and says whether that was so. It does not take the lock that package net has around a
// write: a goroutine that comes back from a system call waits for a processor, and on a busy machine everybody who sends would wait with it.
func sendNow(raw syscall.RawConn, data, oob []byte, to netip.AddrPort) (sent bool, err error) {
	if to.Addr().Zone() != "" {
		return false, nil // package net knows the number of the interface
	}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		var name unix.RawSockaddrInet6
		iov := unix.Iovec{Base: unsafe.SliceData(data)}
		iov.SetLen(len(data))
		header := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&name)), Namelen: setAddress(&name, to), Iov: &iov, Control: unsafe.SliceData(oob)}
		header.SetIovlen(1)
		header.SetControllen(len(oob))
		_, _, errno = unix.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&header)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
	switch {
	case err != nil || errno == 0:
		return err == nil, err
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return false, nil
	}
	return false, os.NewSyscallError("sendmsg", errno)
}

// setAddress writes an address as the kernel has it, and returns its size.
func setAddress(name *unix.RawSockaddrInet6, a netip.AddrPort) uint32 {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], a.Port())
	addr := a.Addr().Unmap()
	if addr.Is4() {
		name.Family = unix.AF_INET
		(*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr = addr.As4()
		return unix.SizeofSockaddrInet4
	}
	name.Family, name.Addr = unix.AF_INET6, addr.As16()
	return unix.SizeofSockaddrInet6
}

// read is the goroutine of one socket.
func (u *udpSocket) read(pc *net.UDPConn) {
	raw, err := pc.SyscallConn()
	if err != nil {
		return // closed already
	}
	b := newBatch()
	var n, queue int
	var errno syscall.Errno
	take := func(fd uintptr) bool {
		for {
			if n, errno = b.receive(fd, batchSize, 0); errno != unix.EAGAIN && !late(errno) {
				queue = 0
				return errno != unix.EINTR
			}
			refused := errno != unix.EAGAIN
			// Before it sleeps it looks for errors: whoever sent meanwhile may have taken the notice of them.
			queue = unix.MSG_ERRQUEUE
			if n, errno = b.receive(fd, batchSize, queue); errno != unix.EAGAIN {
				return true
			}
			if !refused {
				return false
			}
		}
	}
	for {
		if err := raw.Read(take); err != nil {
			if !u.failing(err) {
				return
			}
			continue
		}
		if errno != 0 && !u.failing(errno) {
			return
		}
		for i := range n {
			data, addr, control := b.message(i)
			if queue == 0 {
				local, _ := destination(control)
				u.receive(data, local, addr)
			} else {
				u.failed(addr, control)
			}
			b.reset(i)
		}
	}
}
