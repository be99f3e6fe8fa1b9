package media

import (
	"bytes"
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
)

func TestSoundGoesBothWays(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		t.Run(ip, func(t *testing.T) {
			l, p := openLeg(t, newTestEngine(t, Config{}), ip), newPeer(t, ip)
			configure(t, l, p.stream())
			var e ear
			for i := range uint16(5) {
				p.send(p.rtp, packet(7, 65533+i), l.Addr())
			}
			until(t, l, start, &e, func() bool { return len(e.audio) == 4 })
			if want := []uint16{65534, 65535, 0, 1}; !slices.Equal(e.sequences(), want) {
				t.Errorf("got sequence %v, want %v: the first is probation", e.sequences(), want)
			}
			if e.early || !slices.Equal(e.restarts, []codec.Format{pcmu}) {
				t.Errorf("got restarts %v, early %v, want one before the first packet", e.restarts, e.early)
			}
			if got := e.audio[0]; got.Samples != 160 || got.Timestamp != 65534*160 || !bytes.Equal(got.Payload, bytes.Repeat([]byte{254}, 160)) {
				t.Errorf("got %+v", got)
			}
			for i := range 3 {
				l.Send(start.Add(time.Duration(i)*tick), []byte("sound"), 160)
			}
			first := p.readRTP()
			if first.SSRC != l.sender.ssrc || !first.Marker || first.PayloadType != 0 || string(first.Payload) != "sound" {
				t.Errorf("got first packet %v", first)
			}
			for i := range uint16(2) {
				got := p.readRTP()
				if got.SequenceNumber != first.SequenceNumber+1+i || got.Timestamp != first.Timestamp+160*uint32(1+i) || got.Marker {
					t.Errorf("got packet %d after the first: %v", i+1, got)
				}
			}
		})
	}
}

func TestArrivalIsTheKernelsTime(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	before := time.Now()
	for i := range uint16(3) {
		p.send(p.rtp, packet(7, i), l.Addr())
	}
	after := time.Now()
	var e ear
	// The tick is late by 3 s; what the packets say of their arrival must not be.
	until(t, l, after.Add(3*time.Second), &e, func() bool { return len(e.audio) == 2 })
	for _, got := range e.audio {
		if got.Arrival.Before(before.Add(-time.Second)) || got.Arrival.After(after.Add(time.Second)) {
			t.Errorf("got arrival %v, want between %v and %v", got.Arrival, before, after)
		}
	}
}

func TestSilenceAdvancesTheTimestampAlone(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	configure(t, l, s)
	l.Send(start, []byte{1}, 160)
	first := p.readRTP()
	l.Send(start, nil, 160)
	l.Send(start, nil, 160)
	l.Send(start, []byte{2}, 160)
	if got := p.readRTP(); got.SequenceNumber != first.SequenceNumber+1 || got.Timestamp != first.Timestamp+480 || !got.Marker {
		t.Errorf("after a pause got %v, want the next sequence number, timestamp +480, marker", got)
	}
	s.Send = false
	configure(t, l, s)
	l.Send(start, []byte{3}, 160)
	if !p.quiet(p.rtp) {
		t.Error("sent while Send is false")
	}
	s.Send = true
	hold := s
	hold.Remote = netip.MustParseAddrPort("0.0.0.0:4000")
	configure(t, l, hold)
	l.Send(start, []byte{4}, 160)
	configure(t, l, s)
	l.Send(start, []byte{5}, 160)
	if got := p.readRTP(); got.Timestamp != first.Timestamp+6*160 || got.SequenceNumber != first.SequenceNumber+2 || !got.Marker || got.Payload[0] != 5 {
		t.Errorf("after holds got %v, want timestamp +960, sequence +2, marker", got)
	}
}

