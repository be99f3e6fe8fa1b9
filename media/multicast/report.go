package multicast

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/confbridge/confbridge/media/internal/control"
	"github.com/confbridge/confbridge/media/internal/udp"
)

const (
	// rtcpShare is what RTCP may take of the session's bandwidth (RFC 3550 §6.2).
	rtcpShare = 0.05
	// packetOverhead is what IP, UDP and RTP add to a payload.
	packetOverhead = control.DatagramOverhead + headerSize
	// batchesPerLook bounds what one look for RTCP takes.
	batchesPerLook = 10
	// sweepsPerLook has all members been counted after 8 looks, 4 s.
	sweepsPerLook = 4
	// many is how many members make one who leaves wait (RFC 3550 §6.3.7).
	many = 50
)

// reporter sends sender reports and reads those of receivers.
type reporter struct {
	cname, name string
	bandwidth   float64 // of RTCP, octets a second
	timer       control.Timer
	members     *control.Members

	packets, octets uint32 // under this SSRC (RFC 3550 §6.4.1)
	sentNow         bool   // RTP since the last report
	sentBefore      bool   // RTP in the interval before
	sentAny         bool   // anything at all under this SSRC
}

func (r *reporter) init(cfg *Config, now time.Time) {
	r.cname, r.name = cfg.Identity.CNAME, cfg.Identity.Name
	if r.cname == "" {
		r.cname = newCNAME()
	}
	packet := cfg.Profile.PacketTime().Seconds()
	r.bandwidth = rtcpShare * (float64(cfg.Profile.LongestPayload()) + packetOverhead) / packet
	r.members = control.NewMembers(now)
}

// sent notes that a packet of octets of payload went out.
func (r *reporter) sent(octets int) {
	r.packets++
	r.octets += uint32(octets)
	r.sentNow, r.sentAny = true, true
}

// Rename has receivers be told another name (ErrInvalid) from the next report on, up to 255 bytes; empty: none. Safe for concurrent use.
func (s *Sender) Rename(name string) error {
	if len(name) > maxItem {
		return fmt.Errorf("rename distribution: %w", invalid("a name of %d bytes", len(name)))
	}
	s.counters.freshName.Store(&name)
	return nil
}

// rename takes a new name, if there is one.
func (s *Sender) rename() {
	if fresh := s.counters.freshName.Swap(nil); fresh != nil {
		s.report.name = *fresh
	}
}

// session is who is in it, with ourselves.
func (r *reporter) session() control.Session {
	a := r.members.Audience()
	s := control.Session{Members: a.Members + 1, Senders: a.Senders, Sending: r.sentNow || r.sentBefore, Bandwidth: r.bandwidth}
	if s.Sending {
		s.Senders++
	}
	return s
}

// due sends a report when it is time.
func (r *reporter) due(s *Sender, now time.Time) {
	if !r.timer.Due(now, r.session()) {
		return
	}
	if s.out != nil {
		s.sendRTCP(s.out, r.appendReport(s.buf[:0], s, now))
	}
	r.sentBefore, r.sentNow = r.sentNow, false
}

// appendReport writes a sender report, or that of a receiver where nothing was sent in this interval nor the one before (RFC 3550 §6.4),
// and who we are.
func (r *reporter) appendReport(b []byte, s *Sender, now time.Time) []byte {
	if r.sentNow || r.sentBefore {
		b = control.AppendSenderReport(b, 0, control.Sender{
			SSRC: s.header.SSRC, At: now, Timestamp: s.pairing.stampAt(now), Packets: r.packets, Octets: r.octets,
		})
	} else {
		b = control.AppendReceiverReport(b, 0, s.header.SSRC)
	}
	return control.AppendDescription(b, s.header.SSRC, r.cname, r.name)
}

// appendBye writes a compound that ends with BYE.
func (r *reporter) appendBye(b []byte, s *Sender, now time.Time) []byte {
	return control.AppendGoodbye(r.appendReport(b, s, now), s.header.SSRC)
}

