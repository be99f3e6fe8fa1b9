package media

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtp"
	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/quality"
)

var (
	pcmu = codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}
	pcma = codec.Format{Name: codec.PCMA, ClockRateHz: 8000, SampleRateHz: 8000}
	opus = codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 48000}
)

const (
	tick = 20 * time.Millisecond
	// tries bounds how often a test looks for what the kernel has yet to deliver.
	tries = 100000
)

// start is when every test begins: now, so that kernel stamps and the test's clock are near each other.
var start = time.Now()

type key struct {
	Digit byte
	Held  time.Duration
}

// ear is an Inlet that remembers.
type ear struct {
	restarts []codec.Format
	audio    []jitter.Packet
	keys     []key
	reports  []quality.Peer
	absent   []uint16
	early    bool // audio came before the first restart
	late     func(sequence uint16) bool
}

func (e *ear) Restart(f codec.Format, _ uint32) { e.restarts = append(e.restarts, f) }

func (e *ear) Audio(p jitter.Packet) jitter.Verdict {
	e.early = e.early || len(e.restarts) == 0
	p.Payload = bytes.Clone(p.Payload)
	e.audio = append(e.audio, p)
	if e.late != nil && e.late(p.Sequence) {
		return jitter.Late
	}
	return jitter.Stored
}

func (e *ear) Absent(sequence uint16)             { e.absent = append(e.absent, sequence) }
func (e *ear) Report(p quality.Peer)              { e.reports = append(e.reports, p) }
func (e *ear) Key(digit byte, held time.Duration) { e.keys = append(e.keys, key{digit, held}) }

func (e *ear) sequences() []uint16 {
	s := []uint16{}
	for _, p := range e.audio {
		s = append(s, p.Sequence)
	}
	return s
}

// deaf is an Inlet that costs nothing.
type deaf struct{ packets int }

func (d *deaf) Restart(codec.Format, uint32) {}
func (d *deaf) Absent(uint16)                {}
func (d *deaf) Report(quality.Peer)          {}
func (d *deaf) Key(byte, time.Duration)      {}

func (d *deaf) Audio(jitter.Packet) jitter.Verdict {
	d.packets++
	return jitter.Stored
}

// newTestEngine uses ports outside of those that the kernel gives to others.
func newTestEngine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	if cfg.PortMin == 0 {
		cfg.PortMin, cfg.PortMax = 61000, 64999
	}
	e, err := NewEngine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func openLeg(t testing.TB, e *Engine, ip string) *Leg {
	t.Helper()
	addr := netip.MustParseAddr(ip)
	l, err := e.Open(addr)
	if addr.Is6() && (errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT)) {
		t.Skip("this machine has no IPv6, not even loopback")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// peer is the other end: a pair of ordinary sockets.
type peer struct {
	t         testing.TB
	rtp, rtcp *net.UDPConn
}

func newPeer(t testing.TB, ip string) *peer {
	t.Helper()
	open := func() *net.UDPConn {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	return &peer{t, open(), open()}
}

func addrOf(c *net.UDPConn) netip.AddrPort { return udp.Plain(c.LocalAddr().(*net.UDPAddr).AddrPort()) }

// read waits for the next datagram at c, 5 s at most: loopback takes microseconds.
func (p *peer) read(c *net.UDPConn) ([]byte, netip.AddrPort) {
	p.t.Helper()
	b := make([]byte, 2000)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		p.t.Fatal(err)
	}
	return b[:n], udp.Plain(from)
}

func (p *peer) readRTP() rtp.Packet {
	p.t.Helper()
	b, _ := p.read(p.rtp)
	var pkt rtp.Packet
	if err := pkt.Unmarshal(b); err != nil {
		p.t.Fatal(err)
	}
	return pkt
}

// quiet says whether nothing has come to c.
func (p *peer) quiet(c *net.UDPConn) bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, _, err := c.ReadFromUDPAddrPort(make([]byte, 2000))
	return err != nil
}

func (p *peer) send(c *net.UDPConn, b []byte, to netip.AddrPort) {
	p.t.Helper()
	if _, err := c.WriteToUDPAddrPort(b, to); err != nil {
		p.t.Fatal(err)
	}
}

func nextPort(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

// stream is a usual answer: PCMU, PCMA and telephone-event, both directions.
func (p *peer) stream() Stream {
	return Stream{
		Remote: addrOf(p.rtp), RemoteRTCP: addrOf(p.rtcp), Send: true, Receive: true,
		Payloads: []Payload{{0, 0, 0, codec.Profile{Format: pcmu}}, {8, 8, 0, codec.Profile{Format: pcma}}},
		Events:   []EventPayload{{101, 96, 8000}},
	}
}

func configure(t testing.TB, l *Leg, s Stream) {
	t.Helper()
	if err := l.Configure(s); err != nil {
		t.Fatal(err)
	}
}

// packet is one of PCMU's, 20 ms.
func packet(ssrc uint32, sequence uint16) []byte {
	return marshal(rtp.Packet{
		Header:  rtp.Header{Version: 2, SSRC: ssrc, SequenceNumber: sequence, Timestamp: uint32(sequence) * 160},
		Payload: bytes.Repeat([]byte{byte(sequence)}, 160),
	})
}

func marshal(p rtp.Packet) []byte {
	b, err := p.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

// until calls Receive until ok, which the kernel may take a moment for.
func until(t testing.TB, l *Leg, now time.Time, in Inlet, ok func() bool) {
	t.Helper()
	for range tries {
		if err := l.Receive(now, in); err != nil {
			t.Fatal(err)
		}
		if ok() {
			return
		}
		runtime.Gosched()
	}
	t.Fatal("it never came")
}
