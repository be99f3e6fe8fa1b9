package media

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/confbridge/confbridge/media/internal/control"
	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/codec"
)

const (
	// packetsPerReceive bounds what one Receive takes; the rest waits for the next tick.
	packetsPerReceive = 32
	rtcpPerReceive    = 8
	// rtcpEvery is how many calls of Receive there are to one look at the RTCP socket.
	rtcpEvery = 5
	// dozeAfter is how long nothing has come of a peer who has us on hold, until its sockets are looked at as seldom as for RTCP.
	dozeAfter = time.Second
	// mostDiscarded is more than a socket's buffer holds.
	mostDiscarded = 8192
)

// Leg is one caller's RTP and RTCP. One goroutine owns it: who opened it, until it is handed to a room; then the
// room's. Profile, Receive, Send, Mixed, Observe and Close are what package rooms asks of a leg.
//
// Receive and Send do not allocate, whatever comes in, but for the peer's RTCP BYE and the error that ends a leg.
type Leg struct {
	engine    *Engine
	rtp, rtcp udp.Socket
	local     netip.AddrPort
	closed    bool
	outbox    *udp.Outbox // by which it sends; nil: by itself
	posted    int         // octets of payload of the packet of it that waits in outbox; 0: none does
	fetched   fetched
	hint      uint8 // see pool
	calls     uint8 // of Receive, up to rtcpEvery

	stream Stream
	types  [128]kind

	latch       latch
	source      source
	format      codec.Format // of the last Audio
	packetUnits int          // what it lasted, in units of its clock
	restart     bool         // the next Audio needs a Restart before it
	changed     bool         // the codec has changed in this Receive: a second change costs the receiver too much

	now   time.Time // of the last call
	came  time.Time // when something has come last, whatever it was; the first call stands for it
	alive time.Time // when the clock of Config.Timeout last started; zero before the first Receive

	group    *member // nil: of one caller
	sender   sender
	events   eventReceiver
	keys     keySender
	report   reporter
	conflict control.Conflicts
	counters counters

	bytesIn, bytesOut uint64
}

func newLeg(e *Engine, local netip.AddrPort, rtp, rtcp udp.Socket) *Leg {
	l := &Leg{engine: e, local: local, rtp: rtp, rtcp: rtcp, restart: true}
	l.sender.init()
	l.report.init()
	return l
}

// Addr is the local RTP address; RTCP is on the next port.
func (l *Leg) Addr() netip.AddrPort { return l.local }

// Profile is how Send's payloads are to be made. It is the zero Profile before Configure.
func (l *Leg) Profile() codec.Profile {
	if len(l.stream.Payloads) == 0 {
		return codec.Profile{}
	}
	return l.stream.Payloads[0].Profile
}

// Format is the codec of Profile.
func (l *Leg) Format() codec.Format { return l.Profile().Format }

// Expects is the format that sound is likely to come in: of the payload that is sent, at the rate at which it is decoded. It is the
// zero Format before Configure.
func (l *Leg) Expects() codec.Format {
	if len(l.stream.Payloads) == 0 {
		return codec.Format{}
	}
	return l.stream.Payloads[0].received()
}

// KeysInSound says whether keys are to be looked for in the sound; false before Configure.
func (l *Leg) KeysInSound() bool { return l.stream.KeysInSound }

// Configure sets or changes what was agreed (ErrInvalid, ErrClosed); on an error nothing has changed. A changed
// remote address ends the latch on the old one. The slices in s are kept and must not be written to afterwards.
func (l *Leg) Configure(s Stream) error {
	if l.closed {
		return ErrClosed
	}
	types, err := s.payloadTypes()
	if err != nil {
		return fmt.Errorf("configure leg: %w", err)
	}
	if l.group != nil && (s.Send || s.Mux || s.Remote.IsValid()) {
		return fmt.Errorf("configure leg: nothing can be sent to those who listen with us: %w", ErrInvalid)
	}
	remote, remoteRTCP, err := s.remotes(l.local.Addr())
	if err != nil {
		return fmt.Errorf("configure leg: %w", err)
	}
	if l.Format() != s.Payloads[0].Format {
		l.sender.talking = false
	}
	if s.Receive && !l.stream.Receive {
		l.restart, l.alive = true, time.Time{}
	}
	s.Remote, s.RemoteRTCP = remote, remoteRTCP
	l.sender.fit(s.Payloads[0].Format)
	l.stream, l.types = s, *types
	if udp.Reachable(remote) { // a hold by c=0.0.0.0 leaves the latch alone
		l.latch.signal(remote, l.now)
	}
	l.keys.configure(s.Events, s.Payloads[0].ClockRateHz)
	l.report.signal(remoteRTCP)
	l.report.extended.asked = s.Metrics
	l.aim()
	return nil
}

// aim points what is sent to where the peer is now believed to be.
func (l *Leg) aim() {
	l.sender.to = udp.Destination{}
	if l.group != nil {
		l.report.to = l.group.to
		return
	}
	if udp.Reachable(l.stream.Remote) {
		l.sender.to = l.rtp.To(l.latch.target())
	}
	l.report.to = l.sender.to
	if !l.stream.Mux {
		l.report.to = l.rtcp.To(l.report.addr)
	}
}

