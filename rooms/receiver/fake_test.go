package receiver

import (
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/quality"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/distributor"
)

// waitTime is how long a test waits for what must come.
const waitTime = 20 * time.Second

var pcmu = codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}

func waitContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	t.Cleanup(cancel)
	return ctx
}

// house is a bridge without telephones.
type house struct {
	*Receiver
	reg    *rooms.Registry
	spread *distributor.Distributor
}

func newHouse(t testing.TB, policy distribution.Policy) *house {
	t.Helper()
	return newHouseOf(t, policy, rooms.Config{})
}

func newHouseOf(t testing.TB, policy distribution.Policy, cfg rooms.Config) *house {
	t.Helper()
	reg := rooms.NewRegistry(cfg)
	engine, err := media.NewEngine(media.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{reg: reg, spread: distributor.New(distributor.Config{Policy: policy}, reg)}
	h.Receiver = New(Config{Policy: policy, Own: h.spread}, reg, engine)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		h.Close()
		if err := errors.Join(h.spread.Close(ctx), reg.Close(ctx)); err != nil {
			t.Error(err)
		}
		if n := h.taken.Load(); n != 0 {
			t.Errorf("%d sessions are counted at the end", n)
		}
	})
	return h
}

func (h *house) room(t testing.TB, number string) {
	t.Helper()
	if _, err := h.reg.Create(waitContext(t), number, rooms.Settings{}); err != nil {
		t.Fatal(err)
	}
}

// feed has a room's mix go to a group, which this host hears too.
func (h *house) feed(t testing.TB, room string, to netip.AddrPort) {
	t.Helper()
	_, err := h.spread.Create(waitContext(t), room, distribution.Distribution{
		ID: "hall", To: []netip.AddrPort{to}, TTL: 1, Interface: stage, Loopback: true, Codec: codec.PCMU, Packet: 20 * time.Millisecond,
		Silence: distribution.SilenceSound,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// take has a room take in a group.
func (h *house) take(t testing.TB, room string, group netip.AddrPort) rooms.ParticipantInfo {
	t.Helper()
	info, err := h.Receive(waitContext(t), room, sourceAt(group))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// netipPort is an address with another port.
func netipPort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}

func sourceAt(group netip.AddrPort) Source {
	return Source{Group: group, Format: pcmu, Interface: stage}
}

// phone is a telephone that says a tone and keeps what it hears.
type phone struct {
	toneHz float64 // 0: it only listens
	source uint32
	said   int // samples

	mu    sync.Mutex
	heard []int16
}

func (p *phone) Profile() codec.Profile { return codec.Profile{Format: pcmu} }
func (p *phone) Expects() codec.Format  { return pcmu }
func (p *phone) KeysInSound() bool      { return false }
func (p *phone) Mixed([]mixer.Source)   {}
func (p *phone) Observe(quality.Local)  {}
func (p *phone) Close() error           { return nil }

func (p *phone) Receive(now time.Time, in rooms.Inlet) error {
	if p.toneHz == 0 {
		return nil
	}
	if p.said == 0 {
		in.Restart(pcmu, p.source)
	}
	in.Audio(jitter.Packet{
		Sequence: uint16(p.said / 160), Timestamp: uint32(p.said), Samples: 160, Arrival: now.Add(-5 * time.Millisecond), Payload: tone(p.toneHz, p.said),
	})
	p.said += 160
	return nil
}

func (p *phone) Send(_ time.Time, payload []byte, _ int) {
	dec, err := codec.NewDecoder(pcmu)
	if err != nil {
		panic(err)
	}
	pcm := make([]int16, 1000)
	n, err := dec.Decode(pcm, payload)
	if err != nil {
		panic("the room sent what cannot be decoded: " + err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, pcm[:n]...)
}

// last is the newest half second of what it has heard; nil before that.
func (p *phone) last() []int16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.heard) < 4000 {
		return nil
	}
	return append([]int16(nil), p.heard[len(p.heard)-4000:]...)
}

// tone is 20 ms of a tone, at sample from on.
func tone(hz float64, from int) []byte {
	enc, err := codec.NewEncoder(codec.Profile{Format: pcmu})
	if err != nil {
		panic(err)
	}
	pcm, payload := make([]int16, 160), make([]byte, 160)
	for i := range pcm {
		pcm[i] = int16(6000 * math.Sin(2*math.Pi*hz*float64(from+i)/8000))
	}
	n, err := enc.Encode(payload, pcm)
	if err != nil {
		panic(err)
	}
	return payload[:n]
}

// call lets a telephone into a room.
func (h *house) call(t testing.TB, room string, p *phone) {
	t.Helper()
	ctx := waitContext(t)
	seat, err := h.reg.Admit(ctx, room, rooms.Caller{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { seat.Leave(rooms.ReasonHangup) })
	if err := seat.Join(ctx, p); err != nil {
		t.Fatal(err)
	}
}

// sender sends what a test says to a group.
type sender struct {
	t         testing.TB
	rtp, rtcp *net.UDPConn
	ssrc      uint32
	sequence  uint16
}

func newSender(t testing.TB, to netip.AddrPort, ssrc uint32) *sender {
	t.Helper()
	s := &sender{t: t, ssrc: ssrc}
	for i, c := range []**net.UDPConn{&s.rtp, &s.rtcp} {
		conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to.Addr(), to.Port()+uint16(i))))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		*c = conn
	}
	return s
}

// say sends so many packets, with those CSRCs.
func (s *sender) say(packets int, csrc ...uint32) {
	s.t.Helper()
	for range packets {
		b, err := (&rtp.Packet{
			Header:  rtp.Header{Version: 2, SSRC: s.ssrc, CSRC: csrc, SequenceNumber: s.sequence, Timestamp: uint32(s.sequence) * 160},
			Payload: tone(600, int(s.sequence)*160),
		}).Marshal()
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := s.rtp.Write(b); err != nil {
			s.t.Fatal(err)
		}
		s.sequence++
	}
}

// bye says goodbye for the stream.
func (s *sender) bye() {
	s.t.Helper()
	b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: s.ssrc}, &rtcp.Goodbye{Sources: []uint32{s.ssrc}}})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.rtcp.Write(b); err != nil {
		s.t.Fatal(err)
	}
}

// counter is an inlet that counts.
type counter struct{ packets int }

func (*counter) Restart(codec.Format, uint32) {}
func (*counter) Absent(uint16)                {}
func (*counter) Report(quality.Peer)          {}
func (*counter) Key(byte, time.Duration)      {}

func (c *counter) Audio(jitter.Packet) jitter.Verdict {
	c.packets++
	return jitter.Stored
}

// owner has one room that sends under one SSRC.
type owner struct {
	room, id string
	ssrc     uint32
}

func (o owner) Own(room string, ssrc uint32) (string, bool) {
	return o.id, room == o.room && ssrc == o.ssrc
}

// join opens a leg of room 1000 that no room has.
func (h *house) join(t testing.TB, group netip.AddrPort, own owner) *leg {
	t.Helper()
	p, err := h.reg.Admit(waitContext(t), "1000", rooms.Caller{Way: rooms.WaySession})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Leave(rooms.ReasonHangup) })
	h.cfg.Own = own
	s := sourceAt(group)
	s.Timeout = 30 * time.Second
	l, err := h.Receiver.join(p, s)
	if err != nil {
		t.Fatal(err)
	}
	h.taken.Add(1)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}
