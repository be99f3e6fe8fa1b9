package multicast

import (
	"errors"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media"
)

// pump has ticks pass until an event comes.
func pump(t *testing.T, s *Sender, x *media.Exchange, events <-chan Event) Event {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		select {
		case e := <-events:
			return e
		case <-time.After(time.Millisecond):
			turn(s, x, time.Now(), []byte{1})
		}
	}
	t.Fatal("nothing is told")
	return Event{}
}

// TestAnInterfaceGoesAndComesBack unplugs, takes down and removes it: each time the stream goes on.
func TestAnInterfaceGoesAndComesBack(t *testing.T) {
	n := newNetwork(t)
	t.Parallel()
	for name, x := range ways(t) {
		t.Run(name, func(t *testing.T) { goAndComeBack(t, n, x) })
	}
}

func goAndComeBack(t *testing.T, n *network, x *media.Exchange) {
	if err := n.plug(other); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run("link del e0") })
	cfg := config(groups[0].group)
	cfg.Path.Interface, cfg.every = other.here, 50*time.Millisecond
	events := make(chan Event, 10)
	cfg.Notify = func(e Event) { events <- e }
	s := open(t, cfg)
	ssrc := s.header.SSRC
	for _, c := range []struct {
		name       string
		down, back func() error
	}{
		{"taken down", func() error { return run("link set e0 down") }, func() error { return errors.Join(run("link set e0 up"), ready("e0")) }},
		{"removed", func() error { return run("link del e0") }, func() error { return n.plug(other) }},
	} {
		if err := c.down(); err != nil {
			t.Fatal(err)
		}
		e := pump(t, s, x, events)
		if e.Kind != Down || e.Err == nil || s.Stats().Up {
			t.Errorf("%s: got %+v", c.name, e)
		}
		s.Tick(time.Now())
		sequence, errs := s.sequence, s.Stats().SendErrors
		turn(s, x, time.Now(), []byte{1})
		if s.sequence != sequence+1 || s.Stats().SendErrors != errs+1 {
			t.Errorf("%s: while it is down the sequence does not go on, or it is not counted", c.name)
		}
		if err := c.back(); err != nil {
			t.Fatal(err)
		}
		heard := n.listenBy(t, other, cfg.Group)
		if e := pump(t, s, x, events); e.Kind != Up || e.SSRC != ssrc || !s.Stats().Up {
			t.Errorf("%s: got %+v", c.name, e)
		}
		turn(s, x, time.Now(), []byte{1})
		if p := heard.rtp(); p.SSRC != ssrc || p.SequenceNumber-sequence == 0 || p.SequenceNumber-sequence >= s.sequence-sequence { // pump may have sent the first
			t.Errorf("%s: got %v", c.name, p)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotThereIsWaitedForWherePatient(t *testing.T) {
	newNetwork(t)
	t.Parallel()
	cfg := config(groups[0].group)
	cfg.Path.Interface, cfg.every = "d0", 50*time.Millisecond
	if _, err := Open(cfg); !errors.Is(err, ErrPath) {
		t.Errorf("got %v, want ErrPath", err)
	}
	cfg.Patient = true
	events := make(chan Event, 10)
	cfg.Notify = func(e Event) { events <- e }
	s := open(t, cfg)
	if s.Stats().Up {
		t.Error("up without an interface")
	}
	mustRun(t, "link add d0 type veth peer name d1", "addr add 10.78.0.1/24 dev d0", "link set d1 up", "link set d0 up")
	t.Cleanup(func() { _ = run("link del d0") })
	if e := pump(t, s, nil, events); e.Kind != Up {
		t.Errorf("got %+v", e)
	}
}

// TestAnInterfaceComesBackInARest: no tick comes then, and the first packets of a page must not be lost by it.
func TestAnInterfaceComesBackInARest(t *testing.T) {
	newNetwork(t)
	t.Parallel()
	mustRun(t, "link add r0 type veth peer name r1", "addr add 10.79.0.1/24 dev r0", "link set r1 up", "link set r0 up")
	t.Cleanup(func() { _ = run("link del r0") })
	if err := ready("r0"); err != nil {
		t.Fatal(err)
	}
	cfg := config(groups[0].group)
	cfg.Path.Interface, cfg.every = "r0", 50*time.Millisecond
	events := make(chan Event, 10)
	cfg.Notify = func(e Event) { events <- e }
	s := open(t, cfg)
	s.Tick(time.Now())
	s.Send(time.Now(), []byte{1}, 160)
	s.Rest(time.Now())
	next := func() Event {
		t.Helper()
		select {
		case e := <-events:
			return e
		case <-time.After(20 * time.Second):
			t.Fatal("nothing is told")
		}
		return Event{}
	}
	for range 2 { // what has come back and was not used may go too
		mustRun(t, "link set r0 down")
		if e := next(); e.Kind != Down {
			t.Errorf("got %+v, want it down", e)
		}
		mustRun(t, "link set r0 up")
		if e := next(); e.Kind != Up {
			t.Errorf("got %+v, want it up", e)
		}
	}
	now, errs := time.Now(), s.Stats().SendErrors
	s.Tick(now)
	s.Send(now, []byte{1}, 160)
	if got := s.Stats(); got.SendErrors != errs || got.Packets != 2 {
		t.Errorf("the first packet after the rest is lost: %+v", got)
	}
}

// TestWhatMayNotBeSentIsToldOfOnce: sockets can be opened where a firewall or a route forbids to send by them.
func TestWhatMayNotBeSentIsToldOfOnce(t *testing.T) {
	newNetwork(t)
	t.Parallel()
	for name, x := range ways(t) {
		t.Run(name, func(t *testing.T) { forbidAndAllow(t, x) })
	}
}

func forbidAndAllow(t *testing.T, x *media.Exchange) {
	mustRun(t, "route add prohibit 10.81.0.9/32")
	events := make(chan Event, 100)
	s := open(t, Config{
		Listeners: []netip.AddrPort{netip.MustParseAddrPort("10.81.0.9:5004")}, Profile: pcmu, Path: Path{Source: groups[0].here},
		Notify: func(e Event) { events <- e }, every: 10 * time.Millisecond,
	})
	if e := pump(t, s, x, events); e.Kind != Down || !errors.Is(e.Err, errSends) {
		t.Fatalf("got %+v, want it down", e)
	}
	for again := s.Stats().SendErrors + 500; s.Stats().SendErrors < again; { // sockets have been opened many times by then
		turn(s, x, time.Now(), []byte{1})
		runtime.Gosched()
	}
	if s.Stats().Up || len(events) > 0 {
		t.Errorf("up: %v, and %d events; nothing could be sent", s.Stats().Up, len(events))
	}
	mustRun(t, "route del prohibit 10.81.0.9/32", "route add 10.81.0.9/32 via "+groups[0].there.String())
	t.Cleanup(func() { _ = run("route del 10.81.0.9/32 via " + groups[0].there.String()) })
	if e := pump(t, s, x, events); e.Kind != Up || s.Stats().Packets == 0 {
		t.Errorf("got %+v, %+v, want it up", e, s.Stats())
	}
}
