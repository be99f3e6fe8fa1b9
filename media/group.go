package media

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/confbridge/confbridge/media/internal/control"
	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/mixer"
)

// Membership is a group that a leg listens to.
type Membership struct {
	Group netip.AddrPort // of RTP
	// RTCPPort is where RTCP comes by, at the same address; 0 means the port behind Group's, which must be even then (RFC 3550 §11).
	RTCPPort uint16
	// Interface is the name of the one to join on; empty: the route's, which there must be one of to the group.
	Interface string
	// Sources are whom the group is heard from (RFC 4607), for others are kept out by the network and by the kernel; none: from anybody.
	Sources []netip.Addr
	// TTL is how far our receiver reports go, 1 to 255; 0 means 1.
	TTL int
	// Key decrypts RTP and RTCP (RFC 3711); the zero Key: both come in the clear. Of an encrypted group only what is made with the key is taken, and nothing is sent
	// to it: all who have the key would encrypt by the same stream of bits, if two had the same SSRC (RFC 3711 §9.1).
	Key session.Key
	// Timeout is how long the leg may hear nothing; 0 means Config.Timeout.
	Timeout time.Duration
	// Own says whether an SSRC is one that this bridge sends under. It is asked for each packet, on the leg's goroutine, and must not wait. nil: none
	// is.
	Own func(ssrc uint32) bool
}

// member is what a leg has more, that listens to a group.
type member struct {
	Membership
	to      udp.Destination // of reports; nowhere for a source-specific group
	self    netip.AddrPort  // where they come from
	members *control.Members
	timer   control.Timer
	own     int // packets of the source that were our own sound, one behind the other
	looped  bool
	secret  *secret // nil: it comes in the clear

	csrc  [mixer.MaxSources]uint32 // of the packet that was taken last
	csrcs int
}

// Join opens a leg that listens to a group, by IGMPv3 or MLDv2 (ErrInvalid). Its Stream must say Receive, and not Send nor Mux: nothing is sent but
// receiver reports to the group, at the intervals of a session of any size (RFC 3550 §6.2); to a source-specific one
// none are sent, since the network takes them to nobody, and unicast feedback (RFC 5760) is not built; nor to an encrypted one (see Key).
//
// The first source is kept while it sends; packets of others are counted as rejected. A source is an address and an SSRC: its port may change. When
// packets of the source have an SSRC or CSRC of Own, three one behind the other, it is our own sound, and Receive returns ErrLoop from then on (RFC 3550
// §8.2); none of them is handed on. What others send under an SSRC of ours is not heard, and ends nothing. A membership outlives
// an interface that is down for a time, not one that is removed: the leg then ends by its timeout. Of an encrypted group a source needs no probation, for its key shows
// that it is one, nor does another SSRC of it once it has said BYE for the one before; what is of an SSRC that was not heard yet, or is no packet of the
// key's, allocates.
func (e *Engine) Join(m Membership) (*Leg, error) {
	m.Group = udp.Plain(m.Group)
	if m.Timeout == 0 {
		m.Timeout = e.timeout
	}
	if m.RTCPPort == 0 && m.Group.Port()%2 == 0 {
		m.RTCPPort = m.Group.Port() + 1
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("join %s: %w", m.Group, err)
	}
	undo, err := newSecret(m.Key)
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", m.Group, err)
	}
	m.Key = session.Key{} // it has it
	route, err := m.route()
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", m.Group, err)
	}
	self, err := udp.SourceFor(m.Group, route)
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", m.Group, err)
	}
	rtp, err := udp.OpenMember(m.Group, m.Sources, route)
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", m.Group, err)
	}
	next := netip.AddrPortFrom(m.Group.Addr(), m.RTCPPort)
	rtcp, err := udp.OpenMember(next, m.Sources, route)
	if err != nil {
		_ = rtp.Close() // of the two errors the other one tells more
		return nil, fmt.Errorf("join %s: %w", next, err)
	}
	l := newLeg(e, m.Group, rtp, rtcp)
	l.group = &member{
		Membership: m, self: netip.AddrPortFrom(self.WithZone(""), next.Port()),
		members: control.NewMembers(time.Now()), secret: undo,
	}
	if len(m.Sources) == 0 && undo == nil {
		l.group.to = rtcp.ToGroup(next)
	}
	e.mu.Lock()
	e.legs[l] = struct{}{}
	e.mu.Unlock()
	return l, nil
}

func (m *Membership) validate() error {
	switch {
	case !m.Group.Addr().IsMulticast():
		return fmt.Errorf("it is no group: %w", ErrInvalid)
	case m.Group.Port() == 0 || m.RTCPPort == 0 || m.RTCPPort == m.Group.Port():
		return fmt.Errorf("its port is not even, or that of RTCP is the same: %w", ErrInvalid)
	case m.TTL < 0 || m.TTL > 255:
		return fmt.Errorf("TTL %d is not 1 to 255: %w", m.TTL, ErrInvalid)
	case m.Timeout < 0:
		return fmt.Errorf("timeout %v is negative: %w", m.Timeout, ErrInvalid)
	}
	for _, s := range m.Sources {
		if s.Is4() != m.Group.Addr().Is4() || s.IsMulticast() || s.IsUnspecified() {
			return fmt.Errorf("%s is no source of it: %w", s, ErrInvalid)
		}
	}
	return nil
}

