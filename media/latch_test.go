package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/codec"
)

var (
	signalledAddr = netip.MustParseAddrPort("127.0.0.1:4000")
	natAddr       = netip.MustParseAddrPort("127.0.0.2:5000")
	newAddr       = netip.MustParseAddrPort("127.0.0.3:6000")
	strangerAddr  = netip.MustParseAddrPort("127.0.0.66:6666")
)

// scene is a leg that is told what comes in, on a clock of its own.
type scene struct {
	t   *testing.T
	l   *Leg
	s   Stream
	now time.Time
	ear ear
}

func newScene(t *testing.T) *scene {
	t.Helper()
	c := &scene{t: t, l: openLeg(t, newTestEngine(t, Config{Timeout: time.Hour}), "127.0.0.1"), now: start}
	c.s = Stream{
		Remote: signalledAddr, Send: true, Receive: true,
		Payloads: []Payload{{0, 0, 0, codec.Profile{Format: pcmu}}}, Events: []EventPayload{{101, 101, 8000}},
	}
	configure(t, c.l, c.s)
	c.wait(0)
	return c
}

// wait lets time pass.
func (c *scene) wait(d time.Duration) {
	c.t.Helper()
	c.now = c.now.Add(d)
	if err := c.l.Receive(c.now, &c.ear); err != nil {
		c.t.Fatal(err)
	}
}

// rtp brings n packets from sequence on, one every 20 ms, and says what became of the last.
func (c *scene) rtp(from netip.AddrPort, ssrc uint32, sequence uint16, n int) (why reason) {
	c.t.Helper()
	for i := range uint16(n) {
		why = c.l.inject(packet(ssrc, sequence+i), from, c.now, &c.ear)
		c.wait(tick)
	}
	return why
}

// goesTo checks where media goes.
func (c *scene) goesTo(want netip.AddrPort) {
	c.t.Helper()
	if got := c.l.latch.target(); got != want || c.l.sender.to != c.l.rtp.To(want) {
		c.t.Errorf("media goes to %v, want %v", got, want)
	}
}

// is checks what became of a packet.
func (c *scene) is(got, want reason) {
	c.t.Helper()
	if got != want {
		c.t.Errorf("got %q, want %q", reasonNames[got], reasonNames[want])
	}
}

func TestMediaGoesWhereSDPSaysUntilSomethingComes(t *testing.T) {
	c := newScene(t)
	c.goesTo(signalledAddr)
	c.is(c.rtp(natAddr, 7, 100, 1), reasonProbation)
	c.is(c.rtp(natAddr, 7, 101, 1), reasonProbation)
	c.goesTo(signalledAddr)
	c.is(c.rtp(natAddr, 7, 102, 1), accepted)
	c.goesTo(natAddr)
}

func TestTheSignalledAddressNeedsTwoPackets(t *testing.T) {
	c := newScene(t)
	c.is(c.rtp(signalledAddr, 7, 100, 1), reasonProbation)
	c.is(c.rtp(signalledAddr, 7, 101, 1), accepted)
	c.goesTo(signalledAddr)
}

func TestPacketsOutOfSequenceLatchNothing(t *testing.T) {
	c := newScene(t)
	for i := range uint16(50) {
		c.is(c.rtp(natAddr, 7, 100+i*2, 1), reasonProbation)
	}
	for i := range uint32(50) {
		c.is(c.rtp(natAddr, 7+i, 100+uint16(i), 1), reasonProbation)
	}
	c.goesTo(signalledAddr)
}

func TestUnnegotiatedPayloadTypesLatchNothing(t *testing.T) {
	c := newScene(t)
	for i := range uint16(20) {
		b := packet(7, i)
		b[1] = 33
		c.is(c.l.inject(b, strangerAddr, c.now, &c.ear), reasonPayloadType)
	}
	c.goesTo(signalledAddr)
}

func TestAStrangerIsNotObeyedWhileTheSourceIsAlive(t *testing.T) {
	c := newScene(t)
	c.rtp(natAddr, 7, 100, 5)
	for i := range uint16(1000) { // 20 s, the stranger twice as fast
		c.is(c.rtp(natAddr, 7, 105+i, 1), accepted)
		c.is(c.l.inject(packet(66, 2*i), strangerAddr, c.now, &c.ear), reasonSource)
		c.is(c.l.inject(packet(66, 2*i+1), strangerAddr, c.now, &c.ear), reasonSource)
		// Not even with the source's own SSRC and sequence.
		c.is(c.l.inject(packet(7, 106+i), strangerAddr, c.now, &c.ear), reasonSource)
	}
	c.goesTo(natAddr)
	if len(c.ear.restarts) != 1 {
		t.Errorf("got %d restarts, want 1", len(c.ear.restarts))
	}
}

