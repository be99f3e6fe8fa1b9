package media

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"

	"github.com/confbridge/confbridge/media/internal/control"
	"github.com/confbridge/confbridge/media/internal/udp"
)

// handleRTCP takes one packet of RTCP: first whether it is the peer's, then whether it is well-formed, then what it says.
func (l *Leg) handleRTCP(p udp.Packet, now time.Time, into *parsed, in Inlet) reason {
	if l.group != nil {
		return l.handleGroupRTCP(p, now, into)
	}
	switch {
	case len(l.stream.Payloads) == 0:
		return reasonNotConfigured
	case p.Long:
		return reasonTooLong
	case !control.Valid(p.Data):
		return reasonRTCP
	}
	ssrc := binary.BigEndian.Uint32(p.Data[control.HeaderSize:])
	if !l.admitRTCP(p, ssrc, now) {
		return reasonRTCPSource
	}
	if ssrc == l.sender.ssrc {
		return l.collide(p.From, now)
	}
	l.report.measure(len(p.Data))
	if ssrc == l.source.ssrc {
		l.latch.heardRTCP = now
		l.alive = now // who is muted may send reports and nothing else
	}
	why := l.feedbacks(p, into)
	if l.report.news {
		l.report.news = false
		l.report.peer.Incoming = l.jitter()
		in.Report(l.report.peer.Peer)
	}
	return why
}

// feedbacks reads the packets of a compound.
func (l *Leg) feedbacks(p udp.Packet, into *parsed) (why reason) {
	for rest := p.Data; len(rest) >= control.HeaderSize; {
		size := 4 * (int(binary.BigEndian.Uint16(rest[2:])) + 1)
		if l.feedback(rest[:size], p.At, into) != nil {
			why = reasonRTCP
		}
		rest = rest[size:]
	}
	return why
}

// admitRTCP says whether RTCP of ssrc comes from the peer. Muxed, that is where RTP comes from (RFC 5761). Otherwise
// the address in SDP is always believed; behind a NAT, so is one with the address of the true RTP source and its
// SSRC, and then no other until it has been silent.
func (l *Leg) admitRTCP(p udp.Packet, ssrc uint32, now time.Time) bool {
	r := &l.report
	if l.stream.Mux {
		return p.From == l.latch.addr || p.From == l.latch.signalled
	}
	learn := false
	switch {
	case r.learned && p.From == r.addr:
	case p.From == r.signalled:
		learn = true
	case r.learned && now.Sub(r.heard) < rtcpForget:
		return false
	case l.latch.addr.IsValid() && p.From.Addr() == l.latch.addr.Addr() && l.source.known && ssrc == l.source.ssrc:
		learn = true
	default:
		return false
	}
	r.heard = now
	if learn {
		r.addr, r.learned = p.From, true
		l.aim()
	}
	return true
}

// feedback reads one packet of a compound. What it does not know is well-formed; of a source description nothing is
// wanted here.
func (l *Leg) feedback(b []byte, at time.Time, into *parsed) error {
	r := &l.report
	switch rtcp.PacketType(b[1]) {
	case rtcp.TypeSenderReport:
		p := &into.sender
		p.Reports = p.Reports[:0]
		if err := p.Unmarshal(b); err != nil {
			return err
		}
		if p.SSRC == l.source.ssrc {
			r.senderReport, r.reportAt = control.NTPMiddle(p.NTPTime), at
		}
		l.aboutUs(p.Reports, at)
	case rtcp.TypeReceiverReport:
		p := &into.receiver
		p.Reports = p.Reports[:0]
		if err := p.Unmarshal(b); err != nil {
			return err
		}
		l.aboutUs(p.Reports, at)
	case rtcp.TypeExtendedReport:
		return l.readExtended(b, at)
	case rtcp.TypeGoodbye:
		var p rtcp.Goodbye
		if err := p.Unmarshal(b); err != nil {
			return err
		}
		for _, ssrc := range p.Sources {
			if l.source.known && ssrc == l.source.ssrc {
				r.peer.goodbye()
			}
		}
	}
	return nil
}

// aboutUs reads how the peer hears us, and from LSR and DLSR how far away it is (RFC 3550 §6.4.1).
func (l *Leg) aboutUs(reports []rtcp.ReceptionReport, at time.Time) {
	for i := range reports {
		b := &reports[i]
		if b.SSRC != l.sender.ssrc {
			continue
		}
		l.report.news = true
		peer := &l.report.peer.Peer
		peer.At, peer.Loss = at, float64(b.FractionLost)/256
		peer.Lost = int64(int32(b.TotalLost<<8) >> 8) // a signed number of 24 bits
		if clock := l.Format().ClockRateHz; clock > 0 {
			peer.Jitter = time.Duration(b.Jitter) * time.Second / time.Duration(clock)
		}
		if b.LastSenderReport == 0 {
			continue
		}
		units := int32(control.NTPMiddle(control.NTPTime(at)) - b.LastSenderReport - b.Delay)
		if units >= 0 { // clocks and rounding can make it less
			peer.RoundTrip = time.Duration(units) * time.Second / 65536
		}
	}
}
