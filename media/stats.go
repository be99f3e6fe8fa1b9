package media

import (
	"net/netip"
	"time"
)

// Stats is what a leg has counted since it was opened. Source, PacketsLost, Jitter and PeerBye are of the source
// heard last.
type Stats struct {
	PacketsReceived, BytesReceived uint64 // RTP that was taken
	PacketsRejected                uint64 // RTP that was not
	PacketsSent, BytesSent         uint64
	SendErrors                     uint64
	Source                         netip.AddrPort // where the peer's RTP truly comes from; not valid before it is known
	PacketsLost                    int64          // that never came; duplicates make it smaller (RFC 3550 §6.4.1)
	Jitter                         time.Duration  // interarrival jitter (RFC 3550 §6.4.1)
	RoundTrip                      time.Duration  // 0 before the peer has reported
	PeerLost                       float64        // share of our packets that the peer's last report missed, 0 to 1
	PeerBye                        bool           // the peer has said BYE for its source (RFC 3550 §6.6), which has not gone on
}

// Stats is for the leg's owner, like its other methods.
func (l *Leg) Stats() Stats {
	return Stats{
		PacketsReceived: l.counters.in.Load(), BytesReceived: l.bytesIn,
		PacketsRejected: l.counters.inRejected.Load(),
		PacketsSent:     l.counters.out.Load(), BytesSent: l.bytesOut,
		SendErrors:  l.counters.outError.Load(),
		Source:      l.latch.addr,
		PacketsLost: l.source.lost(),
		RoundTrip:   l.report.peer.RoundTrip,
		PeerLost:    l.report.peer.Loss,
		PeerBye:     l.report.peer.bye,
		Jitter:      l.jitter(),
	}
}

// Gone says whether the source has said BYE (RFC 3550 §6.6), and neither goes on nor has anything come of another one since.
func (l *Leg) Gone() bool { return l.report.peer.bye }

// jitter is the interarrival jitter of what comes in (RFC 3550 §6.4.1).
func (l *Leg) jitter() time.Duration {
	if l.format.ClockRateHz == 0 {
		return 0
	}
	return time.Duration(l.source.jitter>>4) * time.Second / time.Duration(l.format.ClockRateHz)
}
