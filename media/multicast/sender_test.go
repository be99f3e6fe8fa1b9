package multicast

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
)

const tick = 20 * time.Millisecond

var (
	pcmu   = codec.Profile{Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}}
	groups = []struct {
		name  string
		group netip.AddrPort
		here  netip.Addr
		there netip.Addr
	}{
		{"IPv4", netip.MustParseAddrPort("239.1.2.3:5004"), netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("10.77.0.2")},
		{"IPv4 by source", netip.MustParseAddrPort("232.1.2.3:5004"), netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("10.77.0.2")},
		{"IPv6", netip.MustParseAddrPort("[ff05::1:3]:5004"), netip.MustParseAddr("fd77::1"), netip.MustParseAddr("fd77::2")},
		{"IPv6 by source", netip.MustParseAddrPort("[ff35::1:3]:5004"), netip.MustParseAddr("fd77::1"), netip.MustParseAddr("fd77::2")},
	}
)

// config is a distribution of PCMU to a group by a0.
func config(group netip.AddrPort) Config {
	return Config{
		Group: group, Path: Path{Interface: "a0", TTL: 4}, Profile: pcmu,
		Identity: Identity{Name: "Town hall", CNAME: "cname"},
	}
}

func open(t testing.TB, cfg Config) *Sender {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-s.Done()
	})
	return s
}

// received is a datagram as it came, with the TTL and DSCP that it had.
type received struct {
	data      []byte
	from      netip.AddrPort
	ttl, dscp int
}

// ear is a socket there.
type ear struct {
	t testing.TB
	udp.Socket
}

// listen joins group there.
func (n *network) listen(t testing.TB, group netip.AddrPort, sources ...netip.Addr) ear {
	t.Helper()
	return n.listenBy(t, usual, group, sources...)
}

func (n *network) listenBy(t testing.TB, c cable, group netip.AddrPort, sources ...netip.Addr) ear {
	t.Helper()
	var s udp.Socket
	err := n.do(func() error {
		link, err := udp.LinkNamed(c.there)
		if err != nil {
			return err
		}
		s, err = udp.OpenMember(group, sources, udp.Route{Interface: link.Index})
		return err
	})
	return newEar(t, s, err)
}

// bind opens a socket there that can send to groups.
func (n *network) bind(t testing.TB, a netip.AddrPort) ear {
	t.Helper()
	var s udp.Socket
	err := n.do(func() error {
		link, err := udp.LinkNamed("b0")
		if err != nil {
			return err
		}
		s, err = udp.OpenSender(a.Addr(), a.Port(), udp.Route{Interface: link.Index, Loopback: true})
		return err
	})
	return newEar(t, s, err)
}

func newEar(t testing.TB, s udp.Socket, err error) ear {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	level, ttl, tos := unix.IPPROTO_IP, unix.IP_RECVTTL, unix.IP_RECVTOS
	if !s.V4 {
		level, ttl, tos = unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, unix.IPV6_RECVTCLASS
	}
	for _, o := range []int{ttl, tos} {
		if err := unix.SetsockoptInt(s.FD, level, o, 1); err != nil {
			t.Fatal(err)
		}
	}
	return ear{t, s}
}

// waits says whether something has come within so many milliseconds.
func (e ear) waits(ms int) bool {
	for end := time.Now().Add(time.Duration(ms) * time.Millisecond); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(e.FD), Events: unix.POLLIN}}, max(int(time.Until(end).Milliseconds()), 0))
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n == 1
		}
	}
}

// read waits for the next datagram, 5 s at most.
func (e ear) read() received {
	e.t.Helper()
	if !e.waits(5000) {
		e.t.Fatal("nothing came")
	}
	b, control := make([]byte, 2000), make([]byte, 500)
	n, oobn, _, from, err := unix.Recvmsg(e.FD, b, control, 0)
	if err != nil {
		e.t.Fatal(err)
	}
	r := received{data: b[:n]}
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		r.from = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		r.from = netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	messages, err := unix.ParseSocketControlMessage(control[:oobn])
	if err != nil {
		e.t.Fatal(err)
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TTL, m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT:
			r.ttl = int(m.Data[0])
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TOS, m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_TCLASS:
			r.dscp = int(m.Data[0]) >> 2
		}
	}
	return r
}