func TestPacketsOfAnyLength(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	var in ear
	at := l.sender.next
	ts := uint32(0)
	for i, ms := range []int{10, 20, 30, 40, 60, 100, 120, 120} {
		units := 8 * ms
		if ms <= 60 { // no longer ones are sent
			l.Send(start, make([]byte, units), units)
			if got := p.readRTP(); got.Timestamp != at || len(got.Payload) != units || got.Marker != (i == 0) {
				t.Errorf("%d ms: got timestamp +%d, %d bytes, marker %v", ms, got.Timestamp-at, len(got.Payload), got.Marker)
			}
			at += uint32(units)
		}
		l.inject(marshal(rtp.Packet{
			Header:  rtp.Header{Version: 2, SSRC: 7, SequenceNumber: uint16(i), Timestamp: ts},
			Payload: make([]byte, units),
		}), addrOf(p.rtp), start, &in)
		ts += uint32(units)
	}
	ts = 80 // the first was probation
	for i, ms := range []int{20, 30, 40, 60, 100, 120, 120} {
		if got := in.audio[i]; got.Samples != 8*ms || len(got.Payload) != 8*ms || got.Timestamp != ts {
			t.Errorf("%d ms came in as %d samples of %d bytes at %d", ms, got.Samples, len(got.Payload), got.Timestamp)
		}
		ts += uint32(8 * ms)
	}
	long := marshal(rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 7, SequenceNumber: 8, Timestamp: ts}, Payload: make([]byte, 8*130)})
	if why := l.inject(long, addrOf(p.rtp), start, &in); why != reasonPayload {
		t.Errorf("130 ms got %q, want them refused", reasonNames[why])
	}
}

func TestTimeout(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{Timeout: time.Second}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	configure(t, l, s)
	var e ear
	at := func(d time.Duration) error { return l.Receive(start.Add(d), &e) }
	if err := at(0); err != nil {
		t.Fatal(err)
	}
	if err := at(time.Second); err != nil {
		t.Errorf("after exactly the timeout got %v", err)
	}
	if err := at(time.Second + tick); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v, want ErrTimeout", err)
	}
	s.Receive = false
	configure(t, l, s)
	if err := at(time.Hour); err != nil {
		t.Errorf("on hold got %v", err)
	}
	s.Receive = true
	configure(t, l, s)
	if err := at(2 * time.Hour); err != nil {
		t.Errorf("at the first call after a hold got %v", err)
	}
	if err := at(2*time.Hour + 2*time.Second); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v, want ErrTimeout", err)
	}
	// Garbage is no sign of life.
	configure(t, l, s)
	p.send(p.rtp, []byte("garbage, 12 bytes and more"), l.Addr())
	until2 := func() bool { return l.counters.rejected[reasonVersion].Load() == 1 }
	for range tries {
		_ = at(2*time.Hour + 2*time.Second)
		if until2() {
			break
		}
		runtime.Gosched()
	}
	if err := at(2*time.Hour + 2*time.Second); !until2() || !errors.Is(err, ErrTimeout) {
		t.Errorf("after garbage got %v, want ErrTimeout", err)
	}
}

func TestReportsKeepALegAlive(t *testing.T) {
	c := newScene(t)
	c.rtp(signalledAddr, 7, 1, 3)
	report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 7}})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 { // muted for ten timeouts, but there
		c.wait(time.Hour - time.Second)
		c.l.handleRTCP(udp.Packet{Data: report, From: nextPort(signalledAddr), At: c.now}, c.now, new(parsed), new(ear))
	}
	c.wait(time.Hour)
	if err := c.l.Receive(c.now.Add(time.Second), &c.ear); !errors.Is(err, ErrTimeout) {
		t.Errorf("an hour after the last report got %v, want ErrTimeout", err)
	}
}

func TestHoldDropsSoundAndRestartsAfterwards(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	s := p.stream()
	configure(t, l, s)
	var e ear
	feed := func(seq uint16) reason { return l.inject(packet(7, seq), addrOf(p.rtp), start, &e) }
	feed(1)
	feed(2)
	s.Receive = false
	configure(t, l, s)
	if why := feed(3); why != reasonOnHold {
		t.Errorf("on hold got %q", reasonNames[why])
	}
	s.Receive = true
	configure(t, l, s)
	feed(4)
	if want := []uint16{2, 4}; !slices.Equal(e.sequences(), want) || len(e.restarts) != 2 {
		t.Errorf("got %v with %d restarts, want %v with 2", e.sequences(), len(e.restarts), want)
	}
}

