package media

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
)

// newExchangeTest is an engine with an exchange, which every machine that tests run on has: Linux 6.0, and no policy that forbids io_uring.
func newExchangeTest(t testing.TB) (*Engine, *Exchange) {
	t.Helper()
	e := newTestEngine(t, Config{Exchanges: 1})
	x := e.Exchange()
	if x == nil {
		t.Fatal("no exchange: is there io_uring on this machine? (sysctl kernel.io_uring_disabled)")
	}
	t.Cleanup(func() {
		e.Return(x)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, x
}

// together is a tick of some legs up to their Receive.
func together(t testing.TB, x *Exchange, now time.Time, legs []*Leg, in func(i int) Inlet) {
	t.Helper()
	for _, l := range legs {
		l.FetchBy(x)
		l.SendBy(x)
	}
	x.Fetch()
	for i, l := range legs {
		if err := l.Receive(now, in(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnExchangeBringsWhatALegBrings(t *testing.T) {
	e, x := newExchangeTest(t)
	const legs = ExchangeLegs + 2 // two are on their own
	var ls []*Leg
	var ps []*peer
	for range legs {
		l, p := openLeg(t, e, "127.0.0.1"), newPeer(t, "127.0.0.1")
		configure(t, l, p.stream())
		ls, ps = append(ls, l), append(ps, p)
	}
	ears := make([]ear, legs)
	// Each leg has another number of packets: none, as many as are fetched, more than that, more than a batch.
	for i, p := range ps {
		for sequence := range uint16(i % 9) {
			p.send(p.rtp, packet(7, sequence), ls[i].Addr())
		}
	}
	for range 100 { // the loopback is at once; a machine that is busy may not be
		together(t, x, time.Now(), ls, func(i int) Inlet { return &ears[i] })
		if all := func() bool {
			for i := range ears {
				if len(ears[i].audio) < i%9-1 {
					return false
				}
			}
			return true
		}(); all {
			break
		}
	}
	for i := range ears {
		want := []uint16{}
		for sequence := uint16(1); sequence < uint16(i%9); sequence++ { // the first is probation
			want = append(want, sequence)
		}
		if got := ears[i].sequences(); !slices.Equal(got, want) {
			t.Errorf("leg %d was brought %v, want %v", i, got, want)
		}
	}
}

func TestAnExchangeLooksForRTCP(t *testing.T) {
	e, x := newExchangeTest(t)
	l, p := openLeg(t, e, "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	var in ear
	now := time.Now()
	p.send(p.rtp, packet(7, 1), l.Addr())
	p.send(p.rtp, packet(7, 2), l.Addr())
	for range 3 { // of which the exchange brings the first, and the leg itself the rest
		p.send(p.rtcp, marshalRTCP(t, &rtcp.SenderReport{SSRC: 7, NTPTime: 1 << 40}), nextPort(l.Addr()))
	}
	for range 2 * rtcpEvery {
		together(t, x, now, []*Leg{l}, func(int) Inlet { return &in })
	}
	if got := l.counters.rejected[reasonRTCP].Load(); got != 0 || len(in.audio) == 0 {
		t.Fatalf("%d reports were refused, and %d packets heard", got, len(in.audio))
	}
	if l.report.senderReport == 0 {
		t.Error("no report has come in")
	}
}

func marshalRTCP(t *testing.T, p rtcp.Packet) []byte {
	t.Helper()
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsSentTogetherIsWhatIsSentAlone(t *testing.T) {
	e, x := newExchangeTest(t)
	l, p := openLeg(t, e, "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	l.SendBy(x)
	for i := range 3 { // two of a leg do not wait together: the second would be written over the first
		l.Send(start.Add(time.Duration(i)*tick), fmt.Append(nil, "sound ", i), 160)
	}
	if l.posted == 0 || l.counters.out.Load() != 3 {
		t.Error("the last packet does not wait")
	}
	x.Flush()
	var got []string
	for range 3 {
		got = append(got, string(p.readRTP().Payload))
	}
	if diff := cmp.Diff([]string{"sound 0", "sound 1", "sound 2"}, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if l.posted != 0 || l.counters.outError.Load() != 0 {
		t.Error("a packet that was sent still waits, or counts as an error")
	}
}

func TestAPacketThatWaitsGoesOutBeforeTheLegCloses(t *testing.T) {
	e, x := newExchangeTest(t)
	l, err := e.Open(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	l.SendBy(x)
	l.Send(start, []byte("last words"), 160)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := p.readRTP(); string(got.Payload) != "last words" {
		t.Errorf("got %q", got.Payload)
	}
}

func TestAPacketThatTheKernelRefusesCountsAsAnError(t *testing.T) {
	e, x := newExchangeTest(t)
	l, p := openLeg(t, e, "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	s.Remote = netip.MustParseAddrPort("240.0.0.1:9") // class E: no route has it
	configure(t, l, s)
	l.SendBy(x)
	l.Send(start, []byte("sound"), 160)
	x.Flush()
	if got := l.counters.outError.Load(); got != 1 {
		t.Fatalf("%d errors, want 1: the kernel has taken it", got)
	}
	if l.counters.out.Load() != 0 || l.sender.packets != 0 || l.sender.octets != 0 || l.bytesOut != 0 {
		t.Errorf("it counts as sent: %d, %d packets of %d octets, %d bytes",
			l.counters.out.Load(), l.sender.packets, l.sender.octets, l.bytesOut)
	}
}

func TestExchangesAreLentToOneAtATime(t *testing.T) {
	e := newTestEngine(t, Config{Exchanges: 2})
	a, b := e.Exchange(), e.Exchange()
	if a == nil || b == nil || a == b {
		t.Fatalf("lent %p and %p, want two", a, b)
	}
	if c := e.Exchange(); c != nil {
		t.Errorf("a third one was lent: %p", c)
	}
	e.Return(a)
	e.Return(nil)
	if c := e.Exchange(); c != a {
		t.Errorf("lent %p, want %p again", c, a)
	}
	e.Return(a)
	e.Return(b)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if c := e.Exchange(); c != nil {
		t.Error("one was lent by an engine that is closed")
	}
}

func TestAnExchangeDoesNotAllocate(t *testing.T) {
	e, x := newExchangeTest(t)
	var legs []*Leg
	var peers []*peer
	for range ExchangeLegs + 1 {
		l, p := openLeg(t, e, "127.0.0.1"), newPeer(t, "127.0.0.1")
		configure(t, l, p.stream())
		legs, peers = append(legs, l), append(peers, p)
	}
	var in deaf
	sequence, sound, now := uint16(0), make([]byte, 160), start
	tickOnce := func() {
		sequence++
		now = now.Add(tick)
		for i := range 3 * len(peers) / 2 { // two to some
			p := peers[i%len(peers)]
			to := legs[i%len(peers)].Addr()
			b := packets[sequence]
			if _, err := p.rtp.WriteToUDPAddrPort(b, to); err != nil {
				t.Fatal(err)
			}
		}
		together(t, x, now, legs, func(int) Inlet { return &in })
		for _, l := range legs {
			l.Send(now, sound, 160)
		}
		x.Flush()
	}
	for range 20 {
		tickOnce()
	}
	if got := testing.AllocsPerRun(100, tickOnce); got != 0 {
		t.Errorf("%.1f allocations a tick", got)
	}
	if in.packets == 0 {
		t.Error("nothing was heard")
	}
}

// packets are made before they are counted.
var packets = func() [200][]byte {
	var ps [200][]byte
	for i := range ps {
		ps[i] = packet(7, uint16(i))
	}
	return ps
}()
