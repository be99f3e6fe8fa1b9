package media

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// ownIP is an address of the loopback where no other process has ports, not even one that runs these tests beside us.
func ownIP() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.1", 1+pid/256%250, pid%256)
}

func TestPortsAreEvenAndRest(t *testing.T) {
	e := newTestEngine(t, Config{PortMin: 60999, PortMax: 61008}) // 61000, 61002, 61004, 61006
	ip := netip.MustParseAddr(ownIP())
	seen := []uint16{}
	for range 6 {
		l, err := e.Open(ip)
		if err != nil {
			t.Fatal(err)
		}
		if l.Addr().Port()%2 != 0 || l.Addr().Addr() != ip {
			t.Errorf("got address %v", l.Addr())
		}
		seen = append(seen, l.Addr().Port())
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; i < len(seen); i++ {
		if seen[i] == seen[i-1] {
			t.Errorf("port %d was used again at once: %v", seen[i], seen)
		}
	}
}

func TestPortsRunOutAndComeBack(t *testing.T) {
	e := newTestEngine(t, Config{PortMin: 61010, PortMax: 61017})
	legs := []*Leg{}
	for range 4 {
		legs = append(legs, openLeg(t, e, ownIP()))
	}
	if _, err := e.Open(netip.MustParseAddr(ownIP())); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("got %v, want ErrNoPorts", err)
	}
	port := legs[2].Addr().Port()
	if err := legs[2].Close(); err != nil {
		t.Fatal(err)
	}
	if got := openLeg(t, e, ownIP()).Addr().Port(); got != port {
		t.Errorf("got port %d, want %d that was given back", got, port)
	}
}

func TestPortsOfOthersAreSkipped(t *testing.T) {
	for name, offset := range map[string]int{"RTP": 0, "RTCP": 1} {
		t.Run(name, func(t *testing.T) {
			other, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ownIP()), Port: 61020 + offset})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = other.Close() }()
			e := newTestEngine(t, Config{PortMin: 61020, PortMax: 61023})
			if got := openLeg(t, e, ownIP()).Addr().Port(); got != 61022 {
				t.Errorf("got port %d, want 61022", got)
			}
			if _, err := e.Open(netip.MustParseAddr(ownIP())); !errors.Is(err, ErrNoPorts) {
				t.Errorf("got %v, want ErrNoPorts", err)
			}
			if e.ports.free != 1 {
				t.Errorf("%d pairs are free, want the one that is held", e.ports.free)
			}
		})
	}
}

func TestAnAddressThatIsNotOursIsNoLackOfPorts(t *testing.T) {
	e := newTestEngine(t, Config{})
	_, err := e.Open(netip.MustParseAddr("192.0.2.1"))
	if !errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, ErrNoPorts) {
		t.Errorf("got %v, want EADDRNOTAVAIL", err)
	}
	if _, err := e.Open(netip.Addr{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	if e.ports.free != e.ports.total() {
		t.Errorf("%d of %d pairs are free", e.ports.free, e.ports.total())
	}
}

func TestNewEngineRefuses(t *testing.T) {
	for _, cfg := range []Config{
		{PortMin: 2000, PortMax: 1000},
		{PortMin: 1, PortMax: 70000},
		{PortMin: 4001, PortMax: 4002},
		{PortMin: 0, PortMax: 4002},
		{Timeout: -1},
	} {
		if _, err := NewEngine(cfg); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: got %v, want ErrInvalid", cfg, err)
		}
	}
	e, err := NewEngine(Config{})
	if err != nil || e.ports.total() != 5000 {
		t.Errorf("the zero Config: got %v", err)
	}
}

// TestPortsAreAQueue checks the ring against a slice.
func TestPortsAreAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, err := newPorts(2000, 2000+2*rapid.IntRange(1, 6).Draw(t, "pairs"))
		if err != nil {
			t.Fatal(err)
		}
		free := append([]uint16{}, p.ring...)
		held := []uint16{}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			if len(held) > 0 && rapid.Bool().Draw(t, "give") {
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				p.give(held[i])
				free = append(free, held[i])
				held = append(held[:i], held[i+1:]...)
				continue
			}
			got, ok := p.take()
			if ok != (len(free) > 0) || ok && got != free[0] {
				t.Fatalf("got %d, %v; want the first of %v", got, ok, free)
			}
			if ok {
				held, free = append(held, got), free[1:]
			}
		}
	})
}