// inject hands the leg a packet as if it had come in.
func (l *Leg) inject(b []byte, from netip.AddrPort, now time.Time, in Inlet) reason {
	var h rtp.Header
	return l.handleRTP(udp.Packet{Data: bytes.Clone(b), From: from, At: now}, now, &h, in)
}

func TestAPayloadTypeThatChangesRestarts(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	var e ear
	feed := func(pt uint8, seq uint16) reason {
		b := packet(7, seq)
		b[1] = pt
		return l.inject(b, addrOf(p.rtp), start, &e)
	}
	feed(0, 1)
	feed(0, 2)
	feed(8, 4)
	if why := feed(0, 3); why != reasonSequence {
		t.Errorf("a late packet of the old codec got %v, want it dropped", reasonNames[why])
	}
	feed(8, 5)
	if why := feed(9, 6); why != reasonPayloadType {
		t.Errorf("an unknown payload type got %q", reasonNames[why])
	}
	if diff := cmp.Diff([]codec.Format{pcmu, pcma}, e.restarts); diff != "" {
		t.Error(diff)
	}
	if want := []uint16{2, 4, 5}; !slices.Equal(e.sequences(), want) {
		t.Errorf("got %v, want %v", e.sequences(), want)
	}
}

// TestWhatComesIsDecodedAtTheRateOfThePeersCapture: Opus is sent at one rate and decoded at another (RFC 7587 §6.1).
func TestWhatComesIsDecodedAtTheRateOfThePeersCapture(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	narrow, wide := opus, opus
	narrow.SampleRateHz, wide.SampleRateHz = 8000, 16000
	s := l.stream
	s.Payloads = []Payload{{ReceiveType: 96, SendType: 96, ReceiveRateHz: 16000, Profile: codec.Profile{Format: narrow}}}
	if err := l.Configure(s); err != nil {
		t.Fatal(err)
	}
	var in ear
	for seq := range uint16(3) {
		b := marshal(rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: 96, SSRC: 7, SequenceNumber: seq, Timestamp: uint32(seq) * 960},
			Payload: []byte{0x08, 1, 2, 3}, // SILK, a narrow band, 20 ms
		})
		l.inject(b, signalledAddr, start, &in)
	}
	if want := []codec.Format{wide}; !slices.Equal(in.restarts, want) || len(in.audio) != 2 {
		t.Errorf("got restarts %v and %d packets, want %v and 2", in.restarts, len(in.audio), want)
	}
	if got := l.Profile().Format; got != narrow {
		t.Errorf("it sends %v, want %v", got, narrow)
	}
	s.Payloads = []Payload{{ReceiveType: 96, SendType: 96, ReceiveRateHz: 24000, Profile: codec.Profile{Format: narrow}}}
	if err := l.Configure(s); !errors.Is(err, ErrInvalid) || !errors.Is(err, codec.ErrFormat) {
		t.Errorf("24000 Hz: got %v, want %v", err, ErrInvalid)
	}
}