// route is how reports go out. They are heard on this host too: the sender may be here.
func (m *Membership) route() (udp.Route, error) {
	r := udp.Route{Hops: m.TTL, DSCP: udp.Expedited, Loopback: true}
	if m.Interface == "" {
		return r, nil
	}
	link, err := udp.LinkNamed(m.Interface)
	if err != nil {
		return r, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	r.Interface = link.Index
	return r, nil
}

// admits says whether the group may be heard from there.
func (g *member) admits(from netip.Addr) bool {
	return len(g.Sources) == 0 || slices.Contains(g.Sources, from)
}

// open takes a packet of RTP in the clear, where it is of somebody who may be heard. heard is the SSRC that is.
func (g *member) open(p udp.Packet, heard uint32) (udp.Packet, reason) {
	why := accepted
	switch {
	case !g.admits(p.From.Addr()):
		why = reasonSource
	case g.secret != nil:
		p.Data, why = g.secret.openRTP(p.Data, heard)
	}
	p.From = netip.AddrPortFrom(p.From.Addr(), 0) // ports of a source may change
	return p, why
}

// Contributors are the CSRCs of the packet that was taken last by a leg that listens to a group (RFC 3550 §5.1): in a call of Inlet.Audio, those of its
// packet. The slice is valid during the call.
func (l *Leg) Contributors() []uint32 {
	if l.group == nil {
		return nil
	}
	return l.group.csrc[:l.group.csrcs]
}

// loopProof is how many packets of the source, one behind the other, prove a loop: in one there are many, and a single packet can be forged.
const loopProof = 3

// loops says whether a packet of the source that is heard is our own sound, and remembers it.
func (g *member) loops(ssrc uint32, csrc []uint32) bool {
	found := g.owns(ssrc)
	for _, c := range csrc {
		found = found || g.owns(c)
	}
	if !found {
		g.own = 0
		return false
	}
	g.own++
	g.looped = g.looped || g.own >= loopProof
	return true
}

// owns says whether an SSRC is one of ours.
func (g *member) owns(ssrc uint32) bool { return g.Own != nil && g.Own(ssrc) }

// handleGroupRTCP takes RTCP of a group: anybody's.
func (l *Leg) handleGroupRTCP(p udp.Packet, now time.Time, into *parsed) reason {
	g := l.group
	switch {
	case p.Long:
		return reasonTooLong
	case !g.admits(p.From.Addr()):
		return reasonRTCPSource
	}
	if g.secret != nil {
		if !l.wantsSecret(p.Data) {
			return accepted
		}
		var why reason
		if p.Data, why = g.secret.openRTCP(p.Data); why != accepted {
			return why
		}
	}
	if !control.Valid(p.Data) {
		return reasonRTCP
	}
	ssrc := binary.BigEndian.Uint32(p.Data[control.HeaderSize:])
	switch {
	case ssrc == l.sender.ssrc && p.From == g.self:
		return accepted
	case ssrc == l.sender.ssrc:
		return l.collide(p.From, now)
	case g.owns(ssrc): // whether it is heard too, RTP tells
		return reasonLoop
	}
	g.timer.Measure(len(p.Data))
	if !g.members.Read(p.Data, l.sender.ssrc, now) {
		return reasonRTCP
	}
	if !l.source.known || ssrc != l.source.ssrc || p.From.Addr() != l.latch.addr.Addr() {
		return accepted
	}
	l.latch.heardRTCP, l.alive = now, now
	return l.feedbacks(p, into)
}

// wantsSecret says whether RTCP of an encrypted group is to be read: that of the source, and of our own that comes back. Others are left alone: decrypting them would
// have each of them remembered.
func (l *Leg) wantsSecret(compound []byte) bool {
	if len(compound) < 2*control.HeaderSize {
		return false
	}
	ssrc := binary.BigEndian.Uint32(compound[control.HeaderSize:])
	return l.source.known && ssrc == l.source.ssrc || l.group.Own != nil && l.group.Own(ssrc)
}

// proven says whether a packet of a source that is not the one heard needs no probation, since its group is encrypted and it was made with the key: where there was
// none yet, and where the one before has said BYE. That may have come by the other socket only now.
func (l *Leg) proven(from netip.AddrPort, now time.Time) bool {
	switch {
	case l.group == nil || l.group.secret == nil:
		return false
	case !l.source.known:
		return true
	case from != l.latch.addr:
		return false
	}
	if !l.report.peer.bye {
		l.fetched.takeRTCP(l, now, now.UnixNano(), nil)
		b := l.engine.borrow(&l.hint)
		l.drainRTCP(b, now, now.UnixNano(), nil)
		l.engine.batches.give(b, l.hint)
	}
	return l.report.peer.bye
}

// dueInGroup sends a receiver report when it is time.
func (l *Leg) dueInGroup(now time.Time) bool {
	g, r := l.group, &l.report
	s := l.groupSession()
	g.members.Sweep(now, g.timer.Timeout(s))
	if !g.timer.Due(now, s) {
		return false
	}
	if !r.to.None() {
		b := control.AppendDescription(r.appendReport(l.sender.buf[:0], l, now), l.sender.ssrc, r.cname, "")
		if r.send(l, b) {
			g.timer.Measure(len(b))
		}
	}
	return true
}

// groupSession is who is in it, with ourselves.
func (l *Leg) groupSession() control.Session {
	a := l.group.members.Audience()
	return control.Session{Members: a.Members + 1, Senders: a.Senders, Bandwidth: rtcpBandwidth}
}
