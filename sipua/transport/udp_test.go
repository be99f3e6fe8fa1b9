package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

func udpOn(readers int, urls ...string) Config { return Config{Listen: urls, UDPReaders: readers} }

func TestEveryReaderHandsUpInTheOrderOfEachSource(t *testing.T) {
	m, e := open(t, udpOn(4, "udp://127.0.0.1:0"))
	if n := len(m.udp[0].pcs); n != 4 {
		t.Fatalf("got %d sockets", n)
	}
	const sources, each = 16, 200
	callers := make([]*caller, sources)
	for i := range callers {
		callers[i] = call(t, m.Addrs()[0])
	}
	got := map[netip.AddrPort]int{}
	for n := range each {
		for _, c := range callers {
			c.say("%s\n", options("UDP 127.0.0.1;rport;branch=z9hG4bK1", n+1))
		}
		for range callers { // what is under way never fills the sockets' buffers
			r := e.next(t)
			if last := got[r.flow.Remote]; int(r.msg.CSeq.Seq) != last+1 {
				t.Fatalf("%v: got CSeq %d after %d", r.flow.Remote, r.msg.CSeq.Seq, last)
			}
			got[r.flow.Remote]++
			if n > 0 {
				continue
			}
			// The flow of any reader leads back, from the port that the peer knows.
			if err := m.Respond(r.flow, r.msg.Via[0], message.NewResponse(r.msg, 200, "").Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range callers {
		if text := c.hear(); !strings.HasPrefix(text, "SIP/2.0 200 OK\r\n") { // a connected socket takes it from there only
			t.Errorf("got\n%s", text)
		}
	}
	if len(got) != sources {
		t.Errorf("got %d sources", len(got))
	}
}

func TestAPortThatAnotherBridgeHasIsInUse(t *testing.T) {
	for readers := 1; readers <= 2; readers++ {
		m, _ := open(t, udpOn(readers, "udp://127.0.0.1:0"))
		_, err := Listen(t.Context(), udpOn(readers, m.Addrs()[0].String()))
		if !errors.Is(err, ErrAddressUsed) {
			t.Errorf("%d readers: got %v, want ErrAddressUsed", readers, err)
		}
	}
}

// deadPort is a UDP port of this machine that nobody has.
func deadPort(t *testing.T) Target {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return Target{Transport: "UDP", Addr: addrPort(c.LocalAddr())}
}

// toDeadPort opens a flow to a port that nobody has.
func toDeadPort(t *testing.T, m *Manager) (Target, Flow) {
	t.Helper()
	dead := deadPort(t)
	f, err := m.Open(dead)
	if err != nil {
		t.Fatal(err)
	}
	return dead, f
}

// fromAPeer lets a peer on this machine send a request, and returns it and the flow back to it.
func fromAPeer(t *testing.T, m *Manager, e *ear) (*caller, Flow) {
	t.Helper()
	peer := call(t, Target{Transport: "UDP", Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), m.Addrs()[0].Addr.Port())})
	peer.say("%s\n", options("UDP 127.0.0.1;rport;branch=z9hG4bK1", 1))
	return peer, e.next(t).flow
}

func TestAnICMPErrorIsToldAndHindersNobodyElse(t *testing.T) {
	for _, at := range []string{"127.0.0.1", "0.0.0.0"} {
		m, e := open(t, udpOn(2, "udp://"+at+":0"))
		dead, gone := toDeadPort(t, m)
		alive, back := fromAPeer(t, m, e)
		const tries = 20
		for range tries {
			for _, to := range []Flow{gone, back} {
				if err := m.Send(to, []byte("INVITE")); err != nil {
					t.Errorf("to %v: %v", to, err)
				}
			}
		}
		for range tries {
			if got := alive.hear(); got != "INVITE" {
				t.Errorf("got %q", got)
			}
			alive.say("%s\n", options("UDP 127.0.0.1;rport;branch=z9hG4bK1", 2))
			e.next(t)
		}
		select {
		case got := <-e.failed:
			if got.Remote != dead.Addr || got.Transport != "UDP" {
				t.Errorf("told of %+v, want %v", got, dead)
			}
		case <-time.After(patience):
			t.Fatal("the ICMP error was not told")
		}
		if err := <-e.closed; !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v", err)
		}
		if n := m.Stats().Unreachable; n == 0 || n > tries {
			t.Errorf("got %d errors", n)
		}
	}
}

// A burst to a dead port puts a burst of errors into the kernel's queue, and each that the reader takes brings the next one to whoever
// sends meanwhile.
func TestABurstOfICMPErrorsCostsNobodyElseADatagram(t *testing.T) {
	m, e := open(t, udpOn(1, "udp://127.0.0.1:0"))
	_, gone := toDeadPort(t, m)
	alive, back := fromAPeer(t, m, e)
	for range 20 {
		for range 50 {
			_ = m.Send(gone, []byte("INVITE")) // may fail: nobody is there
		}
		if err := m.Send(back, []byte("INVITE")); err != nil {
			t.Fatal(err)
		}
		alive.hear()
	}
}