func TestConfigureRefuses(t *testing.T) {
	l := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1")
	good := Stream{Remote: netip.MustParseAddrPort("127.0.0.1:9"), Payloads: []Payload{{0, 0, 0, codec.Profile{Format: pcmu}}}}
	configure(t, l, good)
	for name, change := range map[string]func(*Stream){
		"no payload type":          func(s *Stream) { s.Payloads = nil },
		"a payload type above 127": func(s *Stream) { s.Payloads = []Payload{{128, 0, 0, codec.Profile{Format: pcmu}}} },
		"one number for two":       func(s *Stream) { s.Events = []EventPayload{{0, 0, 8000}} },
		"an event without a clock": func(s *Stream) { s.Events = []EventPayload{{101, 101, 0}} },
		"a codec it does not know": func(s *Stream) {
			s.Payloads = []Payload{{9, 9, 0, codec.Profile{Format: codec.Format{Name: "G729", ClockRateHz: 8000}}}}
		},
		"comfort noise under a number that is taken": func(s *Stream) { s.Noise, s.Events = 101, []EventPayload{{101, 101, 8000}} },
		"a level under an id that is none":           func(s *Stream) { s.LevelID = 15 },
		"levels under an id that is none":            func(s *Stream) { s.MixID = 15 },
		"an address of other kind":                   func(s *Stream) { s.Remote = netip.MustParseAddrPort("[::1]:9") },
		"another for RTCP likewise":                  func(s *Stream) { s.RemoteRTCP = netip.MustParseAddrPort("[::1]:9") },
	} {
		s := good
		change(&s)
		if err := l.Configure(s); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	if l.Format() != pcmu {
		t.Errorf("after refusals the format is %v", l.Format())
	}
}

func TestALegThatIsNotConfiguredHearsNothing(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	for seq := range uint16(5) {
		p.send(p.rtp, packet(7, seq), l.Addr())
	}
	p.send(p.rtcp, []byte{0x80, 201, 0, 1, 0, 0, 0, 7}, nextPort(l.Addr()))
	var e ear
	until(t, l, start, &e, func() bool { return l.counters.rejected[reasonNotConfigured].Load() == 6 })
	l.Send(start, []byte{1}, 160)
	if len(e.audio) != 0 || l.Format() != (codec.Format{}) || l.counters.out.Load() != 0 {
		t.Errorf("heard %d packets, format %v", len(e.audio), l.Format())
	}
}

// TestLegsOfBothKinds has IPv4 and IPv6 legs take turns with one batch, whose lengths the kernel overwrites.
func TestLegsOfBothKinds(t *testing.T) {
	e := newTestEngine(t, Config{})
	l4, p4 := openLeg(t, e, "127.0.0.1"), newPeer(t, "127.0.0.1")
	l6, p6 := openLeg(t, e, "::1"), newPeer(t, "::1")
	configure(t, l4, p4.stream())
	configure(t, l6, p6.stream())
	var in4, in6 ear
	for seq := range uint16(10) {
		p4.send(p4.rtp, packet(7, seq), l4.Addr())
		until(t, l4, start, &in4, func() bool { return len(in4.audio) == int(seq) })
		p6.send(p6.rtp, packet(7, seq), l6.Addr())
		until(t, l6, start, &in6, func() bool { return len(in6.audio) == int(seq) && l6.latch.candidates[0].count == 1-min(uint8(seq), 1) })
	}
	if l4.latch.addr != addrOf(p4.rtp) || l6.latch.addr != addrOf(p6.rtp) {
		t.Errorf("latched to %v and %v, want %v and %v", l4.latch.addr, l6.latch.addr, addrOf(p4.rtp), addrOf(p6.rtp))
	}
}

func TestJitterBeginsAnewWithAnotherClock(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	var in ear
	at := start
	for seq := range uint16(8) {
		b := packet(7, seq)
		if seq >= 4 {
			b[1], b[12] = 111, 31<<3
		}
		var h rtp.Header
		l.handleRTP(udp.Packet{Data: b, From: signalledAddr, At: at}, at, &h, &in)
		// The timestamp of the fourth on counts at 48 kHz, 160 a packet.
		if at = at.Add(tick); seq >= 4 {
			at = at.Add(time.Second/300 - tick)
		}
	}
	if len(in.audio) != 7 || in.audio[6].Samples != 960 {
		t.Fatalf("got %d packets", len(in.audio))
	}
	if got := l.Stats().Jitter; got > time.Millisecond {
		t.Errorf("got jitter %v, want next to none", got)
	}
}

func TestAtMost32PacketsACall(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	for seq := range uint16(50) {
		p.send(p.rtp, packet(7, seq), l.Addr())
	}
	var e ear
	before := 0
	until(t, l, start, &e, func() bool {
		if len(e.audio)-before > packetsPerReceive {
			t.Errorf("%d packets in one call", len(e.audio)-before)
		}
		before = len(e.audio)
		return before == 49
	})
}

func TestZones(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "::1%lo"), newPeer(t, "::1")
	configure(t, l, p.stream())
	l.Send(start, []byte{1}, 160)
	p.readRTP()
	for seq := range uint16(2) {
		p.send(p.rtp, packet(7, seq), l.Addr())
	}
	var e ear
	until(t, l, start, &e, func() bool { return len(e.audio) == 1 })
	if _, err := l.engine.Open(netip.MustParseAddr("::1%nosuch")); err == nil {
		t.Error("a zone that does not exist was taken")
	}
}

