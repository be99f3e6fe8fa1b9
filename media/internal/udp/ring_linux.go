package udp

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Constants and structures of io_uring are those of linux/io_uring.h; golang.org/x/sys has only the numbers of the calls.
const (
	ringRecvmsg   = 10 // IORING_OP_RECVMSG
	ringSend      = 26 // IORING_OP_SEND, with an address since Linux 6.0
	ringSubmitAll = 1 << 7
	ringClamp     = 1 << 4
	ringMmapSQEs  = 0x10000000
	ringOneMmap   = 1 << 0 // IORING_FEAT_SINGLE_MMAP
)

type submission struct {
	op, flags   uint8
	priority    uint16
	fd          int32
	destination uint64 // IORING_OP_SEND: where to
	memory      uint64
	length      uint32
	message     uint32 // MSG_ flags
	tag         uint64
	_           uint16
	_           uint16
	addressSize uint16
	_           uint16
	_           [2]uint64
}

type completion struct {
	tag    uint64
	result int32
	_      uint32
}

type ringParameters struct {
	submissions, completions, flags, cpu, idle, features, worker uint32
	_                                                            [3]uint32
	sq                                                           struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, completions, flags, _ uint32
		_                                                          uint64
	}
}

// ErrNoRing says that the kernel has no io_uring that can be used: it is older than 6.0, or a policy forbids it.
var ErrNoRing = errors.New("no usable io_uring")

// Ring is an io_uring by which many datagrams are received and sent with one system call. What it is asked for is done, without waiting, inside of Run.
// One goroutine uses it at a time, on whatever thread. Nothing but NewRing and Close allocates or waits.
type Ring struct {
	fd           int
	memory, sqes []byte // mapped

	submissions []submission
	kept        [][2]unsafe.Pointer // what each submission points to: so that it is on the heap, where it stays, and is not collected
	completions []completion
	sqTail      *uint32
	cqHead      *uint32
	cqTail      *uint32
	put         uint32 // submissions that were put in, ever
	run         uint32 // of which were run
	read        uint32 // completions that Next has returned, ever
}

// NewRing makes one for that many requests a Run, and sends itself a datagram by it; where that fails it is ErrNoRing, with what has failed.
func NewRing(entries int) (*Ring, error) {
	r, err := openRing(entries)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoRing, err)
	}
	if err := r.try(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrNoRing, err), r.Close())
	}
	return r, nil
}

func openRing(entries int) (*Ring, error) {
	p := ringParameters{flags: ringSubmitAll | ringClamp}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r := &Ring{fd: int(fd)}
	if p.features&ringOneMmap == 0 {
		return nil, errors.Join(errors.New("io_uring maps its queues apart"), r.Close())
	}
	var err error
	size := max(int(p.sq.array+p.submissions*4), int(p.cq.completions)+int(p.completions)*int(unsafe.Sizeof(completion{})))
	if r.memory, err = unix.Mmap(r.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return nil, errors.Join(fmt.Errorf("io_uring queues: %w", err), r.Close())
	}
	size = int(p.submissions) * int(unsafe.Sizeof(submission{}))
	if r.sqes, err = unix.Mmap(r.fd, ringMmapSQEs, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return nil, errors.Join(fmt.Errorf("io_uring entries: %w", err), r.Close())
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.memory[offset])) }
	r.sqTail, r.cqHead, r.cqTail = at(p.sq.tail), at(p.cq.head), at(p.cq.tail)
	r.submissions = unsafe.Slice((*submission)(unsafe.Pointer(&r.sqes[0])), p.submissions)
	r.kept = make([][2]unsafe.Pointer, p.submissions)
	r.completions = unsafe.Slice((*completion)(unsafe.Pointer(at(p.cq.completions))), p.completions)
	for i, array := 0, unsafe.Slice(at(p.sq.array), p.submissions); i < len(array); i++ {
		array[i] = uint32(i)
	}
	return r, nil
}

