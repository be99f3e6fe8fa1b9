package udp

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// clerk notes what it is told.
type clerk struct{ sent, failed, bytes int }

func (c *clerk) Posted(bytes int, sent bool) {
	c.bytes += bytes
	if sent {
		c.sent++
	} else {
		c.failed++
	}
}

func newOutbox(t *testing.T) *Outbox {
	t.Helper()
	o := &Outbox{}
	o.Init(newRing(t, OutboxSize))
	return o
}

func (s Socket) text(t *testing.T) string {
	t.Helper()
	b := make([]byte, 100)
	n, err := unix.Read(s.FD, b)
	if err != nil {
		return err.Error()
	}
	return string(b[:n])
}

func TestAnOutboxSendsInOrderAndTellsOfEach(t *testing.T) {
	o := newOutbox(t)
	from, _ := newSocket(t)
	to, at := newSocket(t)
	there := from.To(at)
	const packets = 2*OutboxSize + 3 // it goes out as often as it is full, and at the end
	var all [packets][]byte
	var c clerk
	for i := range all {
		all[i] = fmt.Append(nil, "packet ", i)
		o.Post(from, all[i], &there, &c)
		if want := i / OutboxSize * OutboxSize; c.sent != want {
			t.Fatalf("packet %d: %d were sent, want %d", i, c.sent, want)
		}
	}
	o.Flush()
	o.Flush()
	for i, want := range all {
		if got := to.text(t); got != string(want) {
			t.Fatalf("packet %d is %q, want %q", i, got, want)
		}
	}
	bytes := 0
	for _, b := range all {
		bytes += len(b)
	}
	if diff := cmp.Diff(clerk{sent: packets, bytes: bytes}, c, cmp.AllowUnexported(clerk{})); diff != "" {
		t.Error(diff)
	}
}

func TestAnOutboxTellsWhoseItWasThatTheKernelRefuses(t *testing.T) {
	o := newOutbox(t)
	from, _ := newSocket(t)
	to, at := newSocket(t)
	there, nowhere := from.To(at), from.To(netip.MustParseAddrPort("240.0.0.1:9")) // class E: no route has it
	var good, bad clerk
	o.Post(from, []byte("1"), &nowhere, &bad)
	o.Post(from, []byte("2"), &there, &good)
	o.Post(Socket{FD: -1}, []byte("3"), &there, &bad)
	o.Post(from, []byte("4"), &there, &good)
	o.Flush()
	if bad.failed != 2 || bad.sent != 0 || good.sent != 2 || good.failed != 0 {
		t.Errorf("what cannot be sent: %+v, want 2 failed; what can: %+v, want 2 sent", bad, good)
	}
	if first, second := to.text(t), to.text(t); first != "2" || second != "4" {
		t.Errorf("got %q and %q", first, second)
	}
}

func TestAListIsPostedInOneGo(t *testing.T) {
	o := newOutbox(t)
	from, _ := newSocket(t)
	var c, before clerk
	here, first := newSocket(t)
	_, second := newSocket(t)
	there := from.To(first)
	for range OutboxSize - 1 {
		o.Post(from, []byte("before"), &there, &before)
	}
	var l List
	l.Init(from, []netip.AddrPort{first, second})
	l.Post(from, []byte("list"), &c, o)
	if c.sent != 0 || before.sent != OutboxSize-1 {
		t.Errorf("of the list %d were sent, want 0: all of it waits for one Flush; of what was before %d", c.sent, before.sent)
	}
	o.Flush()
	if c.sent != 2 {
		t.Errorf("%+v, want 2 sent", c)
	}
	for range OutboxSize - 1 {
		if got := here.text(t); got != "before" {
			t.Fatalf("got %q", got)
		}
	}
	if got := here.text(t); got != "list" {
		t.Errorf("got %q", got)
	}
}