func TestAStrangerWhoWasFirstLosesToTheSignalledAddress(t *testing.T) {
	c := newScene(t)
	c.is(c.rtp(strangerAddr, 66, 1, 10), accepted)
	c.goesTo(strangerAddr)
	for i := range uint16(2) { // the stranger does not stop
		c.is(c.rtp(strangerAddr, 66, 11+i, 1), accepted)
		c.rtp(signalledAddr, 7, 100+i, 1)
	}
	c.goesTo(signalledAddr)
	c.is(c.rtp(strangerAddr, 66, 13, 20), reasonSource)
	c.is(c.rtp(signalledAddr, 7, 102, 1), accepted)
}

func TestTheSignalledAddressWinsATie(t *testing.T) {
	c := newScene(t)
	c.rtp(strangerAddr, 66, 1, 2)
	c.is(c.rtp(signalledAddr, 7, 100, 1), reasonProbation)
	c.is(c.rtp(strangerAddr, 66, 3, 1), reasonSource)
	c.is(c.rtp(signalledAddr, 7, 101, 1), accepted)
	c.goesTo(signalledAddr)
}

func TestManyStrangersDoNotPushTheSignalledAddressOut(t *testing.T) {
	c := newScene(t)
	c.rtp(signalledAddr, 7, 100, 1)
	for i := range uint16(100) {
		c.l.inject(packet(uint32(i), i), netip.AddrPortFrom(strangerAddr.Addr(), 1000+i), c.now, &c.ear)
	}
	c.is(c.rtp(signalledAddr, 7, 101, 1), accepted)
}

func TestAFewStrangersDoNotKeepTheSourceBehindANATOut(t *testing.T) {
	c := newScene(t)
	for i := range uint16(2) {
		c.rtp(natAddr, 7, 100+i, 1)
		for port := range uint16(3) { // out of sequence, so that they latch nothing themselves
			c.l.inject(packet(66, 7*i), netip.AddrPortFrom(strangerAddr.Addr(), 1000+port), c.now, &c.ear)
		}
	}
	c.is(c.rtp(natAddr, 7, 102, 1), accepted)
	c.goesTo(natAddr)
}

func TestProbationBeginsAnewWithAChangedAddress(t *testing.T) {
	c := newScene(t)
	c.rtp(strangerAddr, 66, 1, 2)
	c.s.Remote = newAddr
	configure(t, c.l, c.s)
	c.is(c.rtp(strangerAddr, 66, 3, 1), reasonProbation)
	c.goesTo(newAddr)
}

func TestAfterFiveSecondsOfSilenceAnotherMayTakeOver(t *testing.T) {
	c := newScene(t)
	c.rtp(natAddr, 7, 100, 5)
	c.wait(silence - 2*tick)
	c.is(c.rtp(newAddr, 8, 1, 1), reasonSource)
	c.wait(tick)
	c.is(c.rtp(newAddr, 8, 2, 1), reasonSource)
	c.is(c.rtp(newAddr, 8, 3, 1), accepted)
	c.goesTo(newAddr)
	if len(c.ear.restarts) != 2 {
		t.Errorf("got %d restarts, want 2", len(c.ear.restarts))
	}
}

func TestTheSourceReturnsIfNobodyPassedProbation(t *testing.T) {
	c := newScene(t)
	c.rtp(natAddr, 7, 100, 5)
	c.wait(silence + tick)
	c.rtp(strangerAddr, 66, 1, 2)
	c.is(c.rtp(natAddr, 7, 105, 1), accepted)
	c.is(c.rtp(strangerAddr, 66, 3, 1), reasonSource)
	c.goesTo(natAddr)
}

func TestAQuietCallerAtTheSignalledAddressIsNeverHandedOver(t *testing.T) {
	c := newScene(t)
	c.rtp(signalledAddr, 7, 100, 5)
	for range 30 {
		c.wait(time.Minute)
		c.is(c.rtp(strangerAddr, 66, 1, 50), reasonSource)
	}
	c.goesTo(signalledAddr)
	// The same sender from elsewhere: its SSRC, its sequence going on.
	c.is(c.rtp(newAddr, 7, 90, 3), reasonSource)
	c.is(c.rtp(newAddr, 7, 110, 3), accepted)
	c.goesTo(newAddr)
}

func TestACallerWhoSendsOnlyRTCPIsAlive(t *testing.T) {
	c := newScene(t)
	c.rtp(natAddr, 7, 100, 5)
	for range 10 {
		c.wait(6 * time.Second)
		report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 7}})
		if err != nil {
			t.Fatal(err)
		}
		c.is(c.l.handleRTCP(udp.Packet{Data: report, From: nextPort(natAddr), At: c.now}, c.now, new(parsed), new(ear)), accepted)
		c.is(c.rtp(strangerAddr, 66, 1, 50), reasonSource)
	}
	c.goesTo(natAddr)
}