// Receive drains the sockets without waiting and hands on what is valid, in order of arrival, at most 32 packets a
// call. now is from time.Now, not reckoned from an earlier one: its wall clock is compared with the kernel's. It returns ErrTimeout when the peer should be heard and has not been for
// Config.Timeout, or Membership.Timeout, counted from the first call, ErrLoop (see Join), and ErrClosed. On hold (Stream.Receive false) that clock stands still.
func (l *Leg) Receive(now time.Time, in Inlet) error {
	if l.closed {
		return ErrClosed
	}
	l.begin(now)
	l.drain(now, in)
	l.events.expire(now, in)
	if l.report.due(l, now) {
		l.report.peer.Incoming = l.jitter()
		in.Report(l.report.peer.Peer)
	}
	return l.ended(now)
}

// drain takes in what has come: what an exchange has fetched, and what is left in the sockets.
func (l *Leg) drain(now time.Time, in Inlet) {
	wallNow := now.UnixNano()
	l.calls++
	lookRTCP := l.calls >= rtcpEvery
	if lookRTCP {
		l.calls = 0
	}
	lookRTP := true
	if l.fetched.by == nil && l.dozes() && !lookRTCP {
		return
	}
	if l.fetched.by != nil {
		all, allRTCP := l.fetched.take(l, now, wallNow, in)
		lookRTP, lookRTCP = !all, lookRTCP && !allRTCP
		if !lookRTP && !lookRTCP {
			return
		}
	}
	b := l.engine.borrow(&l.hint)
	if lookRTP {
		l.drainRTP(b, now, wallNow, in)
	}
	if lookRTCP {
		l.drainRTCP(b, now, wallNow, in)
	}
	l.engine.batches.give(b, l.hint)
}

// dozes says that the peer has us on hold and sends nothing itself: its first packet may wait for 100 ms, as nobody talks to somebody who hears nothing. A thousand such
// legs would else cost as many looks at empty sockets a tick.
func (l *Leg) dozes() bool {
	return !l.stream.Send && l.group == nil && l.now.Sub(l.came) > dozeAfter
}

func (l *Leg) drainRTP(b *batch, now time.Time, wallNow int64, in Inlet) {
	for taken := 0; taken < packetsPerReceive; taken += udp.BatchSize {
		n := b.Receive(l.rtp)
		for i := range n {
			l.handle(b.Packet(i, now, wallNow), now, &b.parsed, in)
		}
		if n < udp.BatchSize {
			return
		}
	}
}

// ended says why nothing more is to be expected, if that is so.
func (l *Leg) ended(now time.Time) error {
	timeout := l.engine.timeout
	if l.group != nil {
		if l.group.looped {
			return ErrLoop
		}
		timeout = l.group.Timeout
	}
	if l.stream.Receive && now.Sub(l.alive) > timeout {
		return fmt.Errorf("for %v: %w", timeout, ErrTimeout)
	}
	return nil
}

// Discard drops what has come in so far, without looking at it, and returns how many packets that were: early media, whose sender need not be the
// one who speaks later. It does not wait, and is not for the tick.
func (l *Leg) Discard() (packets int) {
	if l.closed {
		return 0
	}
	b := l.engine.borrow(&l.hint)
	for _, s := range [...]udp.Socket{l.rtp, l.rtcp} {
		for range mostDiscarded / udp.BatchSize {
			n := b.Receive(s)
			for i := range n {
				b.Reset(i)
			}
			packets += n
			if n < udp.BatchSize {
				break
			}
		}
	}
	l.engine.batches.give(b, l.hint)
	return packets
}

// begin starts the clocks that wait for the first call, or for the first one after a hold.
func (l *Leg) begin(now time.Time) {
	l.now, l.changed = now, false
	if l.came.IsZero() {
		l.came = now
	}
	if l.alive.IsZero() || !l.stream.Receive {
		l.alive = now
		l.latch.rest(now)
	}
	l.report.begin(now)
}

func (l *Leg) drainRTCP(b *batch, now time.Time, wallNow int64, in Inlet) {
	for taken := 0; taken < rtcpPerReceive; taken += udp.BatchSize {
		n := b.Receive(l.rtcp)
		for i := range n {
			l.handleRTCPPacket(b.Packet(i, now, wallNow), now, &b.parsed, in)
		}
		if n < udp.BatchSize {
			return
		}
	}
}

// handleRTCPPacket takes one packet off the RTCP socket.
func (l *Leg) handleRTCPPacket(p udp.Packet, now time.Time, into *parsed, in Inlet) {
	if l.stream.Mux {
		l.reject(reasonRTCPSource)
		return
	}
	l.reject(l.handleRTCP(p, now, into, in))
}

// reject counts a packet that was not taken; accepted counts nothing.
func (l *Leg) reject(why reason) {
	if why != accepted {
		l.counters.rejected[why].Add(1)
	}
}

// Close sends RTCP BYE, closes the sockets and gives the ports back. More calls do nothing.
func (l *Leg) Close() error {
	if l.closed {
		return nil
	}
	if l.posted != 0 {
		l.outbox.Flush()
	}
	l.report.bye(l, l.sender.ssrc)
	l.closed = true
	err := l.rtp.Close()
	if e := l.rtcp.Close(); err == nil {
		err = e
	}
	l.engine.forget(l)
	return err
}
