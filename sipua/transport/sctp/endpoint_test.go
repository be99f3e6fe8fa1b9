package sctp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// carriers are the two kinds of packets; each test runs over both, and over both families.
var carriers = []struct {
	name string
	cfg  Config
	ip   string
}{
	{"over IP", Config{}, "127.0.0.1"},
	{"over IPv6", Config{}, "::1"},
	{"over UDP", Config{UDP: true}, "127.0.0.1"},
	{"over UDP and IPv6", Config{UDP: true}, "::1"},
}

// open listens, until the test ends.
func open(t *testing.T, cfg Config, ip string) *Endpoint {
	t.Helper()
	e, err := Listen(t.Context(), cfg, netip.AddrPortFrom(netip.MustParseAddr(ip), 0))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, ErrKernel) {
		t.Skipf("raw sockets cannot be opened here: %v", err)
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) && ip == "::1" {
		t.Skipf("there is no IPv6 loopback here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// pair is two ends of one association; b was accepted.
func pair(t *testing.T, cfg Config, ip string) (a, b *Conn) {
	t.Helper()
	server := open(t, cfg, ip)
	client := open(t, to(cfg, server), ip)
	return join(t, client, server)
}

// to makes a config dial the UDP port of an endpoint.
func to(cfg Config, e *Endpoint) Config {
	cfg.PeerUDPPort = e.UDPPort()
	return cfg
}

func join(t *testing.T, client, server *Endpoint) (a, b *Conn) {
	t.Helper()
	a, err := client.Dial(t.Context(), server.addr)
	if err != nil {
		t.Fatal(err)
	}
	c, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), c.Close() })
	return a, c.(*Conn)
}

// read takes one message, with a deadline that only a fault reaches.
func read(t *testing.T, c *Conn) []byte {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 1<<16)
	n, err := c.Read(b)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return b[:n]
}

func write(t *testing.T, c *Conn, m []byte) {
	t.Helper()
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if n, err := c.Write(m); err != nil || n != len(m) {
		t.Fatalf("write of %d: %d, %v", len(m), n, err)
	}
}

func TestMessagesPassBothWays(t *testing.T) {
	for _, tt := range carriers {
		t.Run(tt.name, func(t *testing.T) {
			a, b := pair(t, tt.cfg, tt.ip)
			if a.LocalAddr().String() != b.RemoteAddr().String() || a.RemoteAddr().String() != b.LocalAddr().String() {
				t.Errorf("one end is %s to %s, the other %s to %s", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
			}
			for _, n := range []int{1, 2, 3, 500, 1200, 5000, 20000, 65535} {
				m := bytes.Repeat([]byte{byte(n)}, n)
				write(t, a, m)
				if got := read(t, b); !bytes.Equal(got, m) {
					t.Fatalf("got %d octets of %d", len(got), n)
				}
				write(t, b, m)
				if got := read(t, a); !bytes.Equal(got, m) {
					t.Fatalf("got %d octets of %d back", len(got), n)
				}
			}
		})
	}
}

func TestManyMessagesArriveOnceEach(t *testing.T) {
	for _, tt := range carriers {
		t.Run(tt.name, func(t *testing.T) {
			a, b := pair(t, tt.cfg, tt.ip)
			const n = 2000
			sent := make(chan error, 1)
			go func() {
				for i := range n {
					if _, err := a.Write(fmt.Appendf(nil, "%d %s", i, bytes.Repeat([]byte{'x'}, i%3000))); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			seen := make(map[int]bool)
			for range n {
				var i int
				var x string
				m := read(t, b)
				_, _ = fmt.Sscanf(string(m), "%d %s", &i, &x)
				if seen[i] || len(x) != i%3000 {
					t.Fatalf("message %d of %d octets, seen before: %v", i, len(m), seen[i])
				}
				seen[i] = true
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCloseDeliversAndEndsThePeer(t *testing.T) {
	for _, tt := range carriers {
		t.Run(tt.name, func(t *testing.T) {
			a, b := pair(t, tt.cfg, tt.ip)
			write(t, a, []byte("last words"))
			_ = a.Close()
			if got := read(t, b); string(got) != "last words" {
				t.Errorf("got %q", got)
			}
			if _, err := b.Read(make([]byte, 10)); !errors.Is(err, io.EOF) {
				t.Errorf("read after the peer's shutdown: %v", err)
			}
			if _, err := a.Read(make([]byte, 10)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("read after Close: %v", err)
			}
			if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write after Close: %v", err)
			}
		})
	}
}

func TestAbortEndsThePeer(t *testing.T) {
	for _, tt := range carriers {
		t.Run(tt.name, func(t *testing.T) {
			a, b := pair(t, tt.cfg, tt.ip)
			a.Abort()
			if _, err := b.Read(make([]byte, 10)); !errors.Is(err, ErrAborted) {
				t.Errorf("read: %v", err)
			}
			if _, err := b.Write([]byte("x")); !errors.Is(err, ErrAborted) {
				t.Errorf("write: %v", err)
			}
		})
	}
}

func TestDialOverTheLimitIsRefused(t *testing.T) {
	for _, tt := range carriers {
		t.Run(tt.name, func(t *testing.T) {
			full := tt.cfg
			full.MaxPerSource = -1
			server := open(t, full, tt.ip)
			client := open(t, to(tt.cfg, server), tt.ip)
			if _, err := client.Dial(t.Context(), server.addr); !errors.Is(err, ErrRefused) {
				t.Errorf("dial: %v", err)
			}
			if server.Stats().Refused != 1 {
				t.Errorf("stats %+v", server.Stats())
			}
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	client := open(t, Config{UDP: true}, "127.0.0.1")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := client.Dial(ctx, netip.MustParseAddrPort("127.0.0.1:9")); !errors.Is(err, why) {
		t.Errorf("dial: %v", err)
	}
	if len(client.dialling) != 0 {
		t.Error("the port is still taken")
	}
}

func TestReadDeadline(t *testing.T) {
	a, b := pair(t, Config{UDP: true}, "127.0.0.1")
	_ = a.SetReadDeadline(time.Unix(1, 0))
	if _, err := a.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	woken := make(chan error)
	_ = a.SetReadDeadline(time.Time{})
	go func() {
		_, err := a.Read(make([]byte, 10))
		woken <- err
	}()
	_ = a.SetReadDeadline(time.Unix(1, 0))
	if err := <-woken; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read that waited: %v", err)
	}
	_ = a.SetReadDeadline(time.Now().Add(time.Hour))
	write(t, b, []byte("x"))
	if got := read(t, a); string(got) != "x" {
		t.Errorf("got %q after the deadline was moved", got)
	}
	write(t, b, []byte("longer than that"))
	if _, err := a.Read(make([]byte, 2)); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("read into 2 octets: %v", err)
	}
	if got := read(t, a); string(got) != "longer than that" {
		t.Errorf("got %q after a short read", got)
	}
}