func (e ear) rtp() rtp.Packet {
	e.t.Helper()
	var p rtp.Packet
	if err := p.Unmarshal(e.read().data); err != nil {
		e.t.Fatal(err)
	}
	return p
}

func (e ear) rtcp() []rtcp.Packet {
	e.t.Helper()
	packets, err := rtcp.Unmarshal(e.read().data)
	if err != nil {
		e.t.Fatal(err)
	}
	return packets
}

// say sends RTCP to a group.
func (e ear) say(group netip.AddrPort, packets ...rtcp.Packet) {
	e.t.Helper()
	b, err := rtcp.Marshal(packets)
	if err != nil {
		e.t.Fatal(err)
	}
	to := e.ToGroup(group)
	if to.None() {
		to = e.To(group)
	}
	if !e.Send(b, &to) {
		e.t.Fatal("RTCP was not sent")
	}
}

// until calls Tick and waits, with the clock standing still, until ok.
func until(t testing.TB, s *Sender, now time.Time, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatal("it never came")
		}
		s.Tick(now)
	}
}

func TestWhatAGroupIsSent(t *testing.T) {
	n := newNetwork(t)
	for _, c := range groups {
		t.Run(c.name, func(t *testing.T) {
			var sources []netip.Addr
			if terms.SourceSpecific(c.group.Addr()) {
				sources = []netip.Addr{c.here}
			}
			heard := n.listen(t, c.group, sources...)
			cfg := config(c.group)
			cfg.Identity.SSRC, cfg.Identity.Sequence, cfg.Identity.Timestamp, cfg.Identity.Begun = 7, 65535, 1000, true
			s := open(t, cfg)
			now := time.Now()
			s.Mixed([]mixer.Source{{ID: 3}, {ID: 0}, {ID: 4}})
			for i := range 3 {
				s.Tick(now)
				payload := bytes.Repeat([]byte{byte(i)}, 160)
				if i == 1 {
					payload = nil
				}
				s.Send(now, payload, 160)
			}
			r := heard.read()
			if r.ttl != 4 || r.dscp != 46 || r.from.Addr() != c.here {
				t.Errorf("got TTL %d, DSCP %d, from %v", r.ttl, r.dscp, r.from)
			}
			var first rtp.Packet
			if err := first.Unmarshal(r.data); err != nil {
				t.Fatal(err)
			}
			want := rtp.Packet{
				Header:  rtp.Header{Version: 2, Marker: true, SequenceNumber: 65535, Timestamp: 1000, SSRC: 7, CSRC: []uint32{3, 4}},
				Payload: make([]byte, 160),
			}
			if diff := cmp.Diff(want, first); diff != "" {
				t.Error(diff)
			}
			if p := heard.rtp(); p.SequenceNumber != 0 || p.Timestamp != 1320 || !p.Marker || p.Payload[0] != 2 {
				t.Errorf("after a silence got %v", p)
			}
			if got := s.Stats(); got.Packets != 2 || got.Octets != 2*(12+8+160) || got.SendErrors != 0 || !got.Up || got.SSRC != 7 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAnotherSourceIsNotHeard(t *testing.T) {
	n := newNetwork(t)
	for _, c := range groups {
		if !terms.SourceSpecific(c.group.Addr()) {
			continue
		}
		heard, other := n.listen(t, c.group, c.here), n.listen(t, c.group, c.there)
		s := open(t, config(c.group))
		s.Send(time.Now(), []byte{1}, 160)
		heard.read()
		marker := n.bind(t, netip.AddrPortFrom(c.there, 0))
		to := marker.ToGroup(c.group)
		if !marker.Send([]byte("marker"), &to) {
			t.Fatal("it could not be sent")
		}
		if got := other.read(); string(got.data) != "marker" {
			t.Errorf("%s: who asked for another source has heard %x from %s", c.name, got.data, got.from)
		}
	}
}

func TestAListIsSentTheSame(t *testing.T) {
	n := newNetwork(t)
	var ears, rtcpEars []ear
	var listeners []netip.AddrPort
	for i := range uint16(3) {
		a := netip.AddrPortFrom(groups[0].there, 6000+2*i)
		listeners = append(listeners, a)
		ears, rtcpEars = append(ears, n.bind(t, a)), append(rtcpEars, n.bind(t, nextPort(a)))
	}
	listeners[1] = netip.AddrPortFrom(netip.AddrFrom16(listeners[1].Addr().As16()), listeners[1].Port()) // IPv4 in IPv6 is IPv4
	s := open(t, Config{Listeners: listeners, Profile: pcmu})
	now := time.Now()
	s.Send(now, []byte{1, 2, 3}, 160)
	for i, e := range ears {
		if p := e.rtp(); p.SSRC != s.header.SSRC || !slices.Equal(p.Payload, []byte{1, 2, 3}) {
			t.Errorf("listener %d got %v", i, p)
		}
	}
	until(t, s, now.Add(time.Minute), func() bool { s.Tick(now); return rtcpEars[2].waits(0) })
	for i, e := range rtcpEars {
		r := e.read()
		if r.ttl != unicastHops {
			t.Errorf("to a listener with TTL %d", r.ttl)
		}
		if i == 0 { // it answers to where that came from
			e.say(r.from, &rtcp.ReceiverReport{SSRC: 5, Reports: []rtcp.ReceptionReport{{SSRC: s.header.SSRC}}})
		}
	}
	until(t, s, now.Add(time.Minute), func() bool { return s.Stats().Receivers == 1 })
	if got := s.Stats().Packets; got != 3 {
		t.Errorf("%d packets are counted", got)
	}
}

func TestAListHasTheHopsThatItWasGiven(t *testing.T) {
	n := newNetwork(t)
	for _, c := range groups[1:3] { // one of each family
		a := netip.AddrPortFrom(c.there, 6100)
		e, rtcpEar := n.bind(t, a), n.bind(t, nextPort(a))
		s := open(t, Config{Listeners: []netip.AddrPort{a}, Profile: pcmu, Path: Path{TTL: 9}})
		s.Send(time.Now(), []byte{1}, 160)
		if err := s.Close(); err != nil { // BYE
			t.Fatal(err)
		}
		if rtp, rtcp := e.read().ttl, rtcpEar.read().ttl; rtp != 9 || rtcp != 9 {
			t.Errorf("%s: RTP with TTL %d, RTCP with %d, want 9", c.there, rtp, rtcp)
		}
	}
}

func TestComfortNoiseKeepsTheStreamGoing(t *testing.T) {
	n := newNetwork(t)
	cfg := config(groups[0].group)
	cfg.Noise = 13
	heard := n.listen(t, cfg.Group)
	s := open(t, cfg)
	now := time.Now()
	s.Send(now, []byte{1}, 160)
	for range 50 {
		s.Send(now, nil, 160)
	}
	first := heard.rtp()
	for i := range uint32(5) {
		p := heard.rtp()
		if p.PayloadType != 13 || p.Timestamp-first.Timestamp != 160+i*1600 || !bytes.Equal(p.Payload, []byte{noiseLevel}) || p.Marker {
			t.Errorf("packet %d of a silence: %v", i, p)
		}
	}
	if heard.waits(0) {
		t.Error("more than five packets in a second of silence")
	}
}

func TestAGroupIsNotHeardWhereItIsSentUnlessAskedFor(t *testing.T) {
	newNetwork(t)
	for _, loopback := range []bool{false, true} {
		link, err := udp.LinkNamed("a0")
		if err != nil {
			t.Fatal(err)
		}
		group := groups[0].group
		own, err := udp.OpenMember(group, nil, udp.Route{Interface: link.Index})
		heard := newEar(t, own, err)
		cfg := config(group)
		cfg.Path.Loopback = loopback
		s := open(t, cfg)
		s.Send(time.Now(), []byte{1}, 160)
		cfg.Path.Loopback = true
		marker := open(t, cfg)
		marker.Send(time.Now(), []byte{2}, 160)
		if got := heard.rtp().Payload[0] == 1; got != loopback {
			t.Errorf("loopback %v: heard %v", loopback, got)
		}
	}
}
