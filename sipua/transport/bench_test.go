package transport

import (
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// BenchmarkIdleConnections tells what a TCP connection costs that has sent one request and is silent since: heap and stacks,
// in octets. The peers are bare sockets of this process, which have neither.
func BenchmarkIdleConnections(b *testing.B) {
	const n = 5000
	cfg := listenOn("tcp://127.0.0.1:0")
	cfg.MaxConns, cfg.MaxConnsPerSource = n, n
	m, err := Listen(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	e := &ear{in: make(chan received, 10), closed: make(chan error, 1)}
	m.Start(e)
	at := m.Addrs()[0].Addr
	request := []byte(crlf(options("TCP x;branch=z9hG4bK1", 1) + "l: 0\n\n"))
	for b.Loop() {
		before := inUse()
		var fds []int
		for i := range n {
			fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
			if err == nil {
				err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
			}
			if err == nil {
				_, err = syscall.Write(fd, request)
			}
			if err != nil {
				b.Fatal("connection "+strconv.Itoa(i), err)
			}
			fds = append(fds, fd)
			r := <-e.in
			if err := m.Respond(r.flow, r.msg.Via[0], []byte("SIP/2.0 200 OK\r\n\r\n")); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(inUse()-before)/n, "B/conn")
		for _, fd := range fds {
			_ = syscall.Close(fd)
		}
		for m.Stats().Connections > 0 {
			runtime.Gosched()
		}
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapInuse + s.StackInuse
}