// try sends a datagram to itself, and takes it in, where there is a loopback that takes it.
func (r *Ring) try() error {
	s, err := Open(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	here, err := s.Local()
	if err != nil {
		return err
	}
	to, packet, in := s.To(here), []byte{'!'}, new(Letter)
	in.Init()
	r.Send(s, packet, &to, 0)
	switch result := r.one(); result {
	case len(packet):
	case -int(unix.ENETUNREACH), -int(unix.ENETDOWN):
		return nil // the request itself was understood
	default:
		return fmt.Errorf("sending by io_uring: %w", unix.Errno(max(-result, 0)))
	}
	r.Receive(s, in, 0)
	if result := r.one(); result != len(packet) || in.buf[0] != packet[0] {
		return fmt.Errorf("receiving by io_uring: %w", unix.Errno(max(-result, 0)))
	}
	return nil
}

// one runs the request that was put in, and returns what became of it.
func (r *Ring) one() (result int) {
	r.Run()
	_, result, ok := r.Next()
	if !ok {
		return -int(unix.ENOSYS)
	}
	return result
}

// Close gives the ring back.
func (r *Ring) Close() error {
	var errs []error
	for _, mapped := range [][]byte{r.memory, r.sqes} {
		if mapped != nil {
			errs = append(errs, unix.Munmap(mapped))
		}
	}
	return errors.Join(append(errs, unix.Close(r.fd))...)
}

// Room is how many requests can still be put in before Run, if all completions are read by then.
func (r *Ring) Room() int { return len(r.submissions) - int(r.put-r.run) }

// next is the next submission, which points to a, and to b if there is one.
func (r *Ring) next(a, b unsafe.Pointer) *submission {
	i := r.put & uint32(len(r.submissions)-1)
	r.kept[i] = [2]unsafe.Pointer{a, b}
	r.put++
	return &r.submissions[i]
}

// Receive asks for the next datagram of s. into is the ring's until Run returns; after it, tag comes with how long the datagram is, or with the negative
// of the error: EAGAIN where nothing has come.
func (r *Ring) Receive(s Socket, into *Letter, tag uint64) {
	header := unsafe.Pointer(&into.header)
	*r.next(header, nil) = submission{
		op: ringRecvmsg, fd: int32(s.FD), memory: uint64(uintptr(header)), length: 1, message: unix.MSG_DONTWAIT, tag: tag,
	}
}

// Send asks for a datagram to be sent. packet and to must stay as they are until Run returns. packet must not be empty.
func (r *Ring) Send(s Socket, packet []byte, to *Destination, tag uint64) {
	memory, address := unsafe.Pointer(&packet[0]), unsafe.Pointer(&to.raw)
	*r.next(memory, address) = submission{
		op: ringSend, fd: int32(s.FD), memory: uint64(uintptr(memory)), length: uint32(len(packet)),
		message: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL, destination: uint64(uintptr(address)), addressSize: uint16(to.size), tag: tag,
	}
}

// Run does all that was asked for since the last Run, in that order, and returns how much of it: everything, but where the kernel is out of memory. None of
// it can wait: the sockets do not.
func (r *Ring) Run() (done int) {
	asked := int(r.put - r.run)
	atomic.StoreUint32(r.sqTail, r.put)
	for done < asked {
		n, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(asked-done), 0, 0, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n == 0 {
			r.put -= uint32(asked - done) // the kernel has not looked at them
			atomic.StoreUint32(r.sqTail, r.put)
			break
		}
		done += int(n)
	}
	r.run = r.put
	return done
}

// Next returns what became of one request, in no certain order; false: of none any more.
func (r *Ring) Next() (tag uint64, result int, ok bool) {
	if r.read == atomic.LoadUint32(r.cqTail) {
		return 0, 0, false
	}
	c := &r.completions[r.read&uint32(len(r.completions)-1)]
	tag, result = c.tag, int(c.result)
	r.read++
	atomic.StoreUint32(r.cqHead, r.read)
	return tag, result, true
}

// Letter is the place of one datagram that a Ring brings. It points into itself and must not be copied.
type Letter struct {
	header unix.Msghdr
	slot
}

// Init makes it ready, where it will stay.
func (l *Letter) Init() { l.describe(&l.header) }

// Packet reads what has come, of that length, and makes the letter ready for the next Receive.
func (l *Letter) Packet(length int, now time.Time, wallNow int64) Packet {
	p := l.packet(&l.header, length, now, wallNow)
	l.reset(&l.header)
	return p
}