func TestWhichICMPErrorsCount(t *testing.T) {
	// cmsghdr{len 32, IPPROTO_IP, IP_RECVERR}, sock_extended_err{errno, origin, type, code}
	of := func(origin, kind, code byte) []byte {
		b := make([]byte, 32)
		b[0], b[12], b[16], b[20], b[21], b[22] = 32, 11, 111, origin, kind, code
		return b
	}
	for _, x := range []struct {
		name               string
		origin, kind, code byte
		want               bool
	}{
		{"port unreachable", 2, 3, 3, true},
		{"host unreachable", 2, 3, 1, true},
		{"fragmentation needed", 2, 3, 4, false},
		{"time exceeded", 2, 11, 0, false},
		{"source quench", 2, 4, 0, false},
		{"parameter problem", 2, 12, 0, true},
		{"ICMPv6 port unreachable", 3, 1, 4, true},
		{"ICMPv6 packet too big", 3, 2, 0, false},
		{"a local error", 1, 0, 0, false},
	} {
		if _, got := icmpError(of(x.origin, x.kind, x.code)); got != x.want {
			t.Errorf("%s: got %v", x.name, got)
		}
	}
	if _, got := icmpError([]byte{1, 2, 3}); got {
		t.Error("rubbish counts")
	}
}

func TestTheReaderDoesNotAllocate(t *testing.T) {
	m, err := Listen(t.Context(), udpOn(1, "udp://0.0.0.0:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), m.Addrs()[0].Addr.Port())
	c := call(t, Target{Transport: "UDP", Addr: to})
	b, u, want := newBatch(), m.udp[0], addrPort(c.LocalAddr())
	raw, err := u.pcs[0].SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	n, ping := 0, []byte("\r\n\r\n")
	take := func(fd uintptr) bool {
		n, _ = b.receive(fd, batchSize, 0)
		return n > 0
	}
	allocs := testing.AllocsPerRun(100, func() {
		_, _ = c.Write(ping)
		if err := raw.Read(take); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		data, from, control := b.message(0)
		local, _ := destination(control)
		if u.receive(data, local, from); local != to.Addr() || from != want {
			t.Fatal(local, from)
		}
		b.reset(0)
	})
	if allocs != 0 {
		t.Errorf("got %v allocations a datagram", allocs)
	}
}

// BenchmarkUDP is what a listener takes in from 8 sources that send as fast as it reads, parsed and answered.
func BenchmarkUDP(b *testing.B) {
	for _, readers := range []int{1, 2} {
		b.Run(fmt.Sprintf("%d readers", readers), func(b *testing.B) {
			m, err := Listen(b.Context(), udpOn(readers, "udp://127.0.0.1:0"))
			if err != nil {
				b.Fatal(err)
			}
			m.Start(answering{m})
			defer func() { _ = m.Close() }()
			text := []byte(strings.ReplaceAll(options("UDP 127.0.0.1;rport;branch=z9hG4bK1", 1)+"\n", "\n", "\r\n"))
			const sources, window = 8, 16
			each := (b.N + sources - 1) / sources
			done := make(chan struct{})
			b.ResetTimer()
			for range sources {
				go func() {
					defer func() { done <- struct{}{} }()
					c, err := net.Dial("udp", m.Addrs()[0].Addr.String())
					if err != nil {
						b.Error(err)
						return
					}
					defer func() { _ = c.Close() }()
					buf := make([]byte, 2048)
					for sent, got := 0, 0; got < each; {
						for ; sent < each && sent-got < window; sent++ {
							_, _ = c.Write(text)
						}
						_ = c.SetReadDeadline(time.Now().Add(time.Second))
						if _, err := c.Read(buf); err != nil {
							b.Error(err)
							return
						}
						got++
					}
				}()
			}
			var before, after syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for range sources {
				<-done
			}
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(cpu)/1e3/float64(b.N), "cpu-µs/op")
		})
	}
}

func TestOctetsBehindAMessageAreIgnoredAndLongResponsesAreSentAllTheSame(t *testing.T) {
	m, e := open(t, listenOn("udp://127.0.0.1:0"))
	c := call(t, m.Addrs()[0])
	c.say("%sContent-Length: 4\n\nbodyINVITE sip:x@y SIP/2.0\n", options("UDP 127.0.0.1;rport;branch=z9hG4bK1", 1)) // RFC 3261 §18.3
	r := e.next(t)
	if string(r.msg.Body) != "body" {
		t.Errorf("got body %q", r.msg.Body)
	}
	res := message.NewResponse(r.msg, 200, "")
	res.SetBody("text/plain", []byte(strings.Repeat("x", 20000))) // RFC 3261 §18.2.2: where else could it go
	if err := m.Respond(r.flow, r.msg.Via[0], res.Bytes()); err != nil {
		t.Fatal(err)
	}
	if got := c.hear(); len(got) < 20000 {
		t.Errorf("got %d octets", len(got))
	}
	if s := m.Stats(); s.ReceivedUDP != 1 {
		t.Errorf("got %d messages", s.ReceivedUDP)
	}
}

type answering struct{ m *Manager }

func (a answering) Receive(msg *message.Message, f Flow) {
	_ = a.m.Respond(f, msg.Via[0], message.NewResponse(msg, 200, "").Bytes())
}
func (answering) Closed(Flow, error) {}
