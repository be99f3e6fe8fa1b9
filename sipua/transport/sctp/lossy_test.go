package sctp

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// lossy is one end of a wire between two endpoints that loses one packet in some, and gives one in some twice.
type lossy struct {
	from   path
	in     chan []byte
	peer   *lossy
	n      *atomic.Int64
	closed chan struct{}
}

func (l *lossy) read(b []byte) (int, path, error) {
	select {
	case p := <-l.in:
		return copy(b, p), l.from, nil
	case <-l.closed:
		return 0, path{}, net.ErrClosed
	}
}

func (l *lossy) write(b []byte, _ path) error {
	n := l.n.Add(1)
	if n == 1 || n == 3 || n == 5 || n%7 == 0 { // the first of INIT, INIT ACK or COOKIE ECHO among them
		return nil
	}
	copies := 1
	if n%5 == 0 {
		copies = 2
	}
	for range copies {
		select {
		case l.peer.in <- bytes.Clone(b):
		default: // a full queue loses, too
		}
	}
	return nil
}

func (l *lossy) close() error { close(l.closed); return nil }

func TestALossyNetworkLosesNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("192.0.2.2:5060")
		var n atomic.Int64
		end := func(at netip.AddrPort) *lossy {
			return &lossy{from: path{peer: netip.AddrPortFrom(at.Addr(), 9899)}, in: make(chan []byte, 1000), n: &n, closed: make(chan struct{})}
		}
		la, lb := end(b), end(a)
		la.peer, lb.peer = lb, la
		client, server := newEndpoint(Config{UDP: true}.withDefaults(), la, a), newEndpoint(Config{UDP: true}.withDefaults(), lb, b)
		for _, e := range []*Endpoint{client, server} {
			e.start()
			defer e.Close()
		}
		ca, err := client.Dial(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		cb, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer cb.Close()
		defer ca.Close()
		const messages = 300
		go func() {
			for i := range messages {
				if _, err := ca.Write(fmt.Appendf(nil, "%d %s", i, bytes.Repeat([]byte{'x'}, 10*i))); err != nil {
					t.Error(err)
				}
			}
		}()
		seen := map[string]bool{}
		buf := make([]byte, 1<<16)
		for range messages {
			k, err := cb.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			var i int
			if _, err := fmt.Sscanf(string(buf[:k]), "%d", &i); err != nil || k != len(fmt.Sprintf("%d ", i))+10*i {
				t.Fatalf("message of %d octets: %.20q", k, buf[:k])
			}
			seen[fmt.Sprint(i)] = true
		}
		if len(seen) != messages {
			t.Errorf("%d different messages of %d", len(seen), messages)
		}
	})
}
