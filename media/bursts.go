package media

// gapMinimum is Gmin of RFC 3611 §4.7.2: so many packets received in a row end a burst of losses.
const gapMinimum = 16

// lateWindow is how many packets back one may still come and does not count as lost.
const lateWindow = 64

// bursts sorts the packets of a source into bursts and gaps (RFC 3611 §4.7.2). A burst begins and ends with a packet that was lost
// or discarded, which is called lost here in both cases, and has nowhere 16 received ones in a row; all the rest is gaps, the
// losses in them being lonely ones. The zero value is ready; a source's first packet is its first advance.
type bursts struct {
	window uint64 // which of the last 64 packets came and were of use, the newest in bit 0
	thrown uint64 // which of them came, and were of no use: nor is it when they come again
	filled int    // how much of these is in use

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
		b.thrown <<= 1
	}
	b.window |= 1
}

// late says that a packet has come that is n older than the newest.
func (b *bursts) late(n uint16) {
	if int(n) < b.filled {
		b.window |= 1 << n &^ b.thrown
	}
}

// discard says that the packet that is n older than the newest has come and was thrown out by the jitter buffer.
func (b *bursts) discard(n uint16) {
	if int(n) < b.filled {
		b.window &^= 1 << n
		b.thrown |= 1 << n
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

// runs is what bursts and gaps are like on average. The gaps are averaged over the bursts: the one before the first and the one behind
// the last count as one. So the example of RFC 3611 §4.7.2 has it (230 and 290 ms around one burst are 520 ms) and its §A.2,
// whose algorithm is the one that holds: all packets of gaps over the changes from gap to burst.
type runs struct {
	burstDensity, gapDensity float64 // share of their packets that is lost or discarded, 0 to 1
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