// sayBye says BYE for our SSRC. Who never sent anything must not (RFC 3550 §6.3.7).
func (s *Sender) sayBye(now time.Time) {
	if s.report.sentAny && s.out != nil {
		s.sendRTCP(s.out, s.report.appendBye(s.buf[:0], s, now))
	}
}

// leaveSSRC goes over to another SSRC of the same key.
func (s *Sender) leaveSSRC(now time.Time) {
	s.sayBye(now)
	s.beginSSRC(now)
}

// beginSSRC takes an SSRC with a sequence of its own; the timestamp goes on. It is a member that joins (RFC 3550 §6.3.2): who it is is told soon.
func (s *Sender) beginSSRC(now time.Time) {
	s.renew(now)
	s.sequence, s.spent = uint16(random())%firstSecret, false
	s.talking = false
	s.report.timer = control.Timer{}
	s.report.sentNow, s.report.sentBefore = false, false
}

// sendRTCP sends one compound.
func (s *Sender) sendRTCP(out *outlet, compound []byte) {
	if s.secret != nil {
		var err error
		if compound, err = s.secret.protectRTCP(s.safe, compound); err != nil {
			s.counters.errors.Add(1)
			return
		}
	}
	if !out.sendRTCP(compound) {
		s.counters.errors.Add(1)
		return
	}
	s.report.sentAny = true
	s.report.timer.Measure(len(compound))
}

// hear takes what receivers have sent, and counts them.
func (s *Sender) hear(now time.Time) {
	if s.out != nil {
		s.drain(s.out.rtcp, now)
		if s.out.group != nil {
			s.drain(*s.out.group, now)
		}
	}
	r := &s.report
	timeout := r.timer.Timeout(r.session())
	for range sweepsPerLook {
		r.members.Sweep(now, timeout)
	}
	s.counters.publish(r.members.Audience(), s.cfg.Profile.ClockRateHz)
}

func (s *Sender) drain(from udp.Socket, now time.Time) {
	wallNow := now.UnixNano()
	for range batchesPerLook {
		n := s.batch.Receive(from)
		for i := range n {
			s.read(s.batch.Packet(i, now, wallNow), now)
		}
		if n < udp.BatchSize {
			return
		}
	}
}

// read takes one datagram of RTCP. Our own that come back from where we sent them are passed over (RFC 3550 §8.2).
func (s *Sender) read(p udp.Packet, now time.Time) {
	if s.secret != nil {
		return // see Config.Key
	}
	if p.Long || !control.Valid(p.Data) {
		s.counters.garbage.Add(1)
		return
	}
	if binary.BigEndian.Uint32(p.Data[control.HeaderSize:]) == s.header.SSRC {
		if s.out == nil || udp.Plain(p.From) != s.out.self {
			s.collide(p, now)
		}
		return
	}
	s.report.timer.Measure(len(p.Data))
	if !s.report.members.Read(p.Data, s.header.SSRC, now) {
		s.counters.garbage.Add(1)
	}
}

// collide resolves RTCP of somebody else under our SSRC (RFC 3550 §8.2). The first time it may be chance: we say BYE and take another.
// If our own comes again from the same address, it is our stream that somebody sends back. More than that changes nothing and is not told of, as it can be forged.
func (s *Sender) collide(p udp.Packet, now time.Time) {
	switch s.conflict.Note(p.From, now) {
	case control.Loop:
		s.keeper.tell(Event{Kind: Looped, SSRC: s.header.SSRC, From: p.From})
		fallthrough
	case control.Repeated:
		s.counters.loops.Add(1)
		return
	case control.Collision:
	}
	s.sayBye(now)
	old := s.header.SSRC
	s.renew(now)
	s.counters.collisions.Add(1)
	s.keeper.tell(Event{Kind: Collided, SSRC: s.header.SSRC, Before: old, From: p.From})
}
