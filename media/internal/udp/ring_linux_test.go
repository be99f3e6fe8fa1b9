package udp

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newRing(t *testing.T, entries int) *Ring {
	t.Helper()
	r, err := NewRing(entries)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func newSocket(t *testing.T) (Socket, netip.AddrPort) {
	t.Helper()
	s, err := Open(netip.MustParseAddr("127.0.0.1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	at, err := s.Local()
	if err != nil {
		t.Fatal(err)
	}
	return s, at
}

func TestARingGoesRoundAndRound(t *testing.T) {
	const entries = 8
	r := newRing(t, entries)
	a, from := newSocket(t)
	b, at := newSocket(t)
	to := a.To(at)
	letters := make([]Letter, entries)
	for i := range letters {
		letters[i].Init()
	}
	for round := range byte(50) {
		for i := range byte(entries) {
			r.Send(a, []byte{round, i}, &to, uint64(i))
		}
		if done := r.Run(); done != entries {
			t.Fatalf("round %d: %d of %d were sent", round, done, entries)
		}
		for range entries {
			if tag, result, ok := r.Next(); !ok || result != 2 {
				t.Fatalf("round %d: packet %d: %d, %v, want 2 bytes sent", round, tag, result, ok)
			}
		}
		for i := range letters {
			r.Receive(b, &letters[i], uint64(i))
		}
		r.Run()
		now := time.Now()
		for range entries {
			tag, result, ok := r.Next()
			if !ok || result != 2 {
				t.Fatalf("round %d: letter %d: %d, %v, want 2 bytes", round, tag, result, ok)
			}
			p := letters[tag].Packet(result, now, now.UnixNano())
			if p.Data[0] != round || p.Data[1] != byte(tag) || p.From != from || p.Long {
				t.Errorf("round %d: letter %d is %v from %v", round, tag, p.Data, p.From)
			}
			if age := now.Sub(p.At); age < 0 || age > 5*time.Second {
				t.Errorf("it came %v ago", age)
			}
		}
		if _, _, ok := r.Next(); ok {
			t.Fatal("more has come of it than was asked for")
		}
	}
}

func TestARingSaysWhatFailed(t *testing.T) {
	r := newRing(t, 8)
	s, at := newSocket(t)
	var in Letter
	in.Init()
	r.Receive(s, &in, 1) // nothing has come
	to := s.To(at)
	r.Send(Socket{FD: 1 << 20}, []byte{1}, &to, 2) // no socket
	r.Send(s, []byte{1}, &to, 3)                   // goes out all the same
	if done := r.Run(); done != 3 {
		t.Fatalf("%d of 3 were run", done)
	}
	want := map[uint64]int{1: -int(unix.EAGAIN), 2: -int(unix.EBADF), 3: 1}
	for range want {
		if tag, result, ok := r.Next(); !ok || want[tag] != result {
			t.Errorf("request %d: %d, want %d", tag, result, want[tag])
		}
	}
}

func TestALongDatagramIsCutOffAndSaysSo(t *testing.T) {
	r := newRing(t, 8)
	s, at := newSocket(t)
	to, long := s.To(at), make([]byte, MaxPacket+1)
	if !s.Send(long, &to) {
		t.Fatal("it was not sent")
	}
	var in Letter
	in.Init()
	r.Receive(s, &in, 1)
	r.Run()
	_, result, _ := r.Next()
	if p := in.Packet(result, time.Now(), 0); !p.Long || len(p.Data) != MaxPacket {
		t.Errorf("%d bytes, long %v, want %d and true", len(p.Data), p.Long, MaxPacket)
	}
}

func TestARingThatCannotBeSaysWhy(t *testing.T) {
	if _, err := NewRing(0); !errors.Is(err, ErrNoRing) || !errors.Is(err, unix.EINVAL) {
		t.Errorf("got %v, want %v: %v", err, ErrNoRing, unix.EINVAL)
	}
}
