package media

// gapMinimum is Gmin of RFC 3611 §4.7.2: so many packets received in a row end a burst of losses.
const gapMinimum = 16

// lateWindow is how many packets back one may still come and does not count as lost.
const lateWindow = 64

// bursts sorts the packets of a source into bursts and gaps (RFC 3611 §4.7.2). A burst begins and ends with a lost packet,
// and has nowhere 16 received ones in a row; all the rest is gaps, the losses in them being lonely ones. What the jitter
// buffer discards is not known here and counts as received. The zero value is ready; a source's first packet is its first
// advance.
type bursts struct {
	window uint64 // which of the last 64 packets came, the newest in bit 0
	filled int    // how much of it is in use

	received uint32 // in a row, since the last loss
	lost     uint32 // in the cluster of losses that is open, which a burst may come of
	span     uint32 // packets from the first to the last of them

	count        uint32 // bursts that are over
	burstPackets uint32
	burstLost    uint32
	gapPackets   uint32
	gapLost      uint32
}

// advance says that a packet has come that is n newer than the newest so far.
func (b *bursts) advance(n uint16) {
	for ; n > 0; n-- {
		if b.filled < lateWindow {
			b.filled++
		} else {
			b.sort(b.window>>(lateWindow-1) != 0)
		}
		b.window <<= 1
	}
	b.window |= 1
}

// late says that a packet has come that is n older than the newest.
func (b *bursts) late(n uint16) {
	if int(n) < b.filled {
		b.window |= 1 << n
	}
}

// sort takes the next packet for which it is too late to come.
func (b *bursts) sort(came bool) {
	if came {
		b.received++
		return
	}
	if b.received >= gapMinimum || b.lost == 0 {
		b.close()
		b.gapPackets += b.received
		b.lost, b.span, b.received = 1, 1, 0
		return
	}
	b.lost++
	b.span += b.received + 1
	b.received = 0
}

// close ends the open cluster: one lonely loss is part of a gap, more are a burst.
func (b *bursts) close() {
	switch {
	case b.lost > 1:
		b.count++
		b.burstPackets += b.span
		b.burstLost += b.lost
	case b.lost == 1:
		b.gapPackets++
		b.gapLost++
	}
	b.lost, b.span = 0, 0
}

// runs is what bursts and gaps are like on average. As in the example of RFC 3611 §4.7.2 and in its §A.2, the gaps are averaged
// over the bursts: the one before the first and the one behind the last count as one.
type runs struct {
	burstDensity, gapDensity float64 // share of their packets that is lost, 0 to 1
	burstPackets, gapPackets float64 // their length
}

// runs counts what is open as if it ended now.
func (b *bursts) runs() (r runs) {
	now := *b
	now.close()
	now.gapPackets += now.received
	if now.count > 0 {
		r.burstDensity = float64(now.burstLost) / float64(now.burstPackets)
		r.burstPackets = float64(now.burstPackets) / float64(now.count)
	}
	if now.gapPackets > 0 {
		r.gapDensity = float64(now.gapLost) / float64(now.gapPackets)
		r.gapPackets = float64(now.gapPackets) / float64(max(now.count, 1))
	}
	return r
}
