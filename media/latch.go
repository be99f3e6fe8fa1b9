package media

import (
	"net/netip"
	"time"
)

const (
	// probationSignalled is how many packets in sequence make a source believed that SDP has named, or a new SSRC of
	// the address that is believed already (MIN_SEQUENTIAL of RFC 3550 §A.1); probationOther for all others.
	probationSignalled = 2
	probationOther     = 3
	// silence is how long the true source must have been quiet before another may follow it; silenceRTCP the same
	// for its RTCP, which comes at most 7.5 s apart.
	silence     = 5 * time.Second
	silenceRTCP = 15 * time.Second
	// tie is how long a packet of the signalled address keeps others from overtaking it.
	tie = 200 * time.Millisecond
)

// latch knows where a peer's media truly comes from. Until it does, media goes where SDP says; the first packets that
// pass probation then fix the address, so that it also works through a NAT (RFC 4961, RFC 7362 §4). From then on
// others are not obeyed while the true source is alive: it is the defence of RFC 7362 §5 against whoever sprays RTP.
//
//   - The address that SDP named may take over at any time, having passed probation.
//   - Another one may do so when the true source has been silent, RTP and RTCP; but a true source that is where SDP
//     said it would be is not behind a NAT and never moves without signalling: there only the same SSRC with the
//     sequence going on is believed, which nobody off the path can know.
//   - A changed address in SDP opens the latch: the old source is still heard, and whoever passes probation first
//     follows it. If nobody does, it is fixed again.
type latch struct {
	signalled netip.AddrPort
	addr      netip.AddrPort // the true source; not valid before it is known
	opened    time.Time      // since when the latch on addr is open; zero while it is fixed
	heard     time.Time      // last valid RTP from addr
	heardRTCP time.Time      // last valid RTCP from the peer

	candidates [6]candidate
}

// candidate is a source on probation.
type candidate struct {
	addr  netip.AddrPort
	ssrc  uint32
	next  uint16
	count uint8
	at    time.Time
}

// signal says which address SDP names now.
func (t *latch) signal(addr netip.AddrPort, now time.Time) {
	if addr == t.signalled {
		return
	}
	t.signalled = addr
	t.opened = time.Time{}
	if t.addr.IsValid() && t.addr != addr {
		t.opened = now
	}
	t.candidates = [6]candidate{}
}

// fix takes addr for the true source.
func (t *latch) fix(addr netip.AddrPort, now time.Time) {
	t.addr, t.opened, t.heard = addr, time.Time{}, now
	t.candidates = [6]candidate{}
}

// target is where media goes.
func (t *latch) target() netip.AddrPort {
	if t.addr.IsValid() && t.opened.IsZero() {
		return t.addr
	}
	return t.signalled
}

// refresh notes that the true source was heard; it says whether that has fixed an open latch again.
func (t *latch) refresh(now time.Time) bool {
	t.heard = now
	if t.opened.IsZero() || now.Sub(t.opened) < silence {
		return false
	}
	t.opened = time.Time{}
	return true
}

// rest starts the clock of silence anew. It is called all through a hold, so that nobody takes over then.
func (t *latch) rest(now time.Time) { t.heard = now }

// try counts a valid packet from elsewhere than the true source, or of another SSRC. accepted means that the
// probation is passed and addr may be fixed.
func (t *latch) try(from netip.AddrPort, ssrc uint32, sequence uint16, now time.Time, src *source) reason {
	c := t.candidate(from, ssrc)
	switch {
	case c.count > 0 && sequence == c.next-1:
		c.at = now // the same again: neither here nor there
	case c.count > 0 && sequence == c.next && now.Sub(c.at) < silence:
		c.count = min(c.count+1, 100)
		c.next++
	default:
		c.count, c.next = 1, sequence+1
	}
	c.at = now
	need, why := t.probation(from, ssrc, sequence, now, src)
	if need == 0 || c.count < need {
		return why
	}
	return accepted
}

// probation is how many packets in sequence are asked for, 0 if none are enough now; and what to call it until then.
func (t *latch) probation(from netip.AddrPort, ssrc uint32, sequence uint16, now time.Time, src *source) (uint8, reason) {
	known := t.addr.IsValid()
	switch {
	case known && from == t.addr:
		return probationSignalled, reasonSSRC
	case from == t.signalled:
		return probationSignalled, reasonProbation
	case !known || !t.opened.IsZero():
		if t.contested(now) {
			return 0, reasonSource
		}
		return probationOther, reasonProbation
	case now.Sub(t.heard) < silence || now.Sub(t.heardRTCP) < silenceRTCP:
		return 0, reasonSource
	case t.addr == t.signalled && !(ssrc == src.ssrc && sequence-src.max < maxDropout):
		return 0, reasonSource
	}
	return probationOther, reasonSource
}

// contested says whether the signalled address is on probation this moment: it wins a tie.
func (t *latch) contested(now time.Time) bool {
	for i := range t.candidates {
		c := &t.candidates[i]
		if c.count > 0 && c.addr == t.signalled && now.Sub(c.at) < tie {
			return true
		}
	}
	return false
}

// candidate finds the place of a source, or takes the one unused longest; never that of the signalled address for
// another's, so that many strangers cannot push it out.
func (t *latch) candidate(from netip.AddrPort, ssrc uint32) *candidate {
	for i := range t.candidates {
		c := &t.candidates[i]
		if c.count > 0 && c.addr == from && c.ssrc == ssrc {
			return c
		}
	}
	oldest := &t.candidates[0]
	// Place 0 is for the signalled address, place 1 for another SSRC of the true source.
	switch from {
	case t.signalled:
	case t.addr:
		oldest = &t.candidates[1]
	default:
		oldest = &t.candidates[2]
		for i := range t.candidates[3:] {
			if c := &t.candidates[3+i]; c.at.Before(oldest.at) {
				oldest = c
			}
		}
	}
	*oldest = candidate{addr: from, ssrc: ssrc}
	return oldest
}

// calm forgets other SSRCs of the true source: the one that is heard goes on.
func (t *latch) calm() {
	for i := range t.candidates[:2] {
		if c := &t.candidates[i]; c.count > 0 && c.addr == t.addr {
			c.count = 0
		}
	}
}