func TestABrokenSocketIsCounted(t *testing.T) {
	l := bare(newTestEngine(t, Config{}))
	l.Send(start, []byte{1}, 160)
	l.report.sentAny = true
	l.report.bye(l, l.sender.ssrc)
	if got := l.Stats(); got.SendErrors != 2 || got.PacketsSent != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAClosedLegSaysSo(t *testing.T) {
	e := newTestEngine(t, Config{})
	l, err := e.Open(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Receive(start, &ear{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Receive: got %v", err)
	}
	if err := l.Configure(Stream{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Configure: got %v", err)
	}
	if err := l.PressKey('1', 0); !errors.Is(err, ErrClosed) {
		t.Errorf("PressKey: got %v", err)
	}
	l.Send(start, []byte{1}, 160)
	if got := e.ports.free; got != e.ports.total() {
		t.Errorf("%d of %d ports are free", got, e.ports.total())
	}
}

func TestALegIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(Leg{}); got > 4096 {
		t.Errorf("a leg takes %d bytes, want at most 4096", got)
	}
}

func TestTheTickDoesNotAllocate(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	stream := p.stream()
	stream.LevelID, stream.MixID = 1, 2
	configure(t, l, stream)
	var in deaf
	sound := make([]byte, 160)
	garbage := [][]byte{nil, {0x80}, {0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, append([]byte{0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0xbe, 0xde, 0xff, 0xff)}
	mixed := []mixer.Source{{ID: 8, Level: 20}}
	with := packet(7, 0)
	with[0] |= extensionBit // the first bytes of the payload are a one-byte extension of two words
	copy(with[12:], []byte{0xbe, 0xde, 0, 2, 0x10, 1, 0x21, 1, 2, 0, 0, 0})
	to := destinationOf(l.Addr())
	tx := rawSender(t, addrOf(p.rtp))
	_ = p.rtp.Close()
	now, seq := start, uint16(0)
	l.report.next = start.Add(24 * time.Hour)
	tickOnce := func() {
		now = now.Add(tick)
		seq++
		with[2], with[3] = byte(seq>>8), byte(seq)
		for _, g := range garbage[1:] {
			tx.Send(g, &to)
		}
		tx.Send(with, &to)
		if err := l.Receive(now, &in); err != nil {
			t.Fatal(err)
		}
		l.Mixed(mixed)
		l.Send(now, sound, 160)
	}
	for range 100 {
		tickOnce()
	}
	if got := testing.AllocsPerRun(500, tickOnce); got != 0 {
		t.Errorf("a tick allocates %v times, want 0", got)
	}
	if in.packets == 0 || l.counters.rejected[reasonShort].Load() == 0 {
		t.Errorf("nothing came through: %d packets", in.packets)
	}
}

// destinationOf is an IPv4 address for rawSender.
func destinationOf(a netip.AddrPort) udp.Destination { return udp.Socket{V4: true}.To(a) }

// rawSender sends without allocating, from a port next to a's.
func rawSender(t testing.TB, a netip.AddrPort) udp.Socket {
	t.Helper()
	s, err := udp.Open(a.Addr(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Each change of codec costs whoever plays the sound: a peer that changes with every packet gets one a tick.
func TestOneChangeOfCodecATick(t *testing.T) {
	l, p := openLeg(t, newTestEngine(t, Config{}), "127.0.0.1"), newPeer(t, "127.0.0.1")
	configure(t, l, p.stream())
	var e ear
	now := start
	for tick := range 3 {
		now = now.Add(20 * time.Millisecond)
		l.begin(now)
		for i := range 8 {
			b := packet(7, uint16(8*tick+i+1))
			b[1] = b[1]&0x80 | byte(i%2*8) // PCMU and PCMA in turn
			l.inject(b, addrOf(p.rtp), now, &e)
		}
	}
	if got := len(e.restarts); got > 5 {
		t.Errorf("%d restarts in 3 ticks, want one for the stream and one for each tick's first change", got)
	}
}
