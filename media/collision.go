package media

import (
	"net/netip"
	"time"

	"github.com/confbridge/confbridge/media/internal/control"
)

// collide resolves a packet that bears our own SSRC (RFC 3550 §8.2). The first time it may be chance: we say BYE and
// take another. If it comes again from the same address, then it is our own sound that somebody sends back.
// Of a call the caller has made sure that from is the peer: a stranger must not make us change. In a group there are only strangers.
func (l *Leg) collide(from netip.AddrPort, now time.Time) reason {
	if l.conflict.Note(from, now) == control.Collision {
		l.report.bye(l, l.sender.ssrc)
		l.sender.renew()
		l.report.sentAny = false
	}
	return reasonLoop
}
