package multicast

import "time"

// pairing knows which moment a timestamp is, for sender reports (RFC 3550 §6.4.1). Timestamps advance evenly and the calls that bring them do not:
// a tick can be late, and is never early. So the earliest counts at once, and later ones move it a little.
type pairing struct {
	rateHz int
	known  bool
	stamp  uint32    // of the last Send
	at     time.Time // when that should have been
}

const (
	// pairingLater is the share of a lateness that moves the pairing: a clock that is slow by 100 ppm has an error of 0.5 ms.
	pairingLater = 256
	// pairingJump is what is no lateness any more: ticks were left out.
	pairingJump = 100 * time.Millisecond
)

// sent notes that the sound from stamp on was sent at now.
func (p *pairing) sent(stamp uint32, now time.Time) {
	if !p.known {
		p.known, p.stamp, p.at = true, stamp, now
		return
	}
	due := p.at.Add(p.lasting(stamp - p.stamp))
	late := now.Sub(due)
	switch {
	case late < 0 || late > pairingJump:
		due = now
	default:
		due = due.Add(late / pairingLater)
	}
	p.stamp, p.at = stamp, due
}

// lasting is how long so many units of the clock are.
func (p *pairing) lasting(units uint32) time.Duration {
	return time.Duration(int64(units) * int64(time.Second) / int64(p.rateHz))
}

// stampAt is the timestamp of now, which is not far from the last Send.
func (p *pairing) stampAt(now time.Time) uint32 {
	since := min(max(now.Sub(p.at), 0), time.Minute)
	return p.stamp + uint32(int64(since)*int64(p.rateHz)/int64(time.Second))
}
