package media

import (
	"crypto/rand"
	"encoding/base64"
	"net/netip"
	"time"

	"github.com/confbridge/confbridge/media/internal/control"
	"github.com/confbridge/confbridge/media/internal/udp"
	"github.com/confbridge/confbridge/mixer/quality"
)

const (
	// rtcpBandwidth is 5 % of a call of 80 kbit/s, in octets a second.
	rtcpBandwidth = 500
	// rtcpForget is how long the peer's RTCP must have been silent before it may come from another port.
	rtcpForget = 25 * time.Second
)

// reporter sends and reads RTCP.
type reporter struct {
	to        udp.Destination
	addr      netip.AddrPort // where it goes: what SDP says, or where the peer's comes from
	signalled netip.AddrPort
	learned   bool // addr is where the peer's comes from
	heard     time.Time
	cname     string

	last, next time.Time // when the last report went out and the next is due; the interval's tp and tn
	initial    bool      // none was sent yet
	size       float64   // average size of reports, octets

	sentNow    bool // RTP since the last report
	sentBefore bool // RTP in the interval before
	sentAny    bool // anything at all under this SSRC
	reported   uint32

	senderReport uint32    // LSR: the middle of the NTP time in the peer's last SR
	reportAt     time.Time // when that came
	peer         peerReport
	news         bool // it has told of us in the packet that is being read
	extended     extended
}

// peerReport is what the peer has told.
type peerReport struct {
	quality.Peer
	bye  bool // it has said BYE for the SSRC that is heard
	more int  // packets of that SSRC that have come behind it, one newer than the other
}

// byeOver is how many packets behind a BYE show that the source goes on under its SSRC: who begins anew does, and so does who was said goodbye for by somebody
// else. Fewer may have been under way.
const byeOver = 5

// goodbye notes a BYE of the source that is heard.
func (p *peerReport) goodbye() { p.bye, p.more = true, 0 }

// goesOn notes that a packet of the source that is heard has come, which is newer than all before.
func (p *peerReport) goesOn() {
	if p.bye {
		p.more++
		p.bye = p.more < byeOver
	}
}

// init makes a CNAME that says nothing about us (RFC 7022 §4.2: short-term persistent, 96 random bits).
func (r *reporter) init() {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	r.cname = base64.RawStdEncoding.EncodeToString(b[:])
	r.initial = true
	r.size = 100
}

// signal says where SDP wants RTCP.
func (r *reporter) signal(addr netip.AddrPort) {
	if addr != r.signalled && udp.Reachable(addr) {
		r.signalled, r.addr, r.learned = addr, addr, false
	}
}

func (r *reporter) begin(now time.Time) {
	if r.next.IsZero() {
		r.last = now
		r.next = now.Add(r.interval())
	}
}

// newSource forgets what was about the old one.
func (r *reporter) newSource() {
	r.senderReport, r.reportAt, r.reported, r.peer.bye = 0, time.Time{}, 0, false
	r.extended.reference = 0
}

// sent notes that RTP went out.
func (r *reporter) sent() { r.sentNow, r.sentAny = true, true }

// interval is rtcp_interval of RFC 3550 §A.7 for a session of two.
func (r *reporter) interval() time.Duration {
	return control.Session{Members: 2, Senders: 2, Bandwidth: rtcpBandwidth, Size: r.size, Initial: r.initial}.Interval()
}

// due sends a report when it is time, after timer reconsideration (RFC 3550 §6.3.6), and says whether it was.
func (r *reporter) due(l *Leg, now time.Time) bool {
	if l.group != nil {
		return l.dueInGroup(now)
	}
	if now.Before(r.next) {
		return false
	}
	if t := r.last.Add(r.interval()); now.Before(t) {
		r.next = t
		return false
	}
	if !r.to.None() {
		b := control.AppendDescription(r.appendReport(l.sender.buf[:0], l, now), l.sender.ssrc, r.cname, "")
		r.send(l, r.appendExtended(b, l, now, false))
		r.initial = false
	}
	r.last = now
	r.next = now.Add(r.interval())
	r.sentBefore, r.sentNow = r.sentNow, false
	return true
}

// bye says goodbye for ssrc. Who never sent anything must not (RFC 3550 §6.3.7); below 50 members nobody waits.
func (r *reporter) bye(l *Leg, ssrc uint32) {
	if !r.sentAny || r.to.None() {
		return
	}
	b := control.AppendDescription(r.appendReport(l.sender.buf[:0], l, l.now), ssrc, r.cname, "")
	b = r.appendExtended(b, l, l.now, true)
	r.send(l, control.AppendGoodbye(b, ssrc))
}

// send says whether it has gone.
func (r *reporter) send(l *Leg, b []byte) bool {
	from := l.rtcp
	if l.stream.Mux {
		from = l.rtp
	}
	if !from.Send(b, &r.to) {
		l.counters.outError.Add(1)
		return false
	}
	r.sentAny = true
	r.measure(len(b))
	return true
}

// measure keeps avg_rtcp_size (RFC 3550 §6.3.3).
func (r *reporter) measure(octets int) {
	r.size += (float64(octets+control.DatagramOverhead) - r.size) / 16
}