func TestOnHoldNobodyTakesOver(t *testing.T) {
	c := newScene(t)
	c.rtp(natAddr, 7, 100, 5)
	c.s.Receive = false
	configure(t, c.l, c.s)
	c.wait(time.Hour)
	c.is(c.rtp(strangerAddr, 66, 1, 50), reasonSource)
	c.s.Receive = true
	configure(t, c.l, c.s)
	c.wait(tick)
	c.is(c.rtp(strangerAddr, 66, 51, 50), reasonSource)
	c.is(c.rtp(natAddr, 7, 105, 1), accepted)
	c.goesTo(natAddr)
}

func TestAChangedAddressOpensTheLatch(t *testing.T) {
	c := newScene(t)
	c.rtp(signalledAddr, 7, 100, 5)
	c.s.Remote = netip.MustParseAddrPort("127.0.0.9:9000")
	configure(t, c.l, c.s)
	c.goesTo(c.s.Remote)
	c.is(c.rtp(signalledAddr, 7, 105, 1), accepted) // the old source is heard until there is a new one
	c.goesTo(c.s.Remote)
	c.is(c.rtp(newAddr, 8, 1, 3), accepted) // behind a NAT, not where SDP said
	c.goesTo(newAddr)
	c.is(c.rtp(signalledAddr, 7, 106, 5), reasonSource)
}

func TestAnOpenLatchIsFixedAgainIfNobodyComes(t *testing.T) {
	c := newScene(t)
	c.rtp(natAddr, 7, 100, 5)
	c.s.Remote = netip.MustParseAddrPort("127.0.0.9:9000")
	configure(t, c.l, c.s)
	c.is(c.rtp(natAddr, 7, 105, 300), accepted)
	c.goesTo(natAddr)
	c.is(c.rtp(strangerAddr, 66, 1, 50), reasonSource)
	c.is(c.rtp(natAddr, 7, 405, 1), accepted)
	c.goesTo(natAddr)
}

func TestAnUnchangedAddressKeepsTheLatch(t *testing.T) {
	c := newScene(t)
	c.rtp(natAddr, 7, 100, 5)
	configure(t, c.l, c.s)
	hold := c.s
	hold.Remote = netip.MustParseAddrPort("0.0.0.0:4000")
	configure(t, c.l, hold)
	configure(t, c.l, c.s)
	c.goesTo(natAddr)
	c.is(c.rtp(strangerAddr, 66, 1, 50), reasonSource)
}

func TestAnotherSSRCOfTheSource(t *testing.T) {
	c := newScene(t)
	c.rtp(signalledAddr, 7, 100, 5)
	c.is(c.rtp(signalledAddr, 8, 40000, 1), reasonSSRC)
	c.is(c.rtp(signalledAddr, 8, 40001, 1), accepted)
	if len(c.ear.restarts) != 2 {
		t.Errorf("got %d restarts, want 2", len(c.ear.restarts))
	}
	// Two at once: the one that is heard stays.
	for i := range uint16(50) {
		c.is(c.rtp(signalledAddr, 8, 40002+i, 1), accepted)
		c.is(c.rtp(signalledAddr, 9, i, 1), reasonSSRC)
	}
}

func TestRTCPIsLatchedToThePeer(t *testing.T) {
	c := newScene(t)
	report := func(ssrc uint32, from netip.AddrPort) reason {
		b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: ssrc}})
		if err != nil {
			t.Fatal(err)
		}
		return c.l.handleRTCP(udp.Packet{Data: b, From: from, At: c.now}, c.now, new(parsed), new(ear))
	}
	c.is(report(7, strangerAddr), reasonRTCPSource)
	c.is(report(7, nextPort(natAddr)), reasonRTCPSource)
	c.rtp(natAddr, 7, 1, 5)
	c.is(report(8, nextPort(natAddr)), reasonRTCPSource)
	c.is(report(7, netip.MustParseAddrPort("127.0.0.2:5555")), accepted)
	if want := c.l.rtcp.To(netip.MustParseAddrPort("127.0.0.2:5555")); c.l.report.to != want {
		t.Error("reports do not go where the peer's come from")
	}
	c.is(report(7, nextPort(natAddr)), reasonRTCPSource)
	c.is(report(7, nextPort(signalledAddr)), accepted)
	if want := c.l.rtcp.To(nextPort(signalledAddr)); c.l.report.to != want {
		t.Error("the signalled address does not win")
	}
}
