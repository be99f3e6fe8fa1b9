package multicast

import (
	"time"

	"github.com/pion/rtcp"

	"github.com/confbridge/confbridge/media/internal/control"
	"github.com/confbridge/confbridge/media/internal/udp"
)

const (
	lingerEvery = 50 * time.Millisecond
	// lingerMost is when one who leaves goes without a BYE: so many others are leaving that nobody will miss it.
	lingerMost = 30 * time.Second
)

// linger says BYE when it is its turn, among all who leave at the same time (RFC 3550 §6.3.7), and closes out. It is the keeper's.
func (s *Sender) linger(out *outlet) {
	defer func() { _ = out.close() }() // nothing is left that could be done about it
	now := time.Now()
	bye := s.report.appendBye(s.buf[:0], s, now)
	d := leaver{members: 1}
	d.timer.Measure(len(bye))
	ticker := time.NewTicker(lingerEvery)
	defer ticker.Stop()
	for end := now.Add(lingerMost); now.Before(end); now = <-ticker.C {
		d.hear(s, out.rtcp, now)
		if out.group != nil {
			d.hear(s, *out.group, now)
		}
		if d.timer.Due(now, control.Session{Members: d.members, Bandwidth: s.report.bandwidth}) {
			s.sendRTCP(out, s.report.appendBye(s.buf[:0], s, now))
			return
		}
	}
}

// leaver counts others who leave.
type leaver struct {
	timer   control.Timer
	members int
}

func (d *leaver) hear(s *Sender, from udp.Socket, now time.Time) {
	for range batchesPerLook {
		n := s.batch.Receive(from)
		for i := range n {
			p := s.batch.Packet(i, now, now.UnixNano())
			if control.Valid(p.Data) && control.Holds(p.Data, rtcp.TypeGoodbye) {
				d.members++
				d.timer.Measure(len(p.Data))
			}
		}
		if n < udp.BatchSize {
			return
		}
	}
}
