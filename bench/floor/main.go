// Command floor is the physical floor that the bridge is measured against: what the kernel's UDP alone costs for a
// number of telephones. It does nothing but what cannot be left out: one thread, and every 20 ms for each socket a
// bare non-blocking recv until nothing is left, and one sendto of a packet as large as one of PCMU.
//
// It prints the ports of its sockets as one line of JSON and runs until its standard input ends. A socket sends to
// whoever sent to it last.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	tick        = 20 * time.Millisecond
	packetBytes = 172 // an RTP header and 20 ms of G.711
)

type peer struct {
	fd      int
	address unix.RawSockaddrInet4
	known   bool
}

func main() {
	sockets := flag.Int("legs", 300, "how many sockets")
	flag.Parse()
	if err := run(*sockets); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(n int) error {
	peers := make([]peer, n)
	ports := make([]int, n)
	for i := range peers {
		var err error
		if peers[i].fd, ports[i], err = open(); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(ports); err != nil {
		return fmt.Errorf("ports: %w", err)
	}
	var ended atomic.Bool
	go func() { // ends with the process: nothing else ends a read of the standard input
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // any end of it is the end
		ended.Store(true)
	}()
	serve(peers, &ended)
	return nil
}

func open() (fd, port int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, fmt.Errorf("bind: %w", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0, 0, fmt.Errorf("getsockname: %w", err)
	}
	return fd, sa.(*unix.SockaddrInet4).Port, nil
}

func serve(peers []peer, ended *atomic.Bool) {
	runtime.LockOSThread()
	var in [1500]byte
	var out [packetBytes]byte
	out[0] = 2 << 6
	for next := time.Now(); !ended.Load(); next = next.Add(tick) {
		time.Sleep(time.Until(next))
		for i := range peers {
			peers[i].receive(in[:])
		}
		for i := range peers {
			peers[i].send(out[:])
		}
		for i := range out[2:12] { // sequence number and timestamp, more or less
			out[2+i]++
		}
	}
}

// receive takes everything that has come. It does not leave the Go thread's hands: the calls do not block.
func (p *peer) receive(buf []byte) {
	for {
		size := uint32(unsafe.Sizeof(p.address))
		_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(p.fd), uintptr(unsafe.Pointer(&buf[0])),
			uintptr(len(buf)), 0, uintptr(unsafe.Pointer(&p.address)), uintptr(unsafe.Pointer(&size)))
		if errno != 0 {
			return
		}
		p.known = true
	}
}

func (p *peer) send(buf []byte) {
	if !p.known {
		return
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(p.fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0,
		uintptr(unsafe.Pointer(&p.address)), unsafe.Sizeof(p.address))
	p.known = errno == 0 // nobody there any more
}
